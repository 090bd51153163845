"""Run directories with known numbers, for the tests of tables."""

from manifests import append, write_manifest

from harness.records.run_directory import RunDirectory
from harness.study.study import Cell

IMAGES = tuple("abcdefgh")
KNOWN = {
    "original": {"multi_model": None, "year": 9999, "reference": True},
    "jpeg": {"multi_model": None, "year": 9999, "reference": False},
    "arcnn": {"multi_model": True, "year": 2015, "reference": False},
    "mine_50%": {"multi_model": False, "year": 2026, "reference": False},
}
CODEC = {"codec": "jpeg", "subsampling": "4:2:0"}


def write_run(
    path, task, model, values, dataset="live1", images=IMAGES, data="1", study=(), weights="1"
):
    """A run directory.

    Args:
        path: of it.
        task: of all cells.
        model: vision model, or empty.
        values: (restorer, QF) to what `outcome_of` makes records of, QF None: uncompressed.
        dataset: name of the data set.
        images: ids.
        data: version of the data.
        study: fields of the study that are not the default ones.
        weights: sha256 of the vision model's.
    """
    found = RunDirectory(path)
    cells = []
    for (restorer, qf), value in values.items():
        codec = "" if qf is None else "jpeg"
        inputs = {"images": images, "data": data, "model": {"weights": weights}}
        cell = Cell(task, dataset, model, codec, qf, restorer, inputs)
        cells.append(cell)
        for index, image in enumerate(images):
            append(found, cell, {"image": image, "bpp": 1.0, **outcome_of(task, value, index)})
    found.close()
    if task == "segmentation":
        found.write_truth(task, {"classes": ["background", "thing"]})
    names = {restorer for restorer, _ in values}
    dagn = {"multi_model": False, "year": 2024, "reference": False}
    write_manifest(
        found,
        {
            "identity": {"codecs": {"jpeg": CODEC}, "images": "".join(images), "data": data},
            "models": {task: model},
            "data_set": {"name": dataset, "images": len(images), "of": len(images)},
            "restorers": {name: KNOWN.get(name, dagn) for name in names},
            "absent": {},
            "study": {"dataset": f"path/to/{dataset}", "model": [], **dict(study)},
            "cells": [{"key": cell.key, **cell.as_json()} for cell in cells],
        },
    )
    return found


def outcome_of(task, value, index):
    """A record: mean PSNR ``value`` dB, or ``value`` % of pixels right (mIoU is half of it)."""
    spread = (index % 2) - 0.5
    if task == "fidelity":
        figures = {"psnr": value + spread, "ssim": value / 100, "psnr_b": value - 1 + spread}
        return {"outcome": {}, "fidelity": figures}
    right = round(value + 4 * spread)
    return {"outcome": {"classes": 2, "counts": [[1, 1, right], [1, 0, 100 - right]]},
            "fidelity": {}}  # fmt: skip
