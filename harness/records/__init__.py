"""The run directory: what a study leaves on disk, and how it is read back."""
