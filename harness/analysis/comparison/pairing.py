"""Which cells of two operands are compared, and what is in one operand alone."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.comparison.operands import Operand
from harness.errors import UserError
from harness.records.schema import CellEntry


@dataclass(frozen=True)
class CellPair:
    """Two cells of one task, at one codec and QF.

    Attributes:
        a, b: the cell of the first operand and of the second.
    """

    a: CellEntry
    b: CellEntry

    @property
    def task(self) -> str:
        """Of both."""
        return self.a.task

    @property
    def restorers(self) -> tuple[str, str]:
        """Of the first operand and of the second."""
        return self.a.restorer, self.b.restorer

    @property
    def codec(self) -> str:
        """Its name; empty where neither was compressed."""
        return self._compressed.codec

    @property
    def qf(self) -> int | None:
        """None where neither was compressed."""
        return self._compressed.qf

    @property
    def _compressed(self) -> CellEntry:
        return self.a if self.a.qf is not None else self.b


@dataclass(frozen=True)
class Pairing:
    """The pairs of two operands.

    Attributes:
        pairs: in the order of the first operand's manifest.
        only_a: the cells of the first operand that the second has no counterpart for.
        only_b: the other way round.
        notes: what a reader must know of how restorers were paired.
    """

    pairs: tuple[CellPair, ...]
    only_a: tuple[CellEntry, ...]
    only_b: tuple[CellEntry, ...]
    notes: tuple[str, ...]


def pair(a: Operand, b: Operand, tasks: tuple[str, ...] = ()) -> Pairing:
    """Pair the cells of two operands with equal task, codec and QF; a reference pairs with any.

    Two named restorers are a pair. Of a whole run the restorer named on the other is taken,
    of two whole runs every restorer both have; where each has one restorer besides the
    references, these two are a pair whatever they are called.

    Args:
        a: the first operand.
        b: the second.
        tasks: to keep to; all by default.

    Raises:
        UserError: a task that neither side has, or no restorer to be paired.
    """
    known = dict.fromkeys(cell.task for operand in (a, b) for cell in operand.manifest.cells)
    for task in tasks:
        if task not in known:
            raise UserError(
                f"Neither side has cells of the task '{task}'. They have: {', '.join(known)}."
            )
    names, notes = _restorers(a, b)
    pairs = [
        CellPair(cell, other)
        for left, right in names
        for cell in a.cells(left)
        if not tasks or cell.task in tasks
        for other in b.cells(right)
        if _meet(cell, other, left == right)
    ]
    paired = {id(cell) for pair in pairs for cell in (pair.a, pair.b)}
    whole = a.restorer is None and b.restorer is None
    only_a, only_b = (
        tuple(
            cell
            for cell in operand.manifest.cells
            if cell.restorer in (operand.restorers if whole else meant)
            and (not tasks or cell.task in tasks)
            and id(cell) not in paired
        )
        for operand, meant in zip((a, b), zip(*names, strict=True), strict=True)
    )
    notes += [operand.note for operand in (a, b) if operand.note]
    return Pairing(tuple(pairs), only_a, only_b, tuple(notes))


def _meet(a: CellEntry, b: CellEntry, same: bool) -> bool:
    if a.task != b.task:
        return False
    if (a.codec, a.qf) == (b.codec, b.qf):
        return True
    return not same and (a.qf is None or b.qf is None)


def _restorers(a: Operand, b: Operand) -> tuple[list[tuple[str, str]], list[str]]:
    """The restorers to pair, and what is to be said of it."""
    if a.restorer is not None and b.restorer is not None:
        return [(a.restorer, b.restorer)], []
    left, right = a.restorers, b.restorers
    common = [(name, name) for name in left if name in right]
    networks, others = ([n for n in o.restorers if not _reference(o, n)] for o in (a, b))
    if len(networks) == len(others) == 1 and networks != others:
        note = f"paired: {networks[0]} of A with {others[0]} of B, the one restorer of each"
        return [*common, (networks[0], others[0])], [note]
    if not common:
        raise UserError(
            f"{a} and {b} have no restorer in common: {', '.join(left)} against "
            f"{', '.join(right)}. Name one of each, as DIR:RESTORER."
        )
    return common, []


def _reference(operand: Operand, restorer: str) -> bool:
    """Whether it is ``original`` or ``jpeg``, which no network stands behind."""
    known = operand.manifest.restorers.get(restorer)
    return known is not None and known.multi_model is None
