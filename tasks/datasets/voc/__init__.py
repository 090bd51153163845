"""PASCAL VOC and folders in its layout."""
