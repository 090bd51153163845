"""Encoders of one DAGN training used in another: Table V's five networks share stages 1 and 2.

The authors' encoders can be used as well, which come without a QF predictor.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from harness.assets.pickles import load_pickle
from harness.assets.reading import load_yaml
from harness.errors import UserError
from harness.plugins.training_loop import read_checkpoint
from restorers.architectures.dagn.autoencoders import AutoEncoder

KEPT = ("encoder.", "qf_predictor.")
"""What is used of an auto-encoder; its decoder serves training only, and may be of another size."""

RELEASED = {"insensitive": "is_encoder.pth", "sensitive": "se_encoder.pth"}
"""The authors' files of the encoders that stages 1 and 2 train."""


def holds_released_encoders(folder: Path) -> bool:
    """Whether encoders are to be taken from the authors' files."""
    return any((folder / file).is_file() for file in RELEASED.values())


def adopt_encoder(auto: AutoEncoder, run: Path, stage: str, name: str) -> Path:
    """Take the encoder, and the QF predictor if there is one, that a stage has trained.

    Args:
        auto: receives them.
        run: folder of the other training, or of the authors' files (see `RELEASED`), of which
            the QF predictor stays as it is.
        stage: ``insensitive`` or ``sensitive``.
        name: of the recipe that wants them, for messages.

    Returns:
        The file they are from.

    Raises:
        UserError: that stage has not been trained to its end, or its encoders are of another size.
    """
    if holds_released_encoders(run):
        return _adopt_released(auto, run / RELEASED[stage], name)
    path = run / stage / "last.pt"
    if not path.is_file():
        raise UserError(
            f"The recipe {name} takes its encoders from {path}, which is not there: train that "
            "recipe first."
        )
    saved = read_checkpoint(path)
    steps = _steps(run, stage)
    if steps is not None and saved["step"] < steps:
        raise UserError(
            f"The recipe {name} takes its encoders from {path}, which is at step {saved['step']} "
            f"of {steps}: train that recipe to the end of its stages first."
        )
    # Runs of before there was an average ended in their last network.
    state = saved["state"].get("average") or saved["state"].get("network", {})
    named = {key.removeprefix("module."): value for key, value in state.items()}
    parts = {key: value for key, value in named.items() if key.startswith(KEPT)}
    wanted = {key for key in auto.state_dict() if key.startswith(KEPT)}
    try:
        if wanted != parts.keys():
            raise RuntimeError("other layers")
        auto.load_state_dict(parts, strict=False)
    except RuntimeError as error:
        raise UserError(
            f"{path} holds encoders of another size than the recipe {name} wants."
        ) from error
    return path


def _adopt_released(auto: AutoEncoder, path: Path, name: str) -> Path:
    content = load_pickle(path)
    state = content.get("encoder_state", content) if isinstance(content, dict) else {}
    try:
        auto.encoder.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} holds no encoder of the size the recipe {name} wants; the authors' are of "
            "the size 'published'."
        ) from error
    return path


def _steps(run: Path, stage: str) -> int | None:
    """How many steps the other training's recipe gives the stage; None if it does not say."""
    try:
        recipe = load_yaml(run / "recipe.yaml")
        return int(recipe[stage]["steps"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return None
