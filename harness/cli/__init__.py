"""The command line: options in, a call, text out."""
