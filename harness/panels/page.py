"""Panels for the HTML report, made before it is written."""

from __future__ import annotations

from harness.engine.progress import Progress
from harness.errors import HarnessError
from harness.panels.make import PanelOptions, Say, make_panels
from harness.panels.select import PanelRequest
from harness.records.run_directory import RunDirectory
from harness.study.overrides import NO_OVERRIDES, Overrides

Key = tuple[str, str, str, int]
"""Task, image, codec and QF, see `harness.report.panel_index.Panel.key`."""


def panels_for_page(
    directory: RunDirectory,
    count: int,
    say: Say,
    progress: Progress | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> tuple[list[Key], str]:
    """Make panels, as many a task, into the run directory.

    Args:
        directory: the run.
        count: of panels, over all tasks.
        say: takes what should be told.
        progress: likewise.
        overrides: objects that stand for names of the study.

    Returns:
        Their keys, and a sentence where that cannot be done.
    """
    tasks = {cell.task for cell in directory.manifest().cells}
    request = PanelRequest(top=-(-count // max(len(tasks), 1)))
    try:
        made = make_panels(directory, request, PanelOptions(overrides=overrides), say, progress)
    except HarnessError as error:
        return [], f"No pictures were made: {error}"
    return [panel.key for panel in made], ""
