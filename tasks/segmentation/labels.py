"""Which value of a segmenter's class map is which value of a data set's masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, UserError
from harness.plugins import ClassMap, DataSet, VisionModel
from tasks.classes import canonical, places

_NAMED = 6


def label_indices(model: VisionModel[ClassMap], data_set: DataSet) -> NDArray[np.int64] | None:
    """For each label of the model its index among the data set's, or their number for *other*.

    Returns:
        (labels of the model,) or None where both have the same labels in the same order.

    Raises:
        UserError: the data set has labels the model does not know.
    """
    known, wanted = tuple(model.labels), tuple(data_set.labels)
    matches = places(wanted, known)
    missing = [name for index, name in enumerate(wanted) if index not in matches]
    nothing = bool(missing) and _is_nothing(missing[0]) and 0 not in matches
    if nothing and 0 in data_set.unused:
        missing = missing[1:]
    elif nothing and len(missing) == 1:
        raise UserError(
            f"{model.name} knows no {missing[0]}, which value 0 of the masks of {data_set.name} is "
            "called, and would be wrong in each of its pixels. If nothing is labelled there, write "
            "255 into the masks instead of 0, which is ignored; the other values and the names "
            "stay. If it is a class, name a model that was trained with it."
        )
    if missing:
        raise UserError(
            f"{model.name} does not know {len(missing)} of the {len(wanted)} labels of "
            f"{data_set.name}: {_some(missing)}. It knows: {_some(known)}. Name a model that was "
            "trained for these classes."
        )
    table = np.full(len(known), len(wanted), dtype=np.int64)
    table[list(matches.values())] = list(matches)
    same = np.array_equal(table, np.arange(len(wanted)))
    return None if same else table


def _is_nothing(name: str) -> bool:
    return canonical(name) in ("background", "void", "unlabeled", "unlabelled", "ignore", "ignored")


def placed_at(table: NDArray[np.int64], prediction: ClassMap) -> NDArray[np.int64]:
    """A class map in the data set's values.

    Args:
        table: see `label_indices`.
        prediction: (height, width), integers, the model's values.

    Raises:
        HarnessError: a value the model has no label for.
    """
    if prediction.size:
        low, high = int(prediction.min()), int(prediction.max())
        if low < 0 or high >= len(table):
            raise HarnessError(
                f"the predicted class {low if low < 0 else high} is outside 0..{len(table) - 1}: "
                "the segmenter has no label for it."
            )
    placed: NDArray[np.int64] = table[prediction]
    return placed


def check_count(model: VisionModel[ClassMap], data_set: DataSet) -> None:
    """Whether the values of masks without names can be the model's.

    Raises:
        UserError: they go further than the model's labels.
    """
    highest = data_set.highest
    count = len(model.labels)
    if highest >= count:
        raise UserError(
            f"A class count that does not fit the model: the masks of {data_set.name} hold values "
            f"up to {highest}, and {model.name} has {count} classes, 0..{count - 1} (255 is "
            "ignored everywhere). Name the masks' classes with --classes, or another model."
            + (
                " If value 0 means that nothing is labelled and the classes count from 1, write "
                "255 instead of 0, and one less for each class."
                if highest == count and canonical(model.labels[0]) != "background"
                else ""
            )
        )


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
