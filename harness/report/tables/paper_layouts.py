"""The paper's tables: their layouts by number, and their figures as data.

Ma et al., IEEE TIP 2024 (arXiv 2405.09291), Tables I to V.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from harness.assets.shipped import shipped_folder
from harness.errors import UserError
from harness.records.schema import CellEntry

QFS = (10, 20, 30, 40)
"""The quality factors of every published table."""

COSTS = "III"
"""The table that is counted, not read from a run directory."""

MULTI = ("arcnn", "dmcnn", "ipt", "swinir")
"""The paper's multi-model restorers, in its order."""

PAPERS = (*MULTI, "qgac", "fbcnn", "dagn")
"""The paper's restorers, in its order."""

HEADINGS = MappingProxyType(
    {"original": "Original", "swinir": "SwinIR"}
    | {name: name.upper() for name in ("jpeg", *PAPERS) if name != "swinir"}
)
"""How restorers are spelled above a column."""

_GROUPED = "Multi-model methods have a network for each QF, single-model methods one for all."


@dataclass(frozen=True)
class PaperLayout:
    """How a table of the paper is laid out.

    Attributes:
        number: Roman.
        caption: what it compares.
        tasks: it is made of, with their headings.
        metrics: with their headings.
        groups: headings of the multi-model and of the single-model restorers.
        columns: the paper's: there whether they were measured or not.
        published_on: what the paper's figures were measured on.
        command: what measures one.
    """

    number: str
    caption: str
    tasks: Mapping[str, str]
    metrics: Mapping[str, str]
    groups: tuple[str, str]
    columns: tuple[str, ...]
    published_on: str
    command: str

    @property
    def name(self) -> str:
        """What the table is called."""
        return f"Table {self.number}"

    @property
    def fidelity(self) -> bool:
        """Whether it is of fidelity to the original, not of vision tasks."""
        return "fidelity" in self.tasks

    @property
    def ablation(self) -> bool:
        """Whether its columns are variants of DAGN."""
        return self.columns == tuple(ABLATION)

    def column(self, restorer: str) -> str | None:
        """The column a restorer stands in; None where the table has none for it.

        In the ablation that of ``dagn:tiny-cigm`` is ``cigm``, and other restorers have none.
        """
        if not self.ablation:
            return restorer
        base, _, variant = restorer.partition(":")
        last = variant.rpartition("-")[2]
        return last if base == "dagn" and last in self.columns else None

    def takes(self, cell: CellEntry) -> bool:
        """Whether a cell of a manifest belongs in the table."""
        return cell.task in self.tasks and self.column(cell.restorer) is not None


ABLATION = MappingProxyType(
    {
        "baseline": "Baseline",
        "cigm": "Baseline w. CIGM",
        "csgm": "Baseline w. CSGM",
        "cfm": "Baseline w. CFM",
        "dagn": "DAGN",
    }
)
"""The columns of Table V and their headings."""

_FIDELITY = PaperLayout(
    number="I",
    caption=f"Fidelity to the original after each restorer. {_GROUPED}",
    tasks={"fidelity": "Fidelity"},
    metrics={name: name for name in ("PSNR", "SSIM", "PSNR-B")},
    groups=("Multi Models", "Single Model"),
    columns=("jpeg", *PAPERS),
    published_on="LIVE1 and BSD500",
    command="harness run --task fidelity --dataset path/to/live1",
)

LAYOUTS: Mapping[str, PaperLayout] = MappingProxyType(
    {
        "I": _FIDELITY,
        "II": replace(
            _FIDELITY,
            number="II",
            published_on="LIU4K",
            command="harness run --task fidelity --dataset path/to/LIU4K",
        ),
        "IV": PaperLayout(
            number="IV",
            caption=f"Object detection and semantic segmentation after each restorer. {_GROUPED}",
            tasks={"detection": "Object detection", "segmentation": "Semantic segmentation"},
            metrics={"mAP": "Bbox mAP", "mIoU": "mean IoU"},
            groups=("Multi-model Methods", "Single-model Methods"),
            columns=("jpeg", *PAPERS),
            published_on="MS COCO and PASCAL VOC",
            command="harness run --task detection,segmentation",
        ),
        "V": replace(
            _FIDELITY,
            number="V",
            caption="What each of DAGN's modules adds: fidelity to the original.",
            groups=("", ""),
            columns=tuple(ABLATION),
            command="harness run --study configs/table_v.yaml",
        ),
    }
)
"""Tables I, II, IV and V."""

NUMBERS = ("I", "II", COSTS, "IV", "V")


def roman_number(text: str) -> str:
    """The Roman number of a table, from Roman or Arabic numerals in any case.

    Raises:
        UserError: there is no such table.
    """
    plain = text.strip().upper()
    if plain.isdecimal() and 1 <= int(plain) <= len(NUMBERS):
        return NUMBERS[int(plain) - 1]
    if plain not in NUMBERS:
        raise UserError(f"There is no Table {text.strip()}. There are: {', '.join(NUMBERS)}.")
    return plain


FOLDER = shipped_folder("results/reference")
"""The published figures."""


@dataclass(frozen=True)
class PublishedFigures:
    """A published table.

    Attributes:
        rows: (task or data set, QF, metric) to values by restorer or variant, in lower case; in
            the printed unit. What the paper does not give is not there.
        conditions: tasks or data sets, in the paper's order.
    """

    rows: dict[tuple[str, int, str], dict[str, float]]
    conditions: tuple[str, ...]

    def nearest(self, name: str) -> str:
        """The published data set of that name, spelled as it may be; the first if there is none."""
        plain = "".join(letter for letter in name.lower() if letter.isalnum())
        same = [condition for condition in self.conditions if plain.startswith(condition.lower())]
        return (same or list(self.conditions))[0]


def read_figures(number: str, folder: Path = FOLDER) -> PublishedFigures:
    """A published table (I, II, IV or V).

    Raises:
        UserError: the file is not at hand.
    """
    path = folder / f"table_{number.lower()}.csv"
    if not path.is_file():
        raise UserError(figures_missing(path))
    rows: dict[tuple[str, int, str], dict[str, float]] = {}
    conditions: dict[str, None] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            condition = line.get("dataset") or line["task"]
            conditions[condition] = None
            if line["value"]:
                column = (line.get("restorer") or line["variant"]).lower()
                row = rows.setdefault((condition, int(line["qf"]), line["metric"]), {})
                row[column] = float(line["value"])
    return PublishedFigures(rows, tuple(conditions))


def figures_missing(path: Path) -> str:
    """What to say where the published figures are not at hand."""
    return (
        f"The paper's figures are not here: there is no {path}. Leave out --published, or "
        "install the harness again."
    )
