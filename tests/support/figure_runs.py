"""A small segmentation run with known numbers, for the tests of figures."""

import numpy as np
from manifests import append, write_manifest

from harness.records.run_directory import RunDirectory
from harness.study.study import Cell

RESTORERS = {
    "original": {"multi_model": None, "year": 9999, "reference": True},
    "jpeg": {"multi_model": None, "year": 9999, "reference": False},
    "arcnn": {"multi_model": True, "year": 2015, "reference": False},
    "dagn": {"multi_model": False, "year": 2024, "reference": False},
    "my/long/folder/of-weights/best.safetensors": {
        "multi_model": False, "year": 9999, "reference": False
    },
}  # fmt: skip
SHARES = {"original": 0.9, "jpeg": 0.4, "arcnn": 0.5, "dagn": 0.3,
          "my/long/folder/of-weights/best.safetensors": 0.45}  # fmt: skip
"""The share of pixels found at QF 10: arcnn helps, dagn harms."""

CLASSES = ["background", "apple", "bee"]


def counts(generator, share):
    """Confusion counts of 300 pixels, 100 a class."""
    found = []
    for label in range(3):
        right = int(np.clip(generator.normal(100 * share, 8), 1, 99))
        found += [[label, label, right], [label, (label + 1) % 3, 100 - right]]
    return {"classes": 3, "counts": found}


def make_run(path, qfs=(10, 20, 30, 40), leave_out=(), images=12, of=12, seconds=True):
    """Write a run directory; the same arguments write the same one."""
    directory = RunDirectory(path)
    ids = [f"image-{k:02}" for k in range(images)]
    names = [name for name in RESTORERS if name not in leave_out]
    cells = []
    for name in names:
        for qf in (None,) if name == "original" else qfs:
            codec = "" if qf is None else "jpeg"
            cell = Cell("segmentation", "scenes", "pspnet", codec, qf, name, {})
            cells.append(cell)
            generator = np.random.default_rng([len(name), qf or 0])
            for k, image in enumerate(ids):
                share = SHARES[name] + (qf or 0) / 100
                record = {"image": image, "outcome": counts(generator, share), "fidelity": {}}
                record["bpp"] = 0.05 * (qf or 100) + 0.01 * k
                if seconds:
                    record["seconds"] = {"restore": 0.01 * len(name) + 0.001 * k}
                append(directory, cell, record)
    directory.close()
    directory.write_truth("segmentation", {"classes": CLASSES})
    write_manifest(
        directory,
        {
            "study": {},
            "identity": {"codec": {"codec": "jpeg", "subsampling": "4:2:0"}},
            "models": {"segmentation": "pspnet"},
            "data_set": {"name": "scenes", "images": images, "of": of},
            "restorers": {name: RESTORERS[name] for name in names},
            "environments": [{"processor": "Abacus 3", "threads": 1}],
            "absent": {},
            "cells": [{"key": cell.key, **cell.as_json()} for cell in cells],
        },
    )
    return directory
