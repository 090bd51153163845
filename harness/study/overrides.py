"""What a caller of the library hands in as objects, where a study has only names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

GIVEN = "given"
"""In a fingerprint: the restorer was handed in as an object."""

NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Overrides:
    """Objects of the caller's.

    Attributes:
        restorers: `harness.plugins.restorer.Restorer`s by the name the study calls them.
        data_set: a `harness.plugins.DataSet`; None: the one the study names.
        models: `harness.plugins.VisionModel`s by their task.
    """

    restorers: Mapping[str, Any] = field(default_factory=dict)
    data_set: Any = None
    models: Mapping[str, Any] = field(default_factory=dict)

    def found(self) -> tuple[Any, list[str]] | None:
        """The data set and what the user should be told about it, if it is the caller's."""
        if self.data_set is None:
            return None
        return self.data_set, [self.data_set.notice] if self.data_set.notice else []


NO_OVERRIDES = Overrides()
