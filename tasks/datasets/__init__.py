"""The data sets of the literature, and the users' own in the same formats."""
