"""What stands below a comparison: what is not in its numbers, and what its numbers betray."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analysis.comparison.checks import same_inputs
from harness.analysis.comparison.pairing import Pairing
from harness.analysis.comparison.rows import ComparedPair, ComparisonRow


def result_notes(
    pairing: Pairing,
    compared_pairs: Sequence[ComparedPair],
    rows: Sequence[ComparisonRow],
    chosen: bool,
) -> list[str]:
    """Gaps, and numbers that differ although nothing that is recorded does.

    Args:
        pairing: the cells.
        compared_pairs: those with evidence on both sides.
        rows: the comparisons.
        chosen: whether the user named the metrics.
    """
    notes = _gaps(pairing, compared_pairs)
    changed = {row.restorers[0] for row in rows if not (row.identical or math.isnan(row.p))}
    odd = [name for name in same_inputs(pairing.pairs) if name in changed]
    if odd:
        notes.append(
            f"the same weights, settings and versions, but other numbers: {', '.join(odd)}; code "
            "has changed without its version, or the machine computes otherwise"
        )
    without = {compared.pair.task for compared in compared_pairs} - {row.task for row in rows}
    if not chosen:
        notes += [f"no metric in common: {name}" for name in sorted(without)]
    return notes


def _gaps(pairing: Pairing, compared_pairs: Sequence[ComparedPair]) -> list[str]:
    """Cells of one side alone, cells without images, images of one side alone."""
    notes = []
    for name, cells in (("A", pairing.only_a), ("B", pairing.only_b)):
        if cells:
            notes.append(f"only in {name}: {_some([cell.key for cell in cells])}")
    begun = {id(compared.pair) for compared in compared_pairs}
    empty = [found.a.key for found in pairing.pairs if id(found) not in begun]
    if empty:
        notes.append(f"no images in common yet: {_some(empty)}")
    for name, left_out in (
        ("B", [compared.lost for compared in compared_pairs if compared.lost]),
        ("A", [compared.gained for compared in compared_pairs if compared.gained]),
    ):
        if left_out:
            images = dict.fromkeys(image for one in left_out for image in one)
            notes.append(
                f"left out: {_some(list(images))} (failed or not yet measured in {name}, "
                f"in {len(left_out)} of {len(compared_pairs)} cells)"
            )
    return notes


def _some(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{', '.join(names[:limit])}{more}"
