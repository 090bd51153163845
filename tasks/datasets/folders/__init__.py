"""Data sets that are plain folders: images, masks, classes."""
