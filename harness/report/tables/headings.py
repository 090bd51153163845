"""What a table of the paper says above its numbers, and where there are none."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.merge_runs import CODEC, Block
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.report.tables.building import codec_settings
from harness.report.tables.paper_layouts import PaperLayout
from harness.report.tables.published import PublishedFigures


def measured_on(blocks: list[Block]) -> list[str]:
    """One line a block: what its numbers were measured on, with which model."""
    lines = []
    for block in (block for block in blocks if block.sources):
        data = block.sources[0].manifest.data_set
        images = f"{data.images} images"
        if data.images < data.total:
            images = f"subset, n = {data.images} of {data.total} images"
        model = f", vision model {block.model}" if block.model else ""
        title = registry.tasks().get(block.task).title
        if not block.model:
            title = title.partition("(")[2].rstrip(")") or title
        codec = codec_settings(block.sources[0].manifest.identity.codecs[CODEC])
        lines.append(f"{title}: data set {block.dataset} ({images}), JPEG ({codec}){model}")
    return lines


def comparison(layout: PaperLayout, blocks: list[Block], figures: PublishedFigures) -> str:
    """What the paper's figures are of, and what the measured ones are of."""
    measured = [block for block in blocks if block.sources]
    models: dict[str, list[str]] = {}
    for block in measured:
        models.setdefault(block.dataset, []).extend(filter(None, [block.model]))
    ours = ", ".join(
        name + f" with {' and '.join(used)}" * bool(used) for name, used in models.items()
    )
    theirs = f"{layout.published_on} with its models and its authors' restorers"
    if "fidelity" in layout.tasks:
        beside = {block.dataset: figures.nearest(block.dataset) for block in measured}
        set_beside = ", ".join(f"{its} beside {name}" for name, its in beside.items())
        theirs = f"{layout.published_on} with its authors' restorers ({set_beside})"
    return (
        f"paper: as published, on {theirs}. measured: here, on {ours}, with the restorers' weights "
        "of this run. A difference says something only where data, models and weights are the same."
    )


def nothing(layout: PaperLayout, directories: Sequence[RunDirectory]) -> str:
    """What to say where the run directories hold nothing of a table, and what to do."""
    paths = ", ".join(str(directory.path) for directory in directories)
    hold = "holds" if len(directories) == 1 else "hold"
    what = " or ".join(layout.tasks)
    if "fidelity" in layout.tasks:
        what += " of DAGN's variants" * layout.ablation + " in colour"
    data = " It is on LIU4K, which its authors give out." * (layout.number == "II")
    return (
        f"{paths} {hold} no record of {what} after JPEG, which {layout.name} is made of.{data} "
        f"Make one with '{layout.command}'."
    )
