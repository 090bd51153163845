"""Run directories written by hand, whose numbers are therefore known."""

from manifests import append, write_manifest

from harness.records.run_directory import RunDirectory
from harness.study.study import Cell

YEARS = {"original": 9999, "jpeg": 9999, "arcnn": 2015, "dagn": 2024, "fbcnn": 2021, "qgac": 2020}


def fidelity_run(path, psnr, of=None):
    """A fidelity run from ``{restorer: {qf: {image: PSNR in dB, or a sentence of failure}}}``."""
    found = RunDirectory(path)
    cells = []
    for restorer, qfs in psnr.items():
        for qf, values in qfs.items():
            cell = Cell("fidelity", "written", "", "jpeg", qf, restorer, {})
            cells.append(cell)
            for image, value in values.items():
                append(found, cell, _record(image, value))
    found.close()
    ids = sorted({i for qfs in psnr.values() for values in qfs.values() for i in values})
    write_manifest(
        found,
        {
            "identity": {
                "images": "-".join(ids),
                "data": {"version": "1"},
                "codecs": {"jpeg": {"codec": "jpeg", "subsampling": "4:2:0"}},
            },
            "models": {"fidelity": ""},
            "data_set": {"name": "written", "images": len(ids), "of": of or len(ids), "ids": ids},
            "restorers": {
                name: {
                    "multi_model": None if name in ("original", "jpeg") else True,
                    "year": YEARS.get(name, 2020),
                    "reference": name == "original",
                }
                for name in psnr
            },
            "absent": {},
            "cells": [{"key": cell.key, **cell.as_json()} for cell in cells],
        },
    )
    return found


def _record(image, value):
    if isinstance(value, str):
        return {"image": image, "error": value}
    figures = {"psnr": value, "ssim": 0.9, "psnr_b": value}
    return {"image": image, "bpp": 1.0, "fidelity": figures, "outcome": {}}
