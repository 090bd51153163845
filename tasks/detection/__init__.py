"""Object detection, scored by box mAP."""
