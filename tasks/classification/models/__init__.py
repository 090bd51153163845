"""Classifiers: embedded and torchvision's."""
