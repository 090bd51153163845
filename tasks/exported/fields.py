"""The parts of a model card: what a network is given, and what it gives back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PositiveInt,
    model_validator,
)


def _place(value: object) -> object:
    if isinstance(value, float):  # YAML reads 1.0 as a number, and 1.10 as 1.1
        raise ValueError(f"write it in quotes: '{value}'")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Place = Annotated[str, BeforeValidator(_place)]
"""Where a tensor is in what the model returns: names and positions from 0, with dots between."""

Triple = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class _CardPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSize(_CardPart):
    """What an image is resized to; one of ``short``, ``height`` and ``width``, ``letterbox``.

    Attributes:
        short: pixels of the shorter side; the ratio is kept.
        long: with ``short``: pixels that the longer side has at most.
        height: of exactly that many pixels, whatever the ratio.
        width: see ``height``.
        letterbox: side of a square that the image is fitted into, the ratio kept, the rest padded.
        crop: side of the square cut from the middle afterwards; of classifiers only.
    """

    short: PositiveInt | None = None
    long: PositiveInt | None = None
    height: PositiveInt | None = None
    width: PositiveInt | None = None
    letterbox: PositiveInt | None = None
    crop: PositiveInt | None = None

    @model_validator(mode="after")
    def _one_way(self) -> InputSize:
        given = {name for name in ("short", "height", "width", "letterbox") if getattr(self, name)}
        if given not in ({"short"}, {"height", "width"}, {"letterbox"}):
            raise ValueError("give short, or height and width, or letterbox")
        if self.long and not self.short:
            raise ValueError("long goes with short")
        if self.long and self.short and self.long < self.short:
            raise ValueError("long is smaller than short")
        if self.crop and self.crop > min(self.short or self.crop, self.height or self.crop,
                                         self.width or self.crop):  # fmt: skip
            raise ValueError("crop is larger than what the image is resized to")
        if self.crop and (self.letterbox or self.long):
            raise ValueError("crop goes with short alone, or with height and width")
        return self


class Input(_CardPart):
    """What the network is given.

    Attributes:
        layout: ``chw-list``: a list of one (3, H, W) tensor, as torchvision's and detectron2's
            detectors take it; ``chw``, ``nchw``, ``nhwc``: one tensor, N = 1.
        order: of the channels.
        range: ``unit``: 0..1; ``byte``: 0..255.
        dtype: of the numbers.
        mean: subtracted, in the units of ``range``, in the order of ``order``.
        std: divided by, likewise.
        size: what the image is resized to; None: nothing.
        resize_with: whose interpolation: torch's without antialiasing, on floating-point numbers;
            Pillow's with antialiasing, or OpenCV's, on bytes.
        interpolation: of the image.
        multiple_of: sides are padded to multiples of it.
        pad: a pixel value, 0..255, of what is padded; None: zeros after mean and std.
        pad_at: ``end``: below and at the right; ``both``: the image in the middle; None: ``both``
            for a letterbox, ``end`` otherwise.
    """

    layout: Literal["chw-list", "chw", "nchw", "nhwc"]
    order: Literal["rgb", "bgr"]
    range: Literal["unit", "byte"]
    dtype: Literal["float32", "uint8"] = "float32"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    size: InputSize | None = None
    resize_with: Literal["torch", "pillow", "opencv"] = "torch"
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    multiple_of: PositiveInt = 1
    pad: Annotated[float, Field(ge=0, le=255)] | None = None
    pad_at: Literal["end", "both"] | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Input:
        if min(self.std) <= 0:
            raise ValueError("std is above 0")
        if self.range == "unit" and max(map(abs, self.mean)) > 1:
            raise ValueError("mean is in the units of range, here 0..1, and is above 1")
        normalised = self.mean != (0.0, 0.0, 0.0) or self.std != (1.0, 1.0, 1.0)
        if self.dtype == "uint8" and (self.range != "byte" or normalised):
            raise ValueError("dtype uint8 goes with range byte, without mean and std")
        if self.size and self.size.crop and self.multiple_of > 1:
            raise ValueError("multiple_of does not go with size.crop")
        return self


class BoxesOutput(_CardPart):
    """Where a detector's boxes are, and what its numbers mean.

    Attributes:
        boxes: (N, 4) or (1, N, 4).
        scores: (N,), or (N, classes) where there are no ``labels``.
        labels: (N,) whole numbers.
        rows: instead of the three: (N, 6), each row box, score, label.
        box_format: corners, corner and size, or centre and size.
        box_units: pixels of what the network is given, pixels of the image before it was resized
            and padded, or fractions (0..1) of the sides of what the network is given.
        label_base: label of the first of the classes.
        ids: labels of the classes, where they are not consecutive; boxes of other labels are
            dropped.
        score_threshold: boxes below are dropped.
        nms: IoU above which the lesser of two boxes of a class is dropped; None: the network has
            done it.
    """

    boxes: Place | None = None
    scores: Place | None = None
    labels: Place | None = None
    rows: Place | None = None
    box_format: Literal["xyxy", "xywh", "cxcywh"] = "xyxy"
    box_units: Literal["input", "original", "fraction"]
    label_base: Literal[0, 1] | None = None
    ids: tuple[int, ...] | None = None
    score_threshold: FiniteFloat = 0.0
    nms: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> BoxesOutput:
        given = {name for name in ("boxes", "scores", "labels", "rows")
                 if getattr(self, name) is not None}  # fmt: skip
        if given not in ({"rows"}, {"boxes", "scores", "labels"}, {"boxes", "scores"}):
            raise ValueError("give boxes, scores and labels, or rows")
        if "rows" not in given and "labels" not in given:
            if self.label_base is not None or self.ids:
                raise ValueError("without labels, scores has one column a class: no label_base")
            if self.score_threshold <= 0:
                raise ValueError("without labels, every box has a score for every class: say "
                                 "from which score_threshold on it counts")  # fmt: skip
        elif (self.label_base is None) == (self.ids is None):
            raise ValueError("give label_base (0 or 1), or ids, or classes: coco-ids")
        if self.ids is not None and len(set(self.ids)) < len(self.ids):
            raise ValueError("ids has a number twice")
        return self


class ClassMapOutput(_CardPart):
    """Where a segmenter's answer is.

    Attributes:
        logits: (1, C, h, w) or (C, h, w): more is surer; logits or probabilities.
        class_map: instead: (1, 1, h, w), (1, h, w) or (h, w) class numbers.
        background: number 0 is the background and number 1 the first of the classes; otherwise 0
            is the first class.
        align_corners: of the bilinear interpolation that brings logits to the image's size.
    """

    logits: Place | None = None
    class_map: Place | None = None
    background: bool
    align_corners: bool = False

    @model_validator(mode="after")
    def _one(self) -> ClassMapOutput:
        if (self.logits is None) == (self.class_map is None):
            raise ValueError("give logits or class_map")
        return self


class ScoresOutput(_CardPart):
    """Where a classifier's answer is.

    Attributes:
        logits: (1, C) or (C,), more is surer.
        probabilities: instead: the same in 0..1.
        label_base: index of the first of the classes; 1 where 0 is a class "background".
    """

    logits: Place | None = None
    probabilities: Place | None = None
    label_base: Literal[0, 1] = 0

    @model_validator(mode="after")
    def _one(self) -> ScoresOutput:
        if (self.logits is None) == (self.probabilities is None):
            raise ValueError("give logits or probabilities")
        return self
