"""Run directories written by hand: fidelity records with known PSNR."""

from manifests import append, write_manifest

from harness.records.run_directory import RunDirectory
from harness.study.study import Cell

CODEC = {"codec": "jpeg", "subsampling": "4:2:0", "libjpeg": "libjpeg-turbo 3", "pillow": "13"}
RESTORERS = {"original": None, "jpeg": None}
"""Those that no network stands behind; the rest are multi-model."""


def fidelity_run(path, values, *, ids=None, codec=None, data=None, inputs=None, seed=0, sizes=None):
    """A run with ``values``: restorer -> QF -> image -> PSNR, or None for an image that failed."""
    found = RunDirectory(path)
    images = sorted({i for qfs in values.values() for images in qfs.values() for i in images})
    ids = ids or images
    codec = codec or {"jpeg": CODEC}
    cells = []
    for restorer, qfs in values.items():
        for qf, psnrs in qfs.items():
            name = next(iter(codec))
            known = {"seed": seed, "codec": codec[name], "restorer": {"name": restorer}}
            cell = Cell("fidelity", "fake", "", name, qf, restorer, {**known, **(inputs or {})})
            cells.append(cell)
            for image, psnr in psnrs.items():
                figures = {"psnr": psnr, "ssim": 0.5, "psnr_b": psnr}
                record = {"outcome": {}, "fidelity": figures, "bpp": 1.0}
                if psnr is None:
                    record = {"error": f"{image} cannot be read"}
                size = (sizes or {}).get(image, 32)
                append(found, cell, {"image": image, "height": size, "width": 32, **record})
    found.close()
    write_manifest(
        found,
        {
            "study": {},
            "identity": {
                "dataset": "fake",
                "data": data or {"version": "1"},
                "images": " ".join(ids),
                "codecs": codec,
                "seed": seed,
            },
            "models": {"fidelity": ""},
            "data_set": {"name": "fake", "images": len(ids), "of": len(ids), "ids": list(ids)},
            "restorers": {n: {"multi_model": RESTORERS.get(n, True)} for n in values},
            "absent": {},
            "cells": [{"key": cell.key, **cell.as_json()} for cell in cells],
        },
    )
    return found


def psnrs(values):
    """Image ids and their PSNR."""
    return {f"i{index:03}": float(value) for index, value in enumerate(values)}
