"""A run directory written by hand that has everything a page can show."""

import numpy as np
from PIL import Image
from runs import RESTORERS, RunBuilder

from harness.plugins import Record
from harness.report.panel_index import Panel, View, write_index

QFS = (10, 20)
GAINS = {"jpeg": 0, "arcnn": 12, "dagn": -12, "fbcnn": 0}
"""Pixels of a hundred that a restorer finds more than jpeg."""

STUDY = {
    "name": "by hand", "task": ["segmentation", "fidelity"], "dataset": "scenes", "qf": [10, 20],
    "restorers": ["original", "jpeg", "arcnn", "dagn", "fbcnn"], "limit": 30, "codec": ["jpeg"],
}  # fmt: skip


def counts(right):
    """Confusion counts of an image: 200 pixels of background, all right, 100 of a thing."""
    return {"classes": 3, "counts": [[0, 0, 200], [1, 1, right], [1, 0, 100 - right], [2, 2, 50]]}


def page_run(path, images=30, names=None, restorers=None, failing="image-003"):
    """A run of two tasks, two QFs and five restorers; an image failed for arcnn at QF 10.

    Args:
        path: the run directory.
        images: the number of images.
        names: image ids; made up by default.
        restorers: other names for some restorers.
        failing: the image that failed; none if it is none of them.
    """
    ids = list(names or (f"image-{k:03}" for k in range(images)))
    called = {name: (restorers or {}).get(name, name) for name in RESTORERS}
    run = RunBuilder(
        path,
        model="pspnet_scenes",
        ids=ids,
        total=128,
        restorers={called[name]: known for name, known in RESTORERS.items()},
        identity={"images": "x", "data": {"version": "1"}},
        harness="0.1.0",
        created="2026-01-02T03:04:05+00:00",
        updated="2026-01-02T04:05:06+00:00",
        study=STUDY,
        environments=({"packages": {"torch": "2.0"}, "cores": 2},),
    )
    rng = np.random.default_rng(0)
    base = rng.integers(30, 50, len(ids))
    originals = [Record(image, bpp=24.0, outcome=counts(90)) for image in ids]
    run.cell(called["original"], None, originals)
    measured = {}
    for restorer, gain in GAINS.items():
        for qf in QFS:
            noise = rng.integers(-3, 4, len(ids))
            records = [
                _record(image, restorer, qf, k, base[k] + gain + noise[k])
                for k, image in enumerate(ids)
            ]
            if restorer == "arcnn" and qf == 10:
                records = [_failed(one) if one.image == failing else one for one in records]
            measured[restorer, qf] = records
    for task in ("segmentation", "fidelity"):
        for (restorer, qf), records in measured.items():
            run.cell(called[restorer], qf, records, task=task)
    return run.write(["background", "thing", "other"])


def _failed(record):
    return Record(record.image, error=f"{record.image}: out of memory <b>&")


def _record(image, restorer, qf, k, right):
    psnr = np.inf if k == 5 and restorer == "fbcnn" else 25 + qf / 10 + right / 20
    return Record(
        image=image,
        bpp=0.2 + qf / 100 + k / 1000,
        outcome=counts(int(right) + qf),
        fidelity={"psnr": psnr, "ssim": 0.7 + right / 1000, "psnr_b": 24.0 + qf / 10},
    )


def add_panels(directory, count=2, side=48, fingerprint=""):
    """Panels of noise, which no codec makes small, with a square drawn on each."""
    folder = directory.path / "panels"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    drawn = np.zeros((side, side, 4), np.uint8)
    drawn[4:12, 4:12] = (0, 0, 255, 255)
    Image.fromarray(drawn).save(folder / "drawn.png")
    panels = []
    for k in range(count):
        views = []
        for name in ("original", "jpeg", "arcnn", "dagn"):
            pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{k}-{name}.png")
            psnr = None if name == "original" else 25.5
            views.append(
                View(name, name, f"{k}-{name}.png", "drawn.png", psnr, 0.8, 40.0, "1 found", True,
                     fingerprint, legend=(("thing", "#e69f00"),))
            )  # fmt: skip
        panels.append(
            Panel("segmentation", f"image-00{k}", "jpeg", 10, side, side, "It moved most.",
                  "x.png", tuple(views))
        )  # fmt: skip
    write_index(folder, panels)
