"""The views of one image: taken from the folder where they are as they would be made, else made."""

from __future__ import annotations

import io
import json
import math
from hashlib import sha256
from pathlib import Path

from harness.analysis.metrics import scaled
from harness.assets.reading import load_json
from harness.engine.pipeline import Prepared, prepare
from harness.errors import HarnessError
from harness.images.io import write_png
from harness.panels import overlay as draw
from harness.panels.recompute import see
from harness.panels.select import UNDONE, Choice
from harness.plugins.dataset import ImageRef
from harness.plugins.record import Record
from harness.plugins.task import Task
from harness.records.atomic import write_atomic
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry
from harness.report.panel_index import View, view_from_json, view_to_json
from harness.study.plan import Plan

_LONGEST = 60
_VIEWS = "views"  # a folder of their own: a restorer may be called "panel"


def panel_folder(choice: Choice) -> Path:
    """Where a panel lies in the folder of panels."""
    return Path(file_name(choice.task)) / file_name(f"{choice.image}-{choice.codec}-q{choice.qf}")


def file_name(text: str) -> str:
    """A name of a file for any text: what is not plain is replaced, and a short hash added."""
    letters = (c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in text)
    plain = "".join(letters).lstrip(".")[:_LONGEST]
    digest = sha256(text.encode(errors="replace")).hexdigest()
    return plain if plain == text else f"{plain}-{digest[:8]}"


def read_view(folder: Path, at: Path, restorer: str, cells: dict[str, CellEntry]) -> View | None:
    """The view in the folder, if it is the one that would be made now.

    Args:
        folder: of all panels.
        at: of this panel, relative to it.
        restorer: its name.
        cells: the row's cells in the manifest, by restorer.
    """
    try:
        text = (folder / at / _VIEWS / f"{file_name(restorer)}.json").read_text(encoding="utf-8")
        view = view_from_json(load_json(text))
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    fingerprint = cells[restorer].fingerprint if restorer in cells else ""
    files = [name for name in (view.picture, view.overlay) if name is not None]
    complete = all((folder / name).is_file() for name in files)
    current = view.fingerprint == fingerprint if fingerprint else not view.note
    return view if complete and current and view.drawn == draw.VERSION else None


def prepare_image(plan: Plan, choice: Choice) -> Prepared:
    """The image read and compressed, for `make_view`.

    Raises:
        HarnessError: it cannot be compressed, or the data set no longer has it.
    """
    images: tuple[ImageRef, ...] = plan.images
    image = next((image for image in images if image.id == choice.image), None)
    if image is None:
        raise HarnessError(
            f"The data set {plan.data_set.name} no longer has the image {choice.image}: it is not "
            "the one the run was made with."
        )
    prepared = prepare(plan, image, [choice.condition])
    if choice.condition in prepared.errors:
        raise HarnessError(prepared.errors[choice.condition])
    return prepared


def make_view(
    plan: Plan,
    directory: RunDirectory,
    folder: Path,
    choice: Choice,
    prepared: Prepared,
    restorer: str,
) -> View:
    """Make a view of a prepared image and keep it in the folder of all panels.

    Raises:
        HarnessError: it cannot be made, or not be written.
    """
    seen = see(plan, directory, prepared, choice.task, restorer, choice.condition)
    at = panel_folder(choice) / _VIEWS
    name = file_name(restorer)
    height, width = seen.pixels.shape[:2]
    write_png(seen.pixels, folder / at / f"{name}.png")
    overlay = None
    if seen.drawing is not None:
        overlay = draw.overlay(seen.drawing, width, height, seen.truth)
    if overlay is not None:
        buffer = io.BytesIO()
        overlay.save(buffer, "PNG")
        write_atomic(folder / at / f"{name}.overlay.png", buffer.getvalue())
    fidelity = {} if seen.record is None else seen.record.fidelity
    psnr = _finite(fidelity.get("psnr", fidelity.get("psnr_y")))
    score = None
    if seen.record is not None:
        score = _image_score(plan.tasks[choice.task].task, plan, choice.image, seen.record)
    view = View(
        restorer=restorer,
        label=_label(restorer, choice, plan),
        picture=str(at / f"{name}.png"),
        overlay=None if overlay is None else str(at / f"{name}.overlay.png"),
        psnr=psnr,
        # Of the uncompressed image itself it says nothing.
        ssim=None if psnr is None else _finite(fidelity.get("ssim", fidelity.get("ssim_y"))),
        score=score,
        caption="" if seen.drawing is None else seen.drawing.caption,
        same=seen.same,
        fingerprint=seen.fingerprint,
        note=seen.note,
        legend=() if seen.drawing is None else draw.map_legend(seen.drawing),
        drawn=draw.VERSION,
    )
    text = json.dumps(view_to_json(view), indent=1)
    write_atomic(folder / at / f"{name}.json", text.encode())
    return view


def _image_score(task: Task, plan: Plan, image: str, record: Record) -> float | None:
    """The image's own headline metric in the unit tables print; None where there is none."""
    sample = task.sample({image: record}, task.ground_truth(plan.data_set, [image]))
    if sample is None:
        return None
    return _finite(scaled(task, task.metric, float(sample.per_image()[0])))


def _label(restorer: str, choice: Choice, plan: Plan) -> str:
    """What is printed over a view."""
    if plan.restorers[restorer].reference:
        return "Original"
    if restorer != UNDONE:
        return restorer
    return f"JPEG QF {choice.qf}" if choice.codec == "jpeg" else f"{choice.codec} {choice.qf}"


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
