"""The data set ``auto``: the paper's where they are prepared, otherwise the embedded ones."""

from __future__ import annotations

from collections.abc import Sequence

from harness.assets.cards import data_root
from harness.plugins import registry

PAPERS = {"detection": "coco-val2017", "segmentation": "voc2012"}
"""The data set of each task in the paper's Table IV."""

EMBEDDED = {"classification": "scenes-things"}
"""What stands in for it, where it is not `scenes`."""


def choose(tasks: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """A data set for each task, and why, by data set.

    Tasks without a vision model (``fidelity``) go with the first that has one.
    """
    chosen: dict[str, str] = {}
    why: dict[str, list[str]] = {}
    seeing = [task for task in tasks if task != "fidelity"]
    for task in seeing or ["detection"]:
        asked = task if seeing else ", ".join(tasks)
        kind = task.removesuffix("-agreement")
        name = EMBEDDED.get(kind, "scenes")
        papers = PAPERS.get(kind)
        if papers is not None and registry.datasets().get(papers).prepared():
            name = papers
            said = f"auto: {papers} is prepared under {data_root()}."
        elif papers is not None:
            said = (
                f"auto: {papers} is not prepared under {data_root()} (`harness fetch {papers}`), "
                f"so {asked} runs on the embedded data set {name}."
            )
        else:
            said = f"auto: {asked} runs on the embedded data set {name}."
        chosen[task] = name
        why.setdefault(name, []).append(said)
    first = next(iter(chosen.values()))
    return {task: chosen.get(task, first) for task in tasks}, why
