"""The views of one image: taken from the folder where they are as they would be made, else made."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from harness.analysis.metrics import scaled
from harness.engine.pipeline import Prepared, prepare
from harness.errors import HarnessError
from harness.images.io import write_png
from harness.panels import overlay as draw
from harness.panels.recompute import Seen, see
from harness.panels.select import UNDONE, Choice
from harness.plugins import ImageRef, Record, Task
from harness.records.atomic import write_atomic
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry
from harness.report.panel_index import View, view_from_json, view_to_json
from harness.study.grid import TaskPlan
from harness.study.plan import Plan

_LONGEST = 60
_VIEWS = "views"  # a folder of their own: a restorer may be called "panel"


def panel_folder(choice: Choice) -> Path:
    """Where a panel lies in the folder of panels."""
    return Path(file_name(choice.task)) / file_name(f"{choice.image}-{choice.codec}-q{choice.qf}")


def file_name(text: str) -> str:
    """A name of a file for any text: what is not plain is replaced, and a short hash added."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_"
        for letter in text
    ).lstrip(".")[:_LONGEST]
    return (
        plain
        if plain == text
        else f"{plain}-{sha256(text.encode(errors='replace')).hexdigest()[:8]}"
    )


def held_view(folder: Path, at: Path, restorer: str, cells: dict[str, CellEntry]) -> View | None:
    """The view in the folder, if it is the one that would be made now.

    Args:
        folder: of all panels.
        at: of this panel, relative to it.
        restorer: its name.
        cells: the row's cells in the manifest, by restorer.
    """
    try:
        text = (folder / at / _VIEWS / f"{file_name(restorer)}.json").read_text(encoding="utf-8")
        view = view_from_json(json.loads(text))
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    asked = cells[restorer].fingerprint if restorer in cells else ""
    files = [name for name in (view.picture, view.overlay) if name is not None]
    there = all((folder / name).is_file() for name in files)
    current = view.fingerprint == asked if asked else not view.note
    return view if there and current and view.drawn == draw.VERSION else None


@dataclass
class Maker:
    """Makes the views of one image, reading and compressing it once.

    Attributes:
        plan: gives the plan of `harness.panels.replan.replan`, made when the first view is.
        directory: the run.
        folder: of all panels.
        choice: the image.
    """

    plan: Callable[[], Plan]
    directory: RunDirectory
    folder: Path
    choice: Choice
    _ready: Prepared | None = None

    def make(self, restorer: str) -> View:
        """Make a view and keep it in the folder.

        Raises:
            HarnessError: it cannot be made, or not be written.
        """
        plan, choice = self.plan(), self.choice
        condition = (choice.codec, choice.qf)
        if self._ready is None:
            self._ready = prepare(plan, self._image(plan), [condition])
        if condition in self._ready.errors:
            raise HarnessError(self._ready.errors[condition])
        seen = see(plan, self.directory, self._ready, choice.task, restorer, condition)
        at = panel_folder(choice) / _VIEWS
        name = file_name(restorer)
        height, width = seen.pixels.shape[:2]
        write_png(seen.pixels, self.folder / at / f"{name}.png")
        sheet = None
        if seen.drawing is not None:
            sheet = draw.overlay(seen.drawing, width, height, seen.truth)
        if sheet is not None:
            buffer = io.BytesIO()
            sheet.save(buffer, "PNG")
            write_atomic(self.folder / at / f"{name}.overlay.png", buffer.getvalue())
        view = replace(
            self._numbers(plan.tasks[choice.task], plan, seen),
            restorer=restorer,
            label=view_label(restorer, choice, plan),
            picture=str(at / f"{name}.png"),
            overlay=None if sheet is None else str(at / f"{name}.overlay.png"),
        )
        text = json.dumps(view_to_json(view), indent=1)
        write_atomic(self.folder / at / f"{name}.json", text.encode())
        return view

    def _image(self, plan: Plan) -> ImageRef:
        for image in plan.images:
            if image.id == self.choice.image:
                return image
        raise HarnessError(
            f"The data set {plan.data_set.name} no longer has the image {self.choice.image}: it is "
            "not the one the run was made with."
        )

    def _numbers(self, part: TaskPlan, plan: Plan, seen: Seen) -> View:
        record, image = seen.record, self.choice.image
        found = record.fidelity if record is not None else {}
        psnr = _finite(found.get("psnr", found.get("psnr_y")))
        legend = () if seen.drawing is None else draw.map_legend(seen.drawing)
        return View(
            *("", "", "", None),
            psnr=psnr,
            # Of the uncompressed image itself it says nothing.
            ssim=None if psnr is None else _finite(found.get("ssim", found.get("ssim_y"))),
            score=None if record is None else image_score(part.task, plan, image, record),
            caption="" if seen.drawing is None else seen.drawing.caption,
            same=seen.same,
            fingerprint=seen.fingerprint,
            note=seen.note,
            legend=legend,
            drawn=draw.VERSION,
        )


def image_score(task: Task, plan: Plan, image: str, record: Record) -> float | None:
    """The image's own headline metric in the unit tables print; None where there is none."""
    sample = task.sample({image: record}, task.ground_truth(plan.data_set, [image]))
    if sample is None:
        return None
    return _finite(scaled(task, task.metric, float(sample.per_image()[0])))


def view_label(restorer: str, choice: Choice, plan: Plan) -> str:
    """What is printed over a view."""
    if plan.restorers[restorer].reference:
        return "Original"
    if restorer == UNDONE:
        if choice.codec == "jpeg":
            return f"JPEG QF {choice.qf}"
        return f"{choice.codec} {choice.qf}"
    return restorer


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
