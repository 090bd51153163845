"""The installation and its costs: doctor, self-test, fetch, timing."""
