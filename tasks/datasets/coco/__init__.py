"""COCO and files in its format."""
