"""The two kinds of error a user sees: their mistake (exit 2) and our failure (exit 1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

PART_FAILURES = (Exception, SystemExit)
"""What a plugin may raise. One that calls ``sys.exit()`` has failed; it does not end the run."""


class HarnessError(Exception):
    """Something failed. The message is one sentence: what, where, what to do."""

    exit_code = 1


class UserError(HarnessError):
    """The user asked for something that cannot be: an unknown name, a bad value, a wrong file."""

    exit_code = 2


class ImageError(UserError):
    """One image cannot be read or processed; it is recorded as failed and the run goes on."""


@contextmanager
def no_exit() -> Iterator[None]:
    """Nothing inside may end the program: ``sys.exit()`` in a plugin is that plugin's failure.

    Raises:
        HarnessError: something called it.
    """
    try:
        yield
    except SystemExit as error:
        where = ""
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            where = f"{code.co_filename}, line {trace.tb_lineno} ({code.co_name})"
            trace = trace.tb_next
        raise HarnessError(
            f"sys.exit({error.code!r:.80}) was called in {where}. Mend that plugin, or leave it "
            "out: it is to raise an error that says what is wrong."
        ) from error


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'NAME'?``, with the nearest known name; nothing where none is near."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
