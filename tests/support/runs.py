"""Run directories written by hand, whose numbers are therefore known."""

import re

from harness.plugins import Record
from harness.records.run_directory import RunDirectory
from harness.records.schema import CellEntry, DataSetEntry, Identity, Manifest, RestorerEntry
from harness.study.study import Cell

JPEG = {"codec": "jpeg", "subsampling": "4:2:0"}
JPEG_LIBRARY = {**JPEG, "libjpeg": "libjpeg-turbo 3", "pillow": "13"}
IMAGES = tuple("abcdefgh")
RESTORERS = {
    "original": RestorerEntry(multi_model=None, year=9999, reference=True),
    "jpeg": RestorerEntry(multi_model=None, year=9999),
    "arcnn": RestorerEntry(multi_model=True, year=2015),
    "dagn": RestorerEntry(multi_model=False, year=2024),
    "fbcnn": RestorerEntry(multi_model=False, year=2021),
}
"""What tables know of the restorers of the written runs; of others `OTHER`."""

OTHER = RestorerEntry(multi_model=False, year=2024)


class RunBuilder:
    """Writes a run directory cell by cell.

    Args:
        path: of the directory.
        task: of the cells that name none.
        model: the vision model of that task, or empty.
        dataset: name of the data set.
        total: how many images the data set has; as many as are measured by default.
        ids: of the images, in the manifest; the oldest runs list none.
        restorers: what tables know of restorers, in place of `RESTORERS` and `OTHER`.
        identity: fields of the manifest's identity that are not the usual ones.
        manifest: further fields of the manifest.
    """

    def __init__(
        self,
        path,
        *,
        task="segmentation",
        model="",
        dataset="scenes",
        total=None,
        ids=(),
        restorers=None,
        identity=None,
        **manifest,
    ):
        self.directory = RunDirectory(path)
        self.task, self.models, self.dataset = task, {task: model}, dataset
        self.total, self.ids = total, tuple(ids)
        self.restorers = {**RESTORERS, **(restorers or {})}
        self.identity = {"codecs": {"jpeg": JPEG}, **(identity or {})}
        self.manifest = manifest
        self.cells = []
        self.images = set()

    def cell(self, restorer, qf, records, *, task=None, model=None, codec="jpeg", inputs=None):
        """Add a cell and append its records; the cell."""
        task = task or self.task
        model = self.models.setdefault(task, model or "")
        codec = "" if qf is None else codec
        cell = Cell(task, self.dataset, model, codec, qf, restorer, inputs or {})
        self.cells.append(cell)
        for record in records:
            self.images.add(record.image)
            self.directory.append(cell, record)
        return cell

    def write(self, classes=None):
        """Write the manifest, and the classes of a segmentation; the directory."""
        self.directory.close()
        if classes is not None:
            self.directory.write_truth("segmentation", {"classes": list(classes)})
        count = len(self.ids or self.images)
        names = dict.fromkeys(cell.restorer for cell in self.cells)
        self.directory.write_manifest(
            Manifest(
                identity=Identity(**self.identity),
                models=self.models,
                data_set=DataSetEntry(
                    name=self.dataset,
                    images=count,
                    total=self.total or count,
                    ids=self.ids,
                ),
                restorers={name: self.restorers.get(name, OTHER) for name in names},
                cells=tuple(map(CellEntry.from_cell, self.cells)),
                **self.manifest,
            )
        )
        return self.directory


def fidelity_record(image, psnr, *, ssim=0.9, psnr_b=None, **more):
    """A record of known PSNR in dB, or of a failure where ``psnr`` is a sentence."""
    if isinstance(psnr, str):
        return Record(image, error=psnr, **more)
    scores = {"psnr": psnr, "ssim": ssim, "psnr_b": psnr if psnr_b is None else psnr_b}
    return Record(image, bpp=1.0, fidelity=scores, outcome={}, **more)


def pixel_record(image, right, of=100, **more):
    """A record of ``of`` pixels of one class, ``right`` of them found: mIoU is right/of/2."""
    counts = [[1, 1, int(right)], [1, 0, of - int(right)]]
    return Record(image, outcome={"classes": 2, "counts": counts}, **more)


def fidelity_run(
    path, values, *, ids=None, total=None, codec=None, data=None, inputs=None, seed=0, sizes=None
):
    """A fidelity run from ``{restorer: {qf: {image: PSNR in dB, or why it failed}}}``.

    Args:
        path: of the run directory.
        values: as above; None is a failure too.
        ids: of the images, in the manifest; those of ``values`` by default.
        total: how many images the data set has.
        codec: a codec by name, and its fingerprint.
        data: the version of the data.
        inputs: of every cell, besides restorer, codec and seed.
        seed: of the study.
        sizes: height in pixels by image, 32 otherwise.
    """
    codec = codec or {"jpeg": JPEG_LIBRARY}
    name = next(iter(codec))
    ids = ids or sorted({i for qfs in values.values() for one in qfs.values() for i in one})
    run = RunBuilder(
        path,
        task="fidelity",
        dataset="written",
        total=total,
        ids=ids,
        restorers={one: _one_model(one) for one in values},
        identity={
            "dataset": "written",
            "data": data or {"version": "1"},
            "images": " ".join(ids),
            "codecs": codec,
            "seed": seed,
        },
    )
    for restorer, qfs in values.items():
        known = {"seed": seed, "codec": codec[name], "restorer": {"name": restorer}}
        for qf, scores in qfs.items():
            records = [
                fidelity_record(
                    image,
                    f"{image} cannot be read" if psnr is None else psnr,
                    height=(sizes or {}).get(image, 32),
                    width=32,
                )
                for image, psnr in scores.items()
            ]
            run.cell(restorer, qf, records, codec=name, inputs={**known, **(inputs or {})})
    return run.write()


def _one_model(restorer):
    """What tables know of a restorer of which there is one network for all QFs."""
    known = RESTORERS.get(restorer, OTHER)
    return known if known.multi_model is None else known.model_copy(update={"multi_model": True})


def psnrs(values):
    """Image ids and their PSNR."""
    return {f"i{index:03}": float(value) for index, value in enumerate(values)}


def table_run(
    path, task, model, values, dataset="live1", images=IMAGES, data="1", study=(), weights="1"
):
    """A run whose numbers fit printed tables.

    Args:
        path: of it.
        task: of all cells.
        model: vision model, or empty.
        values: (restorer, QF) to mean PSNR in dB, or percent of pixels right (mIoU is half of it).
        dataset: name of the data set.
        images: ids.
        data: version of the data.
        study: fields of the study that are not the default ones.
        weights: sha256 of the vision model's.
    """
    run = RunBuilder(
        path,
        task=task,
        model=model,
        dataset=dataset,
        restorers={"mine_50%": RestorerEntry(multi_model=False, year=2026)},
        identity={"images": "".join(images), "data": data},
        study={"dataset": f"path/to/{dataset}", "model": [], **dict(study)},
    )
    for (restorer, qf), value in values.items():
        inputs = {"images": images, "data": data, "model": {"weights": weights}}
        records = [_spread(task, image, value, k % 2 - 0.5) for k, image in enumerate(images)]
        run.cell(restorer, qf, records, inputs=inputs)
    return run.write(["background", "thing"] if task == "segmentation" else None)


def _spread(task, image, value, spread):
    if task == "fidelity":
        psnr = value + spread
        return fidelity_record(image, psnr, ssim=value / 100, psnr_b=psnr - 1)
    return pixel_record(image, round(value + 4 * spread), bpp=1.0)


def edit_lines(folder, change):
    """Change the text of every plain file of records below a folder, checksums left out."""
    for path in folder.rglob("*.jsonl"):
        text = re.sub(r',"check":"[0-9a-f]{16}"', "", path.read_text())
        path.write_text(change(text))


def of_luma(text):
    """The metrics of records of colour under the names of those of luma alone."""
    return re.sub('"(psnr|ssim|psnr_b)"', r'"\1_y"', text)
