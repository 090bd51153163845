"""Names that are another data set for each task: ``auto``, ``coco``, ``voc``.

``auto`` is the paper's data sets where they are prepared, otherwise the embedded ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.assets.cards import data_root
from harness.errors import UserError
from harness.plugins import registry

PAPERS = {"detection": "coco-val2017", "segmentation": "voc2012"}
"""The data set of each task in the paper's Table IV."""

EMBEDDED = {"classification": "scenes-things"}
"""What stands in for it, where it is not `scenes`."""


COCO = {"detection": "coco-val2017", "segmentation": "coco-val2017-voc"}
VOC = {"detection": "voc2012-detection", "segmentation": "voc2012"}


def coco(tasks: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """COCO val2017 with boxes, or with VOC's labels as masks; see `choose`.

    Raises:
        UserError: a task for which there is neither.
    """
    return _named("coco", COCO, tasks)


def voc(tasks: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """PASCAL VOC 2012's val of each task; see `choose`.

    Raises:
        UserError: a task that has none.
    """
    return _named("voc", VOC, tasks)


def _named(
    alias: str, names: dict[str, str], tasks: Sequence[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    kinds = {task: task.removesuffix("-agreement") for task in tasks}
    seeing = [names[kind] for kind in kinds.values() if kind in names]
    first = seeing[0] if seeing else names["detection"]
    chosen = {}
    for task, kind in kinds.items():
        if kind not in names and kind != "fidelity":
            raise UserError(
                f"--dataset {alias} has nothing for {task}: it is for {', '.join(names)} and "
                "fidelity. Name a data set, or leave that task out."
            )
        chosen[task] = names.get(kind, first)
    return chosen, {name: [f"{alias}: {name}."] for name in chosen.values()}


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
