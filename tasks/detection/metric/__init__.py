"""Box mAP as pycocotools computes it, and its resampling."""
