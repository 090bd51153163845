"""Detectors: embedded, detectron2's, torchvision's."""
