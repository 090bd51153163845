"""JPEG from inside: coefficients and the block DCT."""
