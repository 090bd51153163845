"""The two kinds of error a user sees: their mistake (exit 2) and our failure (exit 1)."""

from __future__ import annotations


class HarnessError(Exception):
    """Something failed. The message is one sentence: what, where, what to do."""

    exit_code = 1


class UserError(HarnessError):
    """The user asked for something that cannot be: an unknown name, a bad value, a wrong file."""

    exit_code = 2


class ImageError(UserError):
    """One image cannot be read or processed; it is recorded as failed and the run goes on."""
