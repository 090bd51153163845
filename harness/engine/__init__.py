"""Who walks the images."""

MAX_EQUAL_FAILURES = 5
"""Images in a row that may fail alike before their cell is stopped, unless the user says."""
