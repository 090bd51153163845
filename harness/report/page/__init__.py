"""The HTML page of a run directory: what goes in, and how it becomes one self-contained file."""
