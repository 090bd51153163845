"""A restorer and a detector for restoration-harness."""
