"""Which cells of two sides are held against each other, and what is in one side alone."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.comparison.operands import Operand
from harness.errors import UserError
from harness.records.schema import CellEntry


@dataclass(frozen=True)
class CellPair:
    """Two cells of one task, at one codec and QF.

    Attributes:
        a: the cell of the first side.
        b: the cell of the second.
    """

    a: CellEntry
    b: CellEntry

    @property
    def task(self) -> str:
        """Of both."""
        return str(self.a.task)

    @property
    def restorers(self) -> tuple[str, str]:
        """Of the first side and of the second."""
        return self.a.restorer, self.b.restorer

    @property
    def codec(self) -> str:
        """Its name; empty where neither was compressed."""
        return str(self._compressed.codec)

    @property
    def qf(self) -> int | None:
        """None where neither was compressed."""
        qf = self._compressed.qf
        return None if qf is None else int(qf)

    @property
    def _compressed(self) -> CellEntry:
        return self.a if self.a.qf is not None else self.b


@dataclass(frozen=True)
class Pairing:
    """The pairs of two sides.

    Attributes:
        pairs: in the order of the first side's manifest.
        only_a: the cells of the first side that the second has no counterpart for.
        only_b: the other way round.
        notes: what a reader must know of how restorers were paired.
    """

    pairs: tuple[CellPair, ...]
    only_a: tuple[CellEntry, ...]
    only_b: tuple[CellEntry, ...]
    notes: tuple[str, ...]


def pair(a: Operand, b: Operand, tasks: tuple[str, ...] = ()) -> Pairing:
    """Pair the cells of two sides with equal task, codec and QF; a reference pairs with any.

    Two named restorers are a pair. Of a whole run the restorer named on the other side is taken,
    of two whole runs every restorer both have; where each side has one restorer besides the
    references, these two are a pair whatever they are called.

    Args:
        a: the first side.
        b: the second.
        tasks: to keep to; all by default.

    Raises:
        UserError: a task that neither side has, or no restorer to be paired.
    """
    _check_tasks(a, b, tasks)
    names, notes = _restorers(a, b)
    pairs: list[CellPair] = []
    for left, right in names:
        theirs = b.cells(right)
        pairs += [
            CellPair(one, other)
            for one in a.cells(left)
            if not tasks or one.task in tasks
            for other in theirs
            if _meet(one, other, left == right)
        ]
    met = {id(cell) for found in pairs for cell in (found.a, found.b)}
    whole = a.restorer is None and b.restorer is None
    alone = [
        tuple(
            cell
            for cell in side.manifest.cells
            if cell.restorer in (side.restorers if whole else meant)
            and (not tasks or cell.task in tasks)
            and id(cell) not in met
        )
        for side, meant in zip((a, b), zip(*names, strict=True), strict=True)
    ]
    said = [side.note for side in (a, b) if side.note]
    return Pairing(tuple(pairs), alone[0], alone[1], (*notes, *said))


def _meet(a: CellEntry, b: CellEntry, same: bool) -> bool:
    if a.task != b.task:
        return False
    if (a.codec, a.qf) == (b.codec, b.qf):
        return True
    return not same and (a.qf is None or b.qf is None)


def _check_tasks(a: Operand, b: Operand, tasks: tuple[str, ...]) -> None:
    known = dict.fromkeys(cell.task for side in (a, b) for cell in side.manifest.cells)
    for task in tasks:
        if task not in known:
            raise UserError(
                f"Neither side has cells of the task '{task}'. They have: {', '.join(known)}."
            )


def _restorers(a: Operand, b: Operand) -> tuple[list[tuple[str, str]], list[str]]:
    """The restorers to pair, and what is to be said of it."""
    if a.restorer is not None and b.restorer is not None:
        return [(a.restorer, b.restorer)], []
    left, right = a.restorers, b.restorers
    common = [(name, name) for name in left if name in right]
    ones, others = ([n for n in side.restorers if not _reference(side, n)] for side in (a, b))
    if len(ones) == len(others) == 1 and ones != others:
        note = f"paired: {ones[0]} of A with {others[0]} of B, the one restorer of each"
        return [*common, (ones[0], others[0])], [note]
    if not common:
        raise UserError(
            f"{a} and {b} have no restorer in common: {', '.join(left)} against "
            f"{', '.join(right)}. Name one of each, as DIR:RESTORER."
        )
    return common, []


def _reference(side: Operand, restorer: str) -> bool:
    """Whether it is ``original`` or ``jpeg``, which no network stands behind."""
    return (
        known := side.manifest.restorers.get(restorer)
    ) is not None and known.multi_model is None
