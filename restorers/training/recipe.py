"""What a training recipe of ARCNN says."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UserError
from restorers.arcnn.network import MARGIN


class ImageSource(BaseModel):
    """A folder or ``dataset:NAME``; patches are drawn from it with odds ``share``.

    Attributes:
        path: the source.
        share: weight among the sources.
        limit: use this many images, chosen by the hash of their names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    share: float = Field(1.0, gt=0)
    limit: int | None = Field(None, ge=1)


class Recipe(BaseModel):
    """A training run.

    Attributes:
        trainer: ``arcnn``.
        name: of the checkpoint.
        qf: JPEG quality factor.
        seed: of initialisation and patches.
        steps: batches in all.
        float32_steps: the last of these run in float32, those before in bfloat16 (twice as fast
            where the processor has it; its rounding costs 0.05 dB if nothing follows).
        batch_size: patches a step.
        patch_size: side of a patch, pixels; the loss is on the inner ``patch_size`` - 18.
        lr: highest learning rate.
        images: what to train on.
        validation: a folder, ``limit`` images of which are held out of ``images``.
        measure: a folder measured with the finished network, if it is there.
        init_from: card of the checkpoint to start from (the paper's transfer between QFs).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    trainer: str
    name: str
    qf: int = Field(ge=1, le=100)
    seed: int = Field(ge=0)
    steps: int = Field(ge=1)
    float32_steps: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    patch_size: int = Field(gt=2 * MARGIN)
    lr: float = Field(gt=0)
    images: tuple[ImageSource, ...] = Field(min_length=1)
    validation: ImageSource
    measure: str | None = None
    init_from: str | None = None


def checked(recipe: dict[str, Any]) -> Recipe:
    """A validated recipe.

    Raises:
        UserError: a key is missing, unknown or has an impossible value.
    """
    try:
        return Recipe.model_validate(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"The recipe '{recipe.get('name', '?')}' is not valid: {where}: {first['msg']}."
        ) from error
