"""Image classification, scored by top-1 and top-5."""
