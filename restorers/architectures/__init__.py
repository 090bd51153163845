"""The restorers' networks, one package each."""
