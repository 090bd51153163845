"""The grid of a study's cells, and which of them cannot be measured."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Container
from dataclasses import dataclass

from harness.errors import HarnessError, UserError
from harness.images import fidelity
from harness.images import io as images_module
from harness.plugins import Codec, DataSet, ImageRef, Restorer, Task, VisionModel
from harness.study.device import CPU, CPU_KIND, Device
from harness.study.plugin_checks import checked_fingerprint
from harness.study.selection import Selection
from harness.study.study import Cell, Condition, Study, stable_hash


@dataclass(frozen=True)
class TaskPlan:
    """A task with its vision model (None for ``fidelity``)."""

    task: Task
    model: VisionModel | None

    @property
    def model_name(self) -> str:
        """The vision model's name, empty without one."""
        return self.model.name if self.model is not None else ""


def image_list_hash(images: tuple[ImageRef, ...]) -> str:
    """The sha256 over the ids, in order."""
    return stable_hash([image.id for image in images])


def skipped_cells(
    selection: Selection,
    restorers: dict[str, Restorer],
    codecs: dict[str, Codec],
    study: Study,
) -> dict[tuple[str, Condition], str]:
    """Why a restorer cannot run at a codec and QF.

    Raises:
        UserError: it cannot and the user named it.
    """
    found: dict[tuple[str, Condition], str] = {}
    for name, restorer in restorers.items():
        for codec_name, codec in codecs.items():
            reason = ""
            if restorer.needs_jpeg and not codec.jpeg:
                reason = (
                    f"The restorer {name} only understands JPEG files, so it has no "
                    f"{codec_name} cells."
                )
                if selection.named(name) and not any(one.jpeg for one in codecs.values()):
                    raise UserError(f"{reason} Leave it out, or choose a JPEG codec.")
            for qf in study.qf:
                why = reason or selection.skipped.get((name, qf), "")
                if why:
                    found[name, (codec_name, qf)] = why
    return found


def build_cells(
    study: Study,
    data_set: DataSet,
    images: tuple[ImageRef, ...],
    codecs: dict[str, Codec],
    restorers: dict[str, Restorer],
    tasks: dict[str, TaskPlan],
    skipped: Container[tuple[str, Condition]],
    gated: Container[str],
    device: Device = CPU,
) -> list[Cell]:
    """Every cell of a study's grid, measurable or not.

    The uncompressed images are cells where the study names them, and of the ``gated`` tasks.
    """
    common = {
        "data": checked_fingerprint("data set", data_set.name, data_set, data_set.fingerprint),
        "images": image_list_hash(images),
        "read": images_module.VERSION,
        "fidelity": fidelity.VERSION,
        "torch": _torch_version(),
        "seed": study.seed,
    }
    if device.kind != CPU_KIND:
        common["device"] = device.kind
    if study.luma:
        common["luma"] = fidelity.LUMA_VERSION
    compressed: list[Condition] = [(codec, qf) for codec in codecs for qf in study.qf]
    codec_fingerprints = {
        name: checked_fingerprint("codec", name, codec, codec.fingerprint)
        for name, codec in codecs.items()
    }
    named = {spec.partition(":")[0] for spec in study.restorers}
    cells = []
    for name, plan in tasks.items():
        model = {} if plan.model is None else _model_fingerprint(plan.model)
        known = {**common, "task": {"name": name, "version": plan.task.version}, "model": model}
        for restorer in restorers.values():
            if restorer.reference and not plan.task.scores_reference:
                continue
            if restorer.reference and restorer.name not in named and name not in gated:
                continue
            for condition in (None,) if restorer.reference else compressed:
                codec, qf = condition or ("", None)
                unfit = (restorer.name, condition) in skipped
                restored = {} if unfit else _restorer_fingerprint(restorer, qf or study.qf[0])
                inputs = {**known, "qf": qf, "restorer": restored}
                # A codec's fingerprint names the libraries that decode the data set's files too.
                if condition is None:
                    inputs["decoder"] = images_module.fingerprint()
                else:
                    inputs["codec"] = codec_fingerprints[codec]
                cells.append(
                    Cell(name, data_set.name, plan.model_name, codec, qf, restorer.name, inputs)
                )
    return cells


def _model_fingerprint(model: VisionModel) -> dict[str, str]:
    return checked_fingerprint("vision model", model.name, model, model.fingerprint)


def _restorer_fingerprint(restorer: Restorer, qf: int) -> dict[str, str]:
    return checked_fingerprint(
        "restorer", restorer.name, restorer, lambda: restorer.fingerprint(qf)
    )


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError as error:
        raise HarnessError("torch is not installed. Install the project again.") from error
