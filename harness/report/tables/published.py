"""The paper's tables as data: Ma et al., IEEE TIP 2024 (arXiv 2405.09291), Tables I to V."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError

FOLDER = Path(__file__).parents[3] / "results" / "reference"
"""The published figures; a checkout has them, a wheel has not."""


@dataclass(frozen=True)
class PublishedFigures:
    """A published table.

    Attributes:
        values: (task or data set, QF, metric, restorer or variant in lower case) to value, in the
            printed unit; what the paper does not give is not there.
        places: tasks or data sets, in the paper's order.
    """

    values: dict[tuple[str, int, str, str], float]
    conditions: tuple[str, ...]

    def of(self, condition: str, qf: int, metric: str) -> dict[str, float]:
        """The figures of one row by restorer or variant."""
        return {
            key[3]: value
            for key, value in self.values.items()
            if key[:3] == (condition, qf, metric)
        }

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
        raise UserError(missing(path))
    values: dict[tuple[str, int, str, str], float] = {}
    conditions: dict[str, None] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            condition = line.get("dataset") or line["task"]
            conditions[condition] = None
            if line["value"]:
                column = (line.get("restorer") or line["variant"]).lower()
                key = (condition, int(line["qf"]), line["metric"], column)
                values[key] = float(line["value"])
    return PublishedFigures(values, tuple(conditions))


def missing(path: Path) -> str:
    """What to say where the published figures are not at hand."""
    return (
        f"The paper's figures are not here: {path} is part of a checkout, not of an installed "
        "package. Leave out --published, or install with 'pip install -e' from a checkout."
    )
