"""Two restorers or two runs held against each other."""
