"""What a detector returns for one image, and its exact, compact JSON form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.plugins.types import Json


@dataclass(frozen=True, eq=False)
class Detections:
    """The boxes found in one image, in any order.

    Arrays of other integers or floats are taken, too, and held as the types below.

    Attributes:
        boxes: (N, 4) float32, x1 y1 x2 y2 in pixels of the original image, x2 ≥ x1, y2 ≥ y1.
        scores: (N,) float32, confidence; higher is surer.
        labels: (N,) int64, counting the model's classes from 1; in records, the data set's
            category ids (`tasks.detection.task.Detection.fit`).

    Raises:
        HarnessError: a shape differs, an array is of no numbers, one of them is not finite or, as
            a label, not whole, or a box is inside out.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.scores) if np.ndim(self.scores) else 0
        boxes = _cast("boxes", self.boxes, (count, 4), np.dtype(np.float32))
        scores = _cast("scores", self.scores, (count,), np.dtype(np.float32))
        labels = _cast("labels", self.labels, (count,), np.dtype(np.int64))
        for name, array in (("boxes", boxes), ("scores", scores), ("labels", labels)):
            object.__setattr__(self, name, array)  # the class is frozen
        for what, values in (("box", self.boxes), ("score", self.scores)):
            if not np.isfinite(values).all():
                raise HarnessError(
                    f"The detector returned a {what} that is not finite: "
                    "check its weights and precision."
                )
        inverted = (self.boxes[:, 2:] < self.boxes[:, :2]).any(axis=1)
        if inverted.any():
            raise HarnessError(
                f"The detector returned the box {self.boxes[inverted][0].tolist()}, whose second "
                "corner lies before the first: boxes are x1, y1, x2, y2 in pixels."
            )

    def __len__(self) -> int:
        return len(self.scores)

    def relabelled(self, labels: NDArray[np.int64]) -> Detections:
        """The same boxes with the label ``labels[label]`` each, without those it makes -1."""
        new = labels[self.labels]
        return Detections(self.boxes[new >= 0], self.scores[new >= 0], new[new >= 0])

    def to_json(self) -> Json:
        """Lists ``boxes``, ``scores``, ``labels``; `from_json` gives back the same float32s."""
        return {
            "boxes": [_digits(box) for box in self.boxes],
            "scores": _digits(self.scores),
            "labels": self.labels.tolist(),
        }

    @classmethod
    def from_json(cls, outcome: Json) -> Detections:
        """The detections that `to_json` wrote.

        Raises:
            HarnessError: ``outcome`` is no such mapping.
        """
        try:
            return cls(
                boxes=np.asarray(outcome["boxes"], dtype=np.float32).reshape(-1, 4),
                scores=np.asarray(outcome["scores"], dtype=np.float32),
                labels=np.asarray(outcome["labels"], dtype=np.int64),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise HarnessError(
                f"A detection record cannot be read ({type(error).__name__}: {error}): "
                "delete it and run again."
            ) from error


def _cast(
    name: str, array: object, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """The array in the type that is kept."""
    if not isinstance(array, np.ndarray):
        raise HarnessError(f"Detections.{name} is a {type(array).__name__}, not a numpy array.")
    if array.shape != shape or array.dtype.kind not in "iuf":
        raise HarnessError(
            f"Detections.{name} is {array.dtype} {array.shape}; it must be "
            f"{dtype.name} {shape}, or of other integers or floats."
        )
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large is found to be infinite
        cast = array.astype(dtype, copy=False)
    if dtype.kind == "i" and (cast != array).any():
        wrong = array[cast != array][0]
        raise HarnessError(f"The detector returned the label {wrong}: labels are whole numbers.")
    return cast


def _digits(values: NDArray[np.float32]) -> list[float]:
    # 9 significant digits are the fewest that tell any two float32 apart; the 17 of the exact
    # double would double the size of the records.
    return [float(f"{value:.9g}") for value in values.tolist()]
