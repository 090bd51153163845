"""How images are worked on: in threads of this machine, with progress and resume."""

MAX_EQUAL_FAILURES = 5
"""Images in a row that may fail alike before their cell is stopped, unless the user says."""
