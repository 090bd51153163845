"""mPC, rPC and the shares recovered as tables of the page: restorers down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.analysis.metrics import printed
from harness.analysis.summaries import MPC, RECOVERED, RPC, Summary
from harness.plugins import registry
from harness.report.page.tables import GridLine, Number, PageTable
from harness.study.study import Study

_SHARE_DIGITS = 1


def summary_grids(found: Sequence[Summary]) -> tuple[PageTable, ...]:
    """A table for each task, codec and metric: over all QFs, then the share recovered at each."""
    tables: dict[tuple[str, str, str], list[Summary]] = {}
    for one in found:
        tables.setdefault((one.task, one.codec, one.metric), []).append(one)
    return tuple(
        _grid(f"overall-{number}", *key, mine)
        for number, (key, mine) in enumerate(tables.items())
        if any(one.codec for one in mine)
    )


def _grid(id: str, task: str, codec: str, metric: str, mine: Sequence[Summary]) -> PageTable:
    kind = registry.tasks().get(task)
    kinds = {MPC: MPC, RPC: f"{RPC} (%)", RECOVERED: f"{RECOVERED} (%)"}
    qfs = sorted({one.qf for one in mine if one.qf is not None})
    lines: dict[str, dict[str, Number]] = {}
    for one in mine:
        column = kinds[one.kind] if one.qf is None else f"QF {one.qf}"
        lines.setdefault(one.restorer, {})[column] = _number(one, kind)
    groups = [(f"{metric} over all QFs", tuple(kinds.values()))]
    if len(qfs) > 1:
        groups.append((f"{RECOVERED} (%) at", tuple(f"QF {qf}" for qf in qfs)))
    usual = codec in Study.model_fields["codec"].default
    title = kind.title + ("" if usual else f", {codec}")
    return PageTable(
        id,
        task,
        title,
        ("restorer",),
        tuple(groups),
        tuple(GridLine((name,), metric, "", numbers) for name, numbers in lines.items()),
    )


def _number(one: Summary, kind: Any) -> Number:
    digits = _SHARE_DIGITS
    if one.kind == MPC:
        digits = kind.digits.get(one.metric, 1)
    value = None if math.isnan(one.value) else round(one.value, digits)
    below = ""
    if not math.isnan(one.interval.low):
        low, high = (printed(end, digits) for end in one.interval)
        below = f"{low} … {high}"
    return Number(printed(one.value, digits), value, below)
