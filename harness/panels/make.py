"""``harness panels``: from what was asked for to the pictures and their index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.engine.progress import Progress, Silent
from harness.errors import HarnessError, UserError
from harness.images.io import read_image
from harness.panels import crop as crops
from harness.panels.compose import PanelLayout, compose
from harness.panels.recompute import as_in_runs
from harness.panels.replan import replan
from harness.panels.select import UNDONE, Choice, PanelRequest, choose
from harness.panels.unresolvable import left_out, refused, unresolvable_restorers
from harness.panels.views import Maker, held_view, panel_folder
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, Manifest
from harness.report.panel_index import Panel, View, read_index, write_index
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
        own: objects that stand for names of the study, as the run was made with.
    """

    output: Path | None = None
    crop: crops.Crop | str | None = crops.AUTO
    width: int = 2150
    pdf: bool = False
    moved: Mapping[str, Any] = field(default_factory=dict)
    overrides: Overrides = NO_OVERRIDES


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
    reference = original_restorer().name
    conditions = dict.fromkeys((choice.codec, choice.qf) for choice in choices)
    progress = progress or Silent()
    made: list[Panel] = []
    failed: list[str] = []
    manifest = directory.manifest()
    progress.start(sum(2 + len(choice.restorers) for choice in choices), 0)
    with ExitStack() as stack:
        stack.callback(progress.stop)
        for condition in conditions:
            mine = [choice for choice in choices if (choice.codec, choice.qf) == condition]
            again = _Again(directory, mine, options, stack)
            for choice in mine:
                work = _Work(directory, manifest, folder, options, again, reference)
                try:
                    panel = work.panel(choice, progress)
                except UserError as error:
                    if again.broken:  # nothing can be made, whatever the image
                        raise
                    failed.append(str(error))
                    continue
                except HarnessError as error:
                    failed.append(str(error))
                    continue
                made.append(panel)
                _add(folder, panel)
    if failed and not made:
        more = f" ({len(failed)} images failed, this is the first.)" if len(failed) > 1 else ""
        raise HarnessError(failed[0] + more)
    for sentence in failed:
        say(f"Failed: {sentence}")
    return made


def _choices(
    directory: RunDirectory, request: PanelRequest, overrides: Overrides, folder: Path, say: Say
) -> list[Choice]:
    """What to show: restorers that nothing stands for only where they are in the folder."""
    manifest = directory.manifest()
    lost = unresolvable_restorers(manifest, overrides.restorers)
    try:
        choices = choose(directory, request, lost)
    except UserError:
        if lost and not request.restorers:  # it may be why there is nothing to show
            say(left_out(lost, "the panels"))
        raise
    found = []
    for choice in choices:
        at, row = panel_folder(choice), _row(manifest, choice)
        held = {name for name in lost if name in row and held_view(folder, at, name, row)}
        for name in choice.restorers:
            if name in lost and name not in held:
                raise UserError(refused(name, lost[name]))
        shown = {*choice.restorers, *(held & set(choice.missing))}
        order = choice.restorers if request.restorers else tuple(row)
        again = tuple(name for name in order if name in shown)
        missing = tuple(name for name in choice.missing if name not in held)
        found.append(replace(choice, restorers=again, missing=missing))
    without = [choice for choice in found if choice.missing]
    if without:
        names = {name for choice in without for name in choice.missing}
        part = f"{len(without)} of {len(found)}" if len(without) < len(found) else "the"
        said = {name: what for name, what in lost.items() if name in names}
        say(left_out(said, f"{part} panels"))
    return found


def _row(manifest: Manifest, choice: Choice) -> dict[str, CellEntry]:
    """The cells that a panel shows, by restorer, in table order."""
    cells = {
        cell.restorer: cell
        for cell in manifest.cells
        if cell.task == choice.task
        and (cell.qf is None or (cell.codec, cell.qf) == (choice.codec, choice.qf))
    }
    return {name: cells[name] for name in manifest.restorers if name in cells}


def _add(folder: Path, panel: Panel) -> None:
    kept = [one for one in read_index(folder) if one.key != panel.key]
    write_index(folder, [*kept, panel])


@dataclass
class _Again:
    """The plan for all choices at one place, made when the first picture is missing."""

    directory: RunDirectory
    choices: list[Choice]
    options: PanelOptions
    stack: ExitStack
    broken: bool = False

    @cached_property
    def _plan(self) -> Plan:
        self.broken = True
        tasks = list(dict.fromkeys(choice.task for choice in self.choices))
        shown = dict.fromkeys(name for choice in self.choices for name in choice.restorers)
        condition = (self.choices[0].codec, self.choices[0].qf)
        where, overrides = self.options.moved, self.options.overrides
        lost = unresolvable_restorers(
            self.directory.manifest(), overrides.restorers
        )  # their pictures are there
        names = [name for name in shown if name not in lost]
        plan = replan(self.directory, tasks, condition, names, where, overrides)
        # Not before a picture is missing: torch takes seconds to load.
        self.stack.enter_context(as_in_runs(plan.study.seed))
        self.broken = False
        return plan

    def __call__(self) -> Plan:
        return self._plan


@dataclass
class _Work:
    """What the panels of a run have in common."""

    directory: RunDirectory
    manifest: Manifest
    folder: Path
    options: PanelOptions
    plan: Callable[[], Plan]
    reference: str

    def panel(self, choice: Choice, progress: Progress) -> Panel:
        """One panel, its picture and its views in the folder."""
        views, notes = self._views(choice, progress)
        pixels = {view.restorer: read_image(self.folder / view.picture) for view in views}
        height, width = pixels[self.reference].shape[:2]
        crop = self.options.crop
        if isinstance(crop, str):
            pair = [pixels.get(name) for name in choice.between]
            a, b = (one if one is not None else pixels[self.reference] for one in pair)
            crop = crops.most_different(a, b)
        elif crop is not None:
            crops.checked(crop, width, height, choice.image)
        at = panel_folder(choice)
        panel = Panel(
            *(choice.task, choice.image, choice.codec, choice.qf, width, height, choice.reason),
            str(at / "panel.png"),
            tuple(views),
            crop,
            tuple(notes),
        )
        compose(panel, self.folder, PanelLayout(self.options.width, self.options.pdf))
        return panel

    def _views(self, choice: Choice, progress: Progress) -> tuple[list[View], list[str]]:
        """The views, and why some are missing.

        Raises:
            HarnessError: the uncompressed or the compressed image cannot be had.
        """
        cells = _row(self.manifest, choice)
        maker = Maker(self.plan, self.directory, self.folder, choice)
        views = []
        notes = [f"{name} cannot be made again and is not shown." for name in choice.missing]
        for name in (self.reference, UNDONE, *choice.restorers):
            view = held_view(self.folder, panel_folder(choice), name, cells)
            try:
                views.append(view if view is not None else maker.make(name))
            except HarnessError as error:
                if name in (self.reference, UNDONE) or isinstance(error, UserError):
                    raise
                notes.append(f"{name} is missing: {str(error).rstrip('.')}.")
            progress.advance()
        return views, notes
