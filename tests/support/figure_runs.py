"""A small segmentation run with known numbers, for the tests of figures."""

import numpy as np
from runs import RunBuilder

from harness.plugins import Record
from harness.records.schema import RestorerEntry

LONG = "my/long/folder/of-weights/best.safetensors"
SHARES = {"original": 0.9, "jpeg": 0.4, "arcnn": 0.5, "dagn": 0.3,
          LONG: 0.45}  # fmt: skip
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
    run = RunBuilder(
        path,
        model="pspnet",
        total=of,
        restorers={LONG: RestorerEntry(multi_model=False)},
        environments=({"processor": "Abacus 3", "threads": 1},),
    )
    for name in SHARES:
        if name in leave_out:
            continue
        for qf in (None,) if name == "original" else qfs:
            generator = np.random.default_rng([len(name), qf or 0])
            records = [
                Record(
                    image=f"image-{k:02}",
                    bpp=0.05 * (qf or 100) + 0.01 * k,
                    outcome=counts(generator, SHARES[name] + (qf or 0) / 100),
                    seconds={"restore": 0.01 * len(name) + 0.001 * k} if seconds else {},
                )
                for k in range(images)
            ]
            run.cell(name, qf, records)
    return run.write(CLASSES)
