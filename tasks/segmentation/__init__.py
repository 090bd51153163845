"""Semantic segmentation, scored by mIoU."""
