"""Whether a restorer's weights score what their authors publish, as its card has it.

Wrong weights, or right ones that are run wrongly, restore images that look fine. A card whose
figures are of a public set of photographs shows it as soon as these are measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.analysis.metrics import CellResult
from harness.assets.cards import Card, read_card
from harness.errors import UserError
from harness.plugins import registry
from harness.records.schema import DataSetEntry, Manifest

TASK = "fidelity"
METRIC = "PSNR"


def published_notes(manifest: Manifest, results: Sequence[CellResult]) -> list[str]:
    """A sentence for each restorer whose card says what the images at hand must come to.

    Args:
        manifest: of the run.
        results: its cells, measured; of plain JPEG, and of all images, or they say nothing.
    """
    restorers = dict.fromkeys(r.cell.restorer for r in results if r.cell.task == TASK)
    notes: list[str] = []
    for restorer in restorers:
        card = _card(restorer)
        if card is None or not _of(card, manifest.data_set):
            continue
        cells = [r for r in results if r.cell.restorer == restorer and r.cell.task == TASK]
        notes += _compared(restorer, card, cells)
    return notes


def _compared(restorer: str, card: Card, cells: list[CellResult]) -> Iterator[str]:
    passed, said = True, []
    for result in cells:
        expected = card.published.get(f"{METRIC} at QF {result.cell.qf}")
        whole = result.images == result.expected
        if expected is None or result.cell.codec != "jpeg" or not whole:
            continue
        value = result.metrics[METRIC]
        # Both are compared as they are printed: an author's figure has two digits.
        passed &= abs(round(value, 2) - expected) <= card.tolerance + 1e-9
        said.append(f"QF {result.cell.qf}: {value:.2f} dB, published {expected:.2f}")
    if said:
        mark = "published figures reached" if passed else "PUBLISHED FIGURES NOT REACHED"
        yield f"{mark}: {restorer} ± {card.tolerance:g} dB, {'; '.join(said)} ({card.source})"


def _of(card: Card, data: DataSetEntry) -> bool:
    """Whether a card's figures are of these images: all of a set of that name and size."""
    same = card.published_on.casefold() == data.name.casefold() != ""
    return same and data.images == data.total == card.published_images


def _card(restorer: str) -> Card | None:
    """The card of the named weights of a restorer, as tables call it."""
    name, _, variant = restorer.partition(":")
    if not variant or name not in registry.restorers():
        return None
    for path in registry.restorers().get(name).cards():
        if path.stem == f"{name}-{variant}":
            try:
                return read_card(path)
            except UserError:  # a table is no place to refuse a card
                return None
    return None
