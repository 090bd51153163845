"""Whether what the registries hold works on this machine: a small trial of each, for the doctor."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.assets import cards as assets
from harness.errors import PART_FAILURES, HarnessError, UserError
from harness.plugins import RGB, Codec, DataSet, Restorer, VisionModel, as_restored, registry
from harness.plugins.registry import Registry
from harness.study.study import Study

T = TypeVar("T")

OK, ABSENT, BROKEN = "ok", "absent", "broken"
"""It works; it is not here; it is here and does not work."""

_SIDE = 32
_GROUP = r"-q\d+$"
"""How names of cards differ that are one network's, trained at several quality factors."""


class CheckResult(NamedTuple):
    """What was found: one of `OK`, `ABSENT` and `BROKEN`, and a sentence."""

    state: str
    text: str


def codec(them: Registry[type[Codec]], name: str) -> CheckResult:
    """A codec there and back.

    Raises:
        UserError: a library is missing.
        HarnessError: it does not work.
    """
    made = _thing(them, name)()
    product = _working(lambda: made.compress(_picture(), 50))
    _check_image(product.pixels)
    parts = {key: str(value) for key, value in made.fingerprint().items() if key != "codec"}
    # A bare number says nothing without its key; "4:2:0" and "libwebp 1" do.
    bare = {key for key, value in parts.items() if value.replace(".", "").isdigit()}
    said = (f"{key} {value}" if key in bare else value for key, value in parts.items())
    return CheckResult(OK, ", ".join(said))


def restorer(
    them: Registry[type[Restorer]], name: str, quick: bool, device: str = "cpu"
) -> CheckResult:
    """A restorer with its default weights on a small JPEG at each of a study's usual QFs.

    Raises:
        UserError: something it needs is missing.
        HarnessError: it does not work.
    """
    thing = _thing(them, name)
    made = thing.make()
    if made.reference:
        return CheckResult(OK, "the uncompressed image")
    if quick:
        return CheckResult(OK, "not run")
    where = _placed(made, device)
    jpeg = _thing(registry.codecs(), "jpeg")()
    ready, refused, began = [], "", time.perf_counter()
    for qf in Study.model_fields["qf"].default:
        try:
            made.prepare(qf)
        except UserError as error:
            refused = refused or str(error)
            continue
        result = _working(partial(made.restore, jpeg.compress(_picture(), qf)))
        _check_image(as_restored(result).pixels)
        ready.append(str(qf))
    took = time.perf_counter() - began
    if not ready:
        return CheckResult(BROKEN if _ships_weights(thing) else ABSENT, refused)
    return CheckResult(
        OK, f"{_SIDE}×{_SIDE} restored at QF {', '.join(ready)} in {took:.1f} s{where}"
    )


def model(
    them: Registry[type[VisionModel]], name: str, quick: bool, device: str = "cpu"
) -> CheckResult:
    """A vision model on a small image, if its weights are here.

    Raises:
        UserError: something it needs is missing.
        HarnessError: it does not work.
    """
    thing = _thing(them, name)
    files = weights(thing.cards())
    if files.state == BROKEN or (quick and files.state == ABSENT):
        return files
    made = thing.make(None)
    if quick:
        return CheckResult(OK, "not run")
    where = _placed(made, device)
    began = time.perf_counter()
    try:
        made.prepare()
    except UserError as error:
        reason = str(error)
        if files.state == ABSENT:
            # That they are not here is said already; what else it needs is not.
            other = "" if "harness fetch" in reason else reason.split("; ")[0] + "; "
            return CheckResult(ABSENT, other + files.text)
        return CheckResult(BROKEN if _ships_weights(thing) else ABSENT, reason)
    _working(lambda: made.predict(_picture()))
    return CheckResult(OK, f"{_SIDE}×{_SIDE} seen in {time.perf_counter() - began:.1f} s{where}")


def _placed(thing: Restorer | VisionModel, device: str) -> str:
    """Have it run on a device; where it does, for the end of a sentence, if that is not the CPU."""
    placed = thing.place(device)
    return "" if device == "cpu" else f" on {placed}"


def data_set(them: Registry[type[DataSet]], name: str) -> CheckResult:
    """Whether a data set is on this machine; nothing of it is read.

    Raises:
        HarnessError: it cannot be imported.
    """
    thing = _thing(them, name)
    # The interface has a `downloads` that brings nothing; one more is the data set's own.
    fetched = sum("downloads" in vars(base) for base in thing.__mro__) > 1
    if thing.prepared():
        return CheckResult(OK, f"under {assets.data_root()}" if fetched else "needs no download")
    how = f": harness fetch {name}{_download_size(thing)}" if fetched else ""
    return CheckResult(ABSENT, f"not under {assets.data_root()}{how}")


def imported(them: Registry[object]) -> CheckResult:
    """Whether all of a registry can be imported."""
    failed = []
    for name in them:
        try:
            them.get(name)
        except UserError as error:
            failed.append(str(error))
    return (
        CheckResult(BROKEN, " ".join(failed))
        if failed
        else CheckResult(OK, ", ".join(them) or "none")
    )


def group_weight_cards(restorers: Registry[type[Restorer]]) -> dict[str, list[Path]]:
    """The cards of every network of some restorers, those of its quality factors together."""
    groups: dict[str, list[Path]] = {}
    for name in restorers:
        try:
            cards = restorers.get(name).cards()
        except PART_FAILURES:  # said where the restorer itself is tried
            continue
        for card in cards:
            groups.setdefault(re.sub(_GROUP, "", card.stem), []).append(card)
    return groups


def weights(cards: list[Path]) -> CheckResult:
    """Whether the files of some cards are here, and the ones their cards describe."""
    missing, wrong = [], []
    for path in cards:
        try:
            card = assets.read_card(path)
            file = assets.locate_file(path, card)
            if file.is_file():
                assets.check_file(file, card)
            elif card.url:
                missing.append(card)
            else:
                wrong.append(f"There is no file {file}, which comes with the project.")
        except UserError as error:
            wrong.append(str(error))
    if wrong:
        return CheckResult(BROKEN, " ".join(wrong))
    if not missing:
        return CheckResult(OK, f"{len(cards)} file{'s' * (len(cards) > 1)} as the card says")
    size = sum(card.size or 0 for card in missing)
    names = dict.fromkeys(re.sub(_GROUP, "", card.name) for card in missing)
    return CheckResult(
        ABSENT,
        f"weights not on this machine{f', {assets.megabytes(size)}' if size else ''}: "
        f"harness fetch {' '.join(names)}",
    )


def _thing(them: Registry[T], name: str) -> T:
    try:
        return them.get(name)
    except UserError as error:  # a mistake of whoever installed it, not of the user
        raise HarnessError(str(error)) from error


def _working(trial: Callable[[], T]) -> T:
    """What a trial gives; the user has had no part in an error of it."""
    try:
        return trial()
    except UserError as error:
        raise HarnessError(str(error)) from error


def _ships_weights(thing: type[Restorer | VisionModel]) -> bool:
    return any(not assets.read_card(path).url for path in thing.cards())


def _download_size(thing: type[DataSet]) -> str:
    """The size of a data set's downloads, as far as it is known before the first is here."""
    size = 0
    try:
        for download in thing.downloads():
            size += download.size or 0
    except UserError:  # what comes next is known when the last one is here
        return f" ({assets.megabytes(size)} and more)" if size else ""
    return f" ({assets.megabytes(size)})" if size else ""


def _picture() -> NDArray[np.uint8]:
    """(32, 32, 3) uint8 RGB: slopes and stripes."""
    y, x = np.mgrid[:_SIDE, :_SIDE]
    return np.stack([8 * x, 8 * y, 128 + 64 * (x // 4 % 2)], axis=2).astype(np.uint8)


def _check_image(pixels: RGB) -> None:
    if pixels.shape != (_SIDE, _SIDE, 3) or pixels.dtype != np.uint8:
        raise HarnessError(f"It made {pixels.dtype} {pixels.shape} of an image of {_SIDE}×{_SIDE}.")
