"""Compression-artifact-reduction networks behind one interface."""
