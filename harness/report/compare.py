"""Two restorers of one run directory side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness import registry
from harness.errors import UserError
from harness.report.measure import CellResult, measure, scaled
from harness.report.table import printed
from harness.store import RunDirectory
from harness.study import Study

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["task", "metric", "codec", "qf", "a", "b", "difference", "images"]


def compare(directory: RunDirectory, a: str, b: str) -> pd.DataFrame:
    """Both values and ``b - a`` for each task, metric shown and QF, on the images both have.

    Values are in percent (dB for PSNR, 0..1 for SSIM), at full precision.

    Raises:
        UserError: the run directory has no such restorer, the two are one, or they share no QF
            or no image.
    """
    import pandas as pd

    if a == b:
        raise UserError(f"{a} does not differ from itself. Name two restorers.")
    manifest = directory.manifest()
    held = list(dict.fromkeys(cell["restorer"] for cell in manifest["cells"]))
    for name in (a, b):
        if name not in held:
            raise UserError(
                f"{directory.path} has no restorer '{name}'. It has: {', '.join(held)}."
            )
    rows = []
    for cell_a, cell_b in _pairs(manifest["cells"], a, b):
        both = _common(directory, cell_a, cell_b)
        results = {r.cell["key"]: r for r in _measured(directory, (cell_a, cell_b), both)}
        if len(results) < 2:
            continue
        first, second = results[cell_a["key"]], results[cell_b["key"]]
        task = registry.tasks().get(cell_a["task"])
        compressed = cell_a if cell_a["qf"] is not None else cell_b
        codec, qf = compressed["codec"], compressed["qf"]
        for metric in (name for name in task.shown if name in first.metrics):
            left = scaled(task, metric, first.metrics[metric])
            right = scaled(task, metric, second.metrics[metric])
            place = [cell_a["task"], metric, codec, qf]
            rows.append([*place, left, right, right - left, first.images])
    if not rows:
        raise UserError(f"{a} and {b} have no QF with common images in {directory.path} yet.")
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame["qf"] = frame["qf"].astype("Int64")
    return frame.sort_values(["task", "metric", "codec", "qf"], kind="stable", ignore_index=True)


def _pairs(cells: list[dict[str, Any]], a: str, b: str) -> list[tuple[Any, Any]]:
    """Cells of ``a`` and ``b`` at the same task, codec and QF; a reference pairs with any."""
    return [
        (left, right)
        for left in cells
        if left["restorer"] == a
        for right in cells
        if right["restorer"] == b
        and right["task"] == left["task"]
        and (_place(left) == _place(right) or left["qf"] is None or right["qf"] is None)
    ]


def _place(cell: dict[str, Any]) -> tuple[str, int | None]:
    return cell["codec"], cell["qf"]


def _common(directory: RunDirectory, *cells: dict[str, Any]) -> set[str]:
    """The images that succeeded in all of the cells."""
    good = []
    for cell in cells:
        records = directory.records(cell["key"], cell["fingerprint"])
        good.append({image for image, record in records.items() if "error" not in record})
    return set.intersection(*good)


def _measured(
    directory: RunDirectory, cells: tuple[dict[str, Any], ...], images: set[str]
) -> list[CellResult]:
    """Measured on the common images; the cached full result where that is all of them."""
    whole = measure(directory, [cell["key"] for cell in cells])
    if all(result.images == len(images) for result in whole):
        return whole
    return measure(directory, [cell["key"] for cell in cells], images) if images else []


def compare_lines(frame: pd.DataFrame, a: str, b: str) -> list[list[str]]:
    """The comparison as rows of text, head first."""
    lines = [["task", "metric", "QF", a, b, "difference", "images"]]
    for row in frame.astype(object).to_dict("records"):
        task, metric = str(row["task"]), str(row["metric"])
        digits = registry.tasks().get(task).digits.get(metric, 1)
        qf = str(row["qf"]) if isinstance(row["qf"], int) else "–"
        if qf != "–" and row["codec"] not in Study.model_fields["codec"].default:
            qf = f"{row['codec']} {qf}"
        values = [printed(row["a"], digits), printed(row["b"], digits)]
        change = printed(row["difference"], digits, sign="+")
        lines.append([task, metric, qf, *values, change, str(row["images"])])
    return lines
