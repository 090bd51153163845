"""How the shipped restorers were trained; run by `harness train`."""
