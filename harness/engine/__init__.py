"""Who walks the images."""
