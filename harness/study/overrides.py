"""What a caller of the library hands in as objects, where a study has only names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.plugins import DataSet, Restorer, VisionModel
from harness.study.plugin_checks import check_data_set

GIVEN = "given"
"""In a fingerprint: the restorer was handed in as an object."""

NONE: Mapping[str, Restorer] = MappingProxyType({})


@dataclass(frozen=True)
class Overrides:
    """Objects of the caller's.

    Attributes:
        restorers: by the name the study calls them.
        data_set: None: the one the study names.
        models: by their task.
        called: the study's names are the caller's words, and not those of a run directory.
    """

    restorers: Mapping[str, Restorer] = field(default_factory=dict)
    data_set: DataSet | None = None
    models: Mapping[str, VisionModel] = field(default_factory=dict)
    called: bool = False

    def found(self) -> tuple[DataSet, list[str]] | None:
        """The data set and what the user should be told about it, if it is the caller's.

        Raises:
            UserError: it says something that cannot be.
        """
        if self.data_set is None:
            return None
        check_data_set(self.data_set.name, self.data_set)
        return self.data_set, self.data_set.notice.splitlines()


NO_OVERRIDES = Overrides()
