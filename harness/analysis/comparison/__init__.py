"""Two restorers or two runs compared."""
