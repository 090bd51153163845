"""What the training recipes of restorers say."""

from __future__ import annotations

from typing import Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import UserError
from harness.plugins import Json
from restorers.architectures.arcnn.network import MARGIN
from restorers.architectures.dagn import DAGN
from restorers.architectures.dagn.config import PUBLISHED, VARIANTS, DAGNConfig, configure
from restorers.checkpoints.format import Storage
from restorers.common.architecture import built, configured, sized

Precision = Literal["bf16-mixed", "32-true"]


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
    """A training run of ARCNN.

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


class Training(BaseModel):
    """A training run of a restorer other than ARCNN, or one stage of it.

    Attributes:
        steps: batches in all.
        float32_steps: the last of these run in float32 with the statistics of batch normalisation
            frozen, those before in ``precision``.
        batch_size: patches a step and process.
        patch_size: side of a patch, pixels.
        lr: highest learning rate; it rises over ``warm_up`` steps, is halved at each of
            ``halve_at``, and falls linearly to zero over the last ``decay`` steps. What precedes
            the fall does not depend on ``steps``.
        warm_up: see ``lr``.
        halve_at: see ``lr``.
        decay: see ``lr``; None: a quarter of ``steps``.
        clip: greatest norm of the gradient.
        average: weight of the past in the exponential moving average of the network's weights, a
            step; what is validated, measured and stored is the average. 0.999 is what SwinIR's
            authors use (KAIR, ``E_decay``); 0 keeps the last weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    steps: int = Field(ge=1)
    float32_steps: int = Field(0, ge=0)
    batch_size: int = Field(ge=1)
    patch_size: int = Field(ge=16)
    lr: float = Field(gt=0)
    warm_up: int = Field(100, ge=1)
    halve_at: tuple[int, ...] = ()
    decay: int | None = Field(None, ge=1)
    clip: float = Field(1.0, gt=0)
    average: float = Field(0.999, ge=0, lt=1)


class Common(BaseModel):
    """What every training run says, whatever its stages.

    Attributes:
        trainer: the network's name.
        name: of the checkpoint.
        size: a preset of the network (``published``, ``small``), or its numbers.
        qf: JPEG quality factor, or the lowest and the highest one.
        qf_often: quality factors drawn more often than the rest of the range.
        qf_often_share: of the patches that get one of these; the others' is drawn evenly from the
            range. DAGN's authors train with three quarters and 10, 20, ..., 60 in 8..96.
        on_grid: share of the patches that begin on JPEG's 8x8 grid, the others begin anywhere
            (DAGN's authors: half). Networks that take coefficients see all of theirs on the grid.
        seed: of initialisation and batches.
        images: what to train on.
        validation: a folder, ``limit`` images of which are held out of ``images``.
        measure: a folder measured with the finished network, if it is there.
        storage: of the finished network's filters, see `restorers.checkpoints.format`.
        accelerator: of Lightning Fabric: ``auto``, ``cpu``, ``cuda``.
        devices: how many.
        precision: ``bf16-mixed`` or ``32-true``.
        loaders: processes that make batches; 0: the training process itself.
        cache_gib: GiB of decoded images that each of these keeps; files are decoded again beyond.
        save_every: steps between log lines and checkpoints.
        validate_every: steps between validations.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    trainer: str
    name: str
    size: str | Json = "small"
    qf: tuple[int, int]
    qf_often: tuple[int, ...] = ()
    qf_often_share: float = Field(0.75, ge=0, le=1)
    on_grid: float = Field(0.5, ge=0, le=1)
    seed: int = Field(ge=0)
    images: tuple[ImageSource, ...] = Field(min_length=1)
    validation: ImageSource
    measure: str | None = None
    storage: Storage = "float16"
    accelerator: str = "auto"
    devices: int = Field(1, ge=1)
    precision: Precision = "bf16-mixed"
    loaders: int = Field(0, ge=0)
    cache_gib: float = Field(2.0, gt=0)
    save_every: int = Field(100, ge=1)
    validate_every: int = Field(500, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_recipes(cls, recipe: object) -> object:
        """What was ``half: true`` or ``half: false`` before there was a third way to store."""
        if not isinstance(recipe, dict) or not isinstance(recipe.get("half"), bool):
            return recipe
        rest = {key: value for key, value in recipe.items() if key != "half"}
        return {"storage": "float16" if recipe["half"] else "float32", **rest}

    @field_validator("qf", mode="before")
    @classmethod
    def _as_range(cls, value: object) -> object:
        return (value, value) if isinstance(value, int) else value

    @field_validator("qf")
    @classmethod
    def _possible(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= value[0] <= value[1] <= 100:
            raise ValueError("needs one quality factor, or a lowest and a highest one, in 1..100")
        return value

    @model_validator(mode="after")
    def _often_in_range(self) -> Common:
        low, high = self.qf
        outside = [qf for qf in self.qf_often if not low <= qf <= high]
        if outside:
            raise ValueError(f"qf_often has {outside[0]}, which is not in {low}..{high}")
        return self


class SingleStage(Common, Training):
    """A network trained in one go.

    Attributes:
        init_from: card of the checkpoint to start from (another QF's).
    """

    init_from: str | None = None


class ThreeStages(Common):
    """DAGN's training (Sec. III-A, Eqs. 3-9, 14, 15).

    Attributes:
        variant: a column of Table V.
        insensitive: stage 1, the compression-insensitive auto-encoder.
        sensitive: stage 2, the compression-sensitive one.
        restoration: stage 3, the network with frozen encoders.
        lambda_ci: weight of L_cic in Eq. 3 (0.001 in the authors' options, beside 1 for L_cc).
        lambda_cs: weight of L_csc in Eq. 7 (0.001 in the authors' options).
        discriminator_lr: of J; None: the auto-encoder's (1e-4 in the authors' options).
        constraint: ``l1`` is Eq. 9 as published; ``cross_entropy`` is not in the paper.
        told: share of the samples that are told their QF in stage 3.
        encoders_from: folder of another run's stages 1 and 2, or of the authors' files of them.
    """

    variant: str = "dagn"
    insensitive: Training
    sensitive: Training
    restoration: Training
    lambda_ci: float = Field(1.0, ge=0)
    lambda_cs: float = Field(1.0, ge=0)
    discriminator_lr: float | None = Field(None, gt=0)
    constraint: Literal["l1", "cross_entropy"] = "l1"
    told: float = Field(0.25, ge=0, le=1)
    encoders_from: str | None = None


R = TypeVar("R", bound=BaseModel)


def checked(recipe: Json, kind: type[R]) -> R:
    """A validated recipe of a kind.

    Raises:
        UserError: a key is missing, unknown or has an impossible value.
    """
    try:
        return kind.model_validate(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise UserError(
            f"The recipe '{recipe.get('name', '?')}' is not valid: {where}: {said}."
        ) from error


def dagn_config(plan: ThreeStages) -> DAGNConfig:
    """The size and the modules of the DAGN that a recipe wants.

    Raises:
        UserError: there is no such size or variant, or its numbers make no network.
    """
    configure("published", plan.variant)  # says what variants there are
    numbers = sized(DAGN, plan.size)
    numbers |= dict(zip(("cigm", "csgm", "cfm"), VARIANTS[plan.variant], strict=True))
    with torch.device("meta"):
        built(DAGN, numbers)
    return configured(PUBLISHED, numbers)
