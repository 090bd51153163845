"""``harness panels``: from what was asked for to the pictures and their index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.engine.pipeline import Prepared
from harness.engine.progress import Progress, Silent
from harness.errors import HarnessError, UserError
from harness.images.io import read_image
from harness.panels import crop as crops
from harness.panels.compose import WIDTH, compose
from harness.panels.recompute import as_in_runs
from harness.panels.replan import (
    describe_left_out,
    describe_refused,
    replan,
)
from harness.panels.select import UNDONE, Choice, PanelRequest, choose
from harness.panels.views import make_view, panel_folder, prepare_image, read_view
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest
from harness.records.study_names import unresolvable_restorers
from harness.report.panel_index import Panel, PanelKey, View, read_index, write_index
from harness.study.device import Device
from harness.study.overrides import NO_OVERRIDES, Overrides
from harness.study.plan import Plan
from harness.study.selection import original_restorer

Say = Callable[[str], None]


@dataclass(frozen=True)
class PanelOptions:
    """How panels are made.

    Attributes:
        output: folder of the panels; ``RUN/panels`` if None.
        crop: `harness.panels.crop.AUTO`, a crop, or None for no detail.
        width: of the composed picture, pixels.
        pdf: write it as PDF too.
        moved: fields of the study that say where data and models are now.
        overrides: objects that stand for names of the study, as the run was made with.
        device: where the models run; None: on the class of device that the run was made on, where
            there is one here, else on the CPU.
    """

    output: Path | None = None
    crop: crops.Crop | str | None = crops.AUTO
    width: int = WIDTH
    pdf: bool = False
    moved: Mapping[str, Any] = field(default_factory=dict)
    overrides: Overrides = NO_OVERRIDES
    device: Device | None = None


def make_panels(
    directory: RunDirectory,
    request: PanelRequest,
    options: PanelOptions,
    say: Say,
    progress: Progress | None = None,
) -> list[Panel]:
    """Choose images, make what is missing of their views, compose, and add them to the index.

    The index grows: a panel of the same task, image, codec and QF is replaced, others stay. What
    is done when it is interrupted is kept. Restorers that were Python objects and are not in
    ``options.overrides`` are shown where their pictures are there already, and else left out.

    Raises:
        UserError: such a restorer is asked for by name; see `harness.panels.select.choose` and
            `harness.panels.replan.replan`.
        HarnessError: no panel could be made, or the folder cannot be written to.
    """
    folder = options.output or directory.path / "panels"
    choices = _choices(directory, request, options.overrides, folder, say)
    progress = progress or Silent()
    panels: list[Panel] = []
    failures: list[str] = []
    progress.start(sum(2 + len(choice.restorers) for choice in choices), 0)
    with ExitStack() as stack:
        stack.callback(progress.stop)
        for condition in dict.fromkeys(choice.condition for choice in choices):
            at_condition = [choice for choice in choices if choice.condition == condition]
            maker = _PanelMaker(directory, folder, options, at_condition, stack)
            for choice in at_condition:
                try:
                    panel = maker.make(choice, progress)
                except HarnessError as error:
                    # Where there is no plan nothing can be made, whatever the image.
                    if isinstance(error, UserError) and maker.unplannable:
                        raise
                    failures.append(str(error))
                    continue
                panels.append(panel)
                others = [other for other in read_index(folder) if other.key != panel.key]
                write_index(folder, [*others, panel])
    if failures and not panels:
        count = len(failures)
        more = f" ({count} images failed, this is the first.)" if count > 1 else ""
        raise HarnessError(failures[0] + more)
    for sentence in failures:
        say(f"Failed: {sentence}")
    return panels


def panels_for_page(
    directory: RunDirectory,
    count: int,
    say: Say,
    progress: Progress | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> tuple[list[PanelKey], str]:
    """Make ``count`` panels for the HTML report, as many a task, into the run directory.

    Returns:
        Their keys, and a sentence where that cannot be done.
    """
    tasks = {cell.task for cell in directory.manifest().cells}
    request = PanelRequest(top=-(-count // max(len(tasks), 1)))
    try:
        panels = make_panels(directory, request, PanelOptions(overrides=overrides), say, progress)
    except HarnessError as error:
        return [], f"No pictures were made: {error}"
    return [panel.key for panel in panels], ""


def _choices(
    directory: RunDirectory, request: PanelRequest, overrides: Overrides, folder: Path, say: Say
) -> list[Choice]:
    """What to show: restorers that nothing stands for only where they are in the folder."""
    manifest = directory.manifest()
    unresolvable = unresolvable_restorers(manifest, overrides.restorers)
    try:
        choices = choose(directory, request, unresolvable)
    except UserError:
        if unresolvable and not request.restorers:  # it may be why there is nothing to show
            say(describe_left_out(unresolvable, "the panels"))
        raise
    completed = []
    for choice in choices:
        at, row = panel_folder(choice), _row(manifest, choice)
        kept = {n for n in unresolvable if n in row and read_view(folder, at, n, row) is not None}
        for name in choice.restorers:
            if name in unresolvable and name not in kept:
                raise UserError(describe_refused(name, unresolvable[name]))
        wanted = {*choice.restorers, *(kept & set(choice.missing))}
        order = choice.restorers if request.restorers else tuple(row)
        restorers = tuple(name for name in order if name in wanted)
        missing = tuple(name for name in choice.missing if name not in kept)
        completed.append(replace(choice, restorers=restorers, missing=missing))
    without = [choice for choice in completed if choice.missing]
    if without:
        names = {name for choice in without for name in choice.missing}
        part = f"{len(without)} of {len(choices)}" if len(without) < len(choices) else "the"
        left_out = {name: what for name, what in unresolvable.items() if name in names}
        say(describe_left_out(left_out, f"{part} panels"))
    return completed


def _row(manifest: Manifest, choice: Choice) -> dict[str, CellEntry]:
    """The cells that a panel shows, by restorer, in table order."""
    cells = {
        cell.restorer: cell
        for cell in manifest.cells
        if cell.task == choice.task and cell.condition in (None, choice.condition)
    }
    return {name: cells[name] for name in manifest.restorers if name in cells}


@dataclass
class _PanelMaker:
    """Makes the panels of one codec and QF; their plan when the first picture is missing."""

    directory: RunDirectory
    folder: Path
    options: PanelOptions
    choices: list[Choice]
    stack: ExitStack
    unplannable: bool = False

    @cached_property
    def _plan(self) -> Plan:
        self.unplannable = True
        tasks = list(dict.fromkeys(choice.task for choice in self.choices))
        condition = self.choices[0].condition
        overrides = self.options.overrides
        # The pictures of those that nothing stands for are there.
        kept = unresolvable_restorers(self.directory.manifest(), overrides.restorers)
        shown = dict.fromkeys(name for choice in self.choices for name in choice.restorers)
        names = [name for name in shown if name not in kept]
        plan = replan(
            directory=self.directory,
            tasks=tasks,
            condition=condition,
            restorers=names,
            moved=self.options.moved,
            overrides=overrides,
            device=self.options.device,
        )
        # Not before a picture is missing: torch takes seconds to load.
        self.stack.enter_context(as_in_runs(plan.study.seed))
        self.unplannable = False
        return plan

    def make(self, choice: Choice, progress: Progress) -> Panel:
        """One panel, its picture and its views in the folder."""
        reference = original_restorer().name
        views, notes = self._views(choice, reference, progress)
        pixels = {view.restorer: read_image(self.folder / view.picture) for view in views}
        height, width = pixels[reference].shape[:2]
        crop = self.options.crop
        if isinstance(crop, str):
            a, b = (pixels.get(name, pixels[reference]) for name in choice.between)
            crop = crops.most_different(a, b)
        elif crop is not None:
            crops.check_inside(crop, width, height, choice.image)
        panel = Panel(
            task=choice.task,
            image=choice.image,
            codec=choice.codec,
            qf=choice.qf,
            width=width,
            height=height,
            reason=choice.reason,
            file=str(panel_folder(choice) / "panel.png"),
            views=tuple(views),
            crop=crop,
            notes=tuple(notes),
        )
        compose(panel, self.folder, self.options.width, self.options.pdf)
        return panel

    def _views(
        self, choice: Choice, reference: str, progress: Progress
    ) -> tuple[list[View], list[str]]:
        """The views, and why some are missing; the first two cannot be."""
        cells = _row(self.directory.manifest(), choice)
        prepared: Prepared | None = None
        views = []
        notes = [f"{name} cannot be made again and is not shown." for name in choice.missing]
        for name in (reference, UNDONE, *choice.restorers):
            view = read_view(self.folder, panel_folder(choice), name, cells)
            try:
                if view is None:
                    prepared = prepared or prepare_image(self._plan, choice)
                    view = make_view(
                        self._plan, self.directory, self.folder, choice, prepared, name
                    )
                views.append(view)
            except HarnessError as error:
                if name in (reference, UNDONE) or isinstance(error, UserError):
                    raise
                notes.append(f"{name} is missing: {str(error).rstrip('.')}.")
            progress.advance()
        return views, notes
