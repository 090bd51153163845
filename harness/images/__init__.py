"""Pixels: image files, codecs, fidelity."""
