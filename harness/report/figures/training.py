"""Training curves: losses and validation against the step or the time, from logs."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError
from harness.report.figures.axes import legend_below, panel_grid
from harness.report.figures.base import Figure
from harness.report.figures.data import join
from harness.report.figures.style import assign_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

NAME = "training"

AXES = ("step", "time")
"""What the curves can be drawn against."""

_VALIDATION = "validation_"
_TIME = "seconds_per_step"


@dataclass(frozen=True)
class Log:
    """A training's log.

    Attributes:
        name: of the training.
        columns: by name, (rows,) numbers; NaN for what is empty.
    """

    name: str
    columns: dict[str, list[float]]

    @property
    def steps(self) -> list[float]:
        """Of the rows, rising."""
        return self.columns["step"]

    @property
    def minutes(self) -> list[float]:
        """From the beginning to each row, in training itself: interruptions are not in it."""
        steps = itertools.pairwise([0.0, *self.steps])
        rates = self.columns[_TIME]
        minutes = ((to - since) * rate / 60 for (since, to), rate in zip(steps, rates, strict=True))
        return list(itertools.accumulate(minutes))

    @property
    def losses(self) -> list[str]:
        """Columns that are means over the steps since the last row; those equal to others once."""
        names: dict[tuple[float, ...], str] = {}
        for name, values in self.columns.items():
            if name not in ("step", _TIME) and not name.startswith(_VALIDATION):
                names.setdefault(tuple(values), name)
        return list(names.values())

    def validations(self, column: str) -> list[int]:
        """The rows in which a validation figure is a new one.

        A log repeats the last one in each row, and has 0 before the first.
        """
        values = self.columns[column]
        return [
            row
            for row, value in enumerate(values)
            if not math.isnan(value) and value != (values[row - 1] if row else 0.0)
        ]


def find_logs(path: Path) -> list[Log]:
    """The logs under a path: a CSV file, a training's folder, or one with a folder a stage.

    Raises:
        UserError: there is none, or it is not a training's.
    """
    if path.is_dir():
        inner = [path / "log.csv"] if (path / "log.csv").is_file() else []
        inner = inner or sorted(path.glob("*/log.csv"))
        if not inner:
            raise UserError(
                f"{path} has no log.csv, nor has a folder in it. Name the folder that 'harness "
                "train' wrote, or a CSV file."
            )
        return [_read(file, _name(path, file)) for file in inner]
    return [_read(path, path.parent.name if path.name == "log.csv" else path.stem)]


def _name(root: Path, file: Path) -> str:
    return "/".join([root.resolve().name, *file.parent.relative_to(root).parts])


def _read(path: Path, name: str) -> Log:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = [row for row in csv.reader(file) if row] or [[]]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UserError(f"Cannot read the training log {path}: {reason}.") from error
    if not {"step", _TIME} <= set(head) or not rows:
        lacking = "no rows" if {"step", _TIME} <= set(head) else f"no columns step and {_TIME}"
        raise UserError(f"{path} is not a training's log: it has {lacking}.")
    if rows and len(rows[-1]) < len(head):
        rows.pop()  # a training that is still at work, or was killed, may have cut it short
    try:
        columns = {name: [float(row[k] or "nan") for row in rows] for k, name in enumerate(head)}
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} is not a training's log: {error}.") from error
    return Log(name, columns)


def training_figure(paths: Sequence[Path], against: str = "step") -> Figure:
    """Losses and validation figures of trainings.

    Of one training every loss is drawn; of several the first loss of each, over its value in the
    first row, as losses of different kinds have no common scale.

    Args:
        paths: CSV files or folders of trainings, see `find_logs`.
        against: of `AXES`.

    Raises:
        UserError: a path has no log, or there is no such axis.
    """
    if against not in AXES:
        raise UserError(f"Unknown axis '{against}'. Available: {', '.join(AXES)}.")
    logs = [log for path in paths for log in find_logs(path)]
    several = len(logs) > 1
    validated = _validated(logs)
    named = [f"{log.name} ({len(log.steps)} rows, to step {log.steps[-1]:g})" for log in logs]
    caption = join(
        f"Training of {', '.join(named)}.",
        "Losses are means over the steps since the row before, on training data"
        + ("; each is divided by its first row's value." if several else "."),
        "Validation figures are drawn at the first row that has them."
        if validated
        else "No validation was logged.",
        "Time is that spent training, without interruptions." if against == "time" else "",
        "One training each: nothing is said about how another seed would end.",
    )
    return Figure(NAME, "Training curves", caption, partial(_draw, logs, validated, against))


def _validated(logs: Sequence[Log]) -> list[str]:
    """The validation columns that have numbers; of PSNR and its gain, the gain."""
    names = dict.fromkeys(name for log in logs for name in log.columns)
    validated = [
        name
        for name in names
        if name.startswith(_VALIDATION)
        and any(name in log.columns and log.validations(name) for log in logs)
    ]
    gain = f"{_VALIDATION}gain"
    return [gain] if gain in validated else validated


def _draw(logs: list[Log], validated: list[str], against: str, width: float) -> Canvas:
    several = len(logs) > 1
    note = f"training, {len(logs)} {'logs' if several else 'log'}"
    figure, (losses, *others) = panel_grid(width, 1 + len(validated), 2.4, 0.5, note)
    names = [log.name for log in logs] if several else logs[0].losses
    styles = assign_styles(names)
    for log in logs:
        x = log.steps if against == "step" else log.minutes
        for column in log.losses[:1] if several else log.losses:
            values = log.columns[column]
            first = abs(values[0]) or 1.0
            values = [value / first for value in values] if several else values
            style = styles[log.name if several else column]
            losses.plot(x, values, **{**style.drawn(), "markevery": max(len(x) // 8, 1)})
        for axes, column in zip(others, validated, strict=True):
            style = styles.get(log.name) or styles[log.losses[0]]
            at = log.validations(column) if column in log.columns else []
            look = {**style.drawn(), "markevery": max(len(at) // 8, 1)}
            axes.plot([x[k] for k in at], [log.columns[column][k] for k in at], **look)
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in losses.get_lines()])
    if (drawn > 0).all():
        _log_losses(losses)
    losses.set_ylabel(
        "loss over its first value\nlower is better" if several else "loss\nlower is better"
    )
    for axes, column in zip(others, validated, strict=True):
        axes.set_ylabel(_label(column))
    for axes in (losses, *others):
        axes.set_xlabel("step" if against == "step" else "minutes of training")
    legend_below(figure, names, styles)
    return figure


def _log_losses(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1.0,) if high > 100 * low else (1, 2, 5) if high > 4 * low else range(1, 10)
    axes.yaxis.set_major_locator(LogLocator(subs=list(subs)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _label(column: str) -> str:
    if column == f"{_VALIDATION}gain":
        return "validation: PSNR over jpeg (dB)\nhigher is better"
    qf = column.removeprefix(f"{_VALIDATION}gain_q")
    if qf.isdigit():
        return f"validation, QF {qf}: PSNR over jpeg (dB)\nhigher is better"
    unit = " (dB)" if "psnr" in column else ""
    return f"validation: {column.removeprefix(_VALIDATION)}{unit}"
