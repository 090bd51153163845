"""Progress of a long run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Progress(Protocol):
    """What the engine tells."""

    def start(self, total: int, done: int) -> None:
        """``total`` records, ``done`` of them from an earlier run."""

    def advance(self) -> None:
        """One more record."""

    def tell(self, describe: Callable[[], str]) -> None:
        """A line to show; made when it is wanted."""

    def stop(self) -> None:
        """No more."""


class Silent:
    """Tells nothing."""

    def start(self, total: int, done: int) -> None:
        """Nothing."""

    def advance(self) -> None:
        """Nothing."""

    def tell(self, describe: Callable[[], str]) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


def error_console() -> Console:
    """Where progress is shown."""
    from rich.console import Console

    return Console(stderr=True)


class ConsoleProgress:
    """A bar with rate and time left on a terminal; elsewhere a line every ``every`` seconds.

    Args:
        console: where to write (standard error, so that tables can be piped).
        unit: what is counted.
        every: seconds between plain lines.
    """

    def __init__(self, console: Console, unit: str = "records", every: float = 15.0) -> None:
        self._console = console
        self._unit = unit
        self._every = every
        self._bar: _Bar | None = None

    def start(self, total: int, done: int) -> None:
        """Show the first state."""
        self._total, self._done, self._first = total, done, done
        self._began = self._told = time.monotonic()
        if self._console.is_terminal:
            self._bar = _Bar(self._console, self._unit, total, done)
            self._bar.__enter__()
        elif done < total:
            self._line()

    def advance(self) -> None:
        """Count one, and tell when it is time."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance()
        elif time.monotonic() - self._told >= self._every or self._done == self._total:
            self._told = time.monotonic()
            self._line()

    def tell(self, describe: Callable[[], str]) -> None:
        """Show a line, above the bar if there is one."""
        self._console.print(describe(), highlight=False, markup=False)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def _line(self) -> None:
        elapsed = time.monotonic() - self._began
        rate = (self._done - self._first) / elapsed if elapsed > 0 else 0.0
        left = f", {_clock((self._total - self._done) / rate)} left" if rate > 0 else ""
        speed = f" ({rate:.1f}/s{left})" if rate > 0 else ""
        self._console.print(f"{self._done}/{self._total} {self._unit}{speed}", highlight=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class _Bar:
    def __init__(self, console: Console, unit: str, total: int, done: int) -> None:
        from rich import progress as rich_progress

        self._progress = rich_progress.Progress(
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn(unit),
            rich_progress.TextColumn("{task.fields[rate]}"),
            rich_progress.TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=total, completed=done, rate="")
        self._began, self._count = time.monotonic(), 0

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advance(self) -> None:
        self._count += 1
        rate = self._count / max(time.monotonic() - self._began, 1e-9)
        self._progress.update(self._task, advance=1, rate=f"{rate:.1f}/s")
