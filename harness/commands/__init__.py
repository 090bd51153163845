"""The subcommands of ``harness``: options in, a call, text out. No logic lives here."""
