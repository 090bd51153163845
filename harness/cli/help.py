"""Help in sections, and what a shell completes: light, for both are waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from typer.core import TyperCommand, TyperGroup

OTHER = "Options"
"""The section of what names none."""

_READING = "Read results"
_MEASURING = "Measure"
_KNOWING = "Know what there is"

SECTIONS = {
    "run": _MEASURING,
    "merge": _MEASURING,
    "train": _MEASURING,
    "cost": _MEASURING,
    "table": _READING,
    "compare": _READING,
    "figures": _READING,
    "panels": _READING,
    "report": _READING,
    "runs": _READING,
    "verify": _READING,
    "list": _KNOWING,
    "show": _KNOWING,
    "doctor": _KNOWING,
    "fetch": _KNOWING,
}
"""Where `harness --help` lists each command."""


class SectionedCommand(TyperCommand):
    """A command whose help lists options below the heading that each names."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then the options, section by section, in their order."""
        _write_sections(self, ctx, formatter)


class SectionedGroup(TyperGroup):
    """The commands below the headings of `SECTIONS`, a line each."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands first: they are what one looks for."""
        self.format_commands(ctx, formatter)
        _write_sections(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with its short help."""
        names = self.list_commands(ctx)
        width = max(map(len, names))
        for section in dict.fromkeys(SECTIONS.get(name, OTHER) for name in names):
            with formatter.section(section):
                formatter.write_dl(
                    [
                        (name.ljust(width), _short_help(self, ctx, name, formatter.width))
                        for name in names
                        if SECTIONS.get(name, OTHER) == section
                    ]
                )


def _short_help(group: TyperGroup, context: Any, name: str, width: int) -> str:
    command: Any = group.get_command(context, name)
    return str(command.get_short_help_str(width))


def _write_sections(command: Any, context: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        shown = parameter.get_help_record(context)
        if shown is not None:
            is_argument = parameter.param_type_name == "argument"
            named = getattr(parameter, "rich_help_panel", None) or OTHER
            sections.setdefault("Arguments" if is_argument else named, []).append(shown)
    for name in sorted(sections, key=lambda name: (name != "Arguments", name == OTHER)):
        with formatter.section(name):
            formatter.write_dl(sections[name])


def names_of(*kinds: str) -> Callable[[str], list[str]]:
    """What completes a comma-separated list of registered names.

    Args:
        kinds: headings of ``harness list``; ``models`` are those of every task.
    """

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [
            f"{before}{comma}{name}"
            for name in dict.fromkeys(_names(kinds))
            if name.startswith(last)
        ]

    return complete


def kinds_of_names(incomplete: str) -> list[str]:
    """What completes the kind of ``harness list``."""
    from harness.tools.describe import registries

    return [name for name in registries() if name.startswith(incomplete)]


def _names(kinds: tuple[str, ...]) -> Iterator[str]:
    from harness.tools.describe import registries

    for heading, entries in registries().items():
        if heading in kinds or heading.split()[-1] in kinds or not kinds:
            yield from entries
