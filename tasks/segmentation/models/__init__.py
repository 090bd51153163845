"""Segmenters: embedded, mmsegmentation's, torchvision's."""
