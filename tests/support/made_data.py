"""Small data sets in the usual formats, written to a folder."""

import json

import numpy as np
from PIL import Image


def picture(path, size=(40, 30), orientation=None):
    """An RGB image, width × height; with an EXIF orientation, if one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (size[1], size[0], 3))
    image = Image.fromarray(pixels.astype(np.uint8))
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def palette(path, values):
    """A class mask as a palette PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values, np.uint8)).convert("P")
    image = Image.frombytes("P", image.size, np.asarray(values, np.uint8).tobytes())
    image.putpalette([(37 * k) % 256 for k in range(768)])
    image.save(path)
    return path


def instances():
    """A COCO instances file's content: three images of 40×30, not in the order of their ids."""
    images = [
        {"id": number, "file_name": f"{number:04}.jpg", "width": 40, "height": 30}
        for number in (7, 3, 5)
    ]
    annotations = [
        note(1, 7, 18, [2, 3, 10, 12]),
        note(2, 7, 1, [0, 0, 40, 30], iscrowd=1),
        note(3, 3, 1, [30.5, 20, 9.9, 10.4]),
    ]
    categories = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def note(number, image, category, box, **more):
    """One annotation with the outline of its box."""
    x, y, width, height = box
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "area": width * height,
        "iscrowd": 0,
        "segmentation": [corners],
        **more,
    }


def coco(folder, content, images="val2017"):
    """An instances JSON in ``folder/annotations``, and its images."""
    path = folder / "annotations" / "instances_val2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    for entry in content["images"]:
        size = entry.get("width", 40), entry.get("height", 30)
        picture(folder / images / entry["file_name"], size)
    return path


def xml(path, things, size=(40, 30)):
    """A VOC annotation file; things are name, xmin, ymin, xmax, ymax, difficult."""
    objects = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin>"
        f"<ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox>"
        "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>"
        "</bndbox></part></object>"
        for name, x0, y0, x1, y1, difficult in things
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{objects}</annotation>"
    )
    return path


def voc(root, segmentation=("a", "b"), main=("a", "b", "c")):
    """A folder in VOC's layout with lists ``val``; every image is there, and ``d`` in no list."""
    for stem in "abcd":
        picture(root / "JPEGImages" / f"{stem}.jpg")
    for kind, stems in (("Segmentation", segmentation), ("Main", main)):
        path = root / "ImageSets" / kind / "val.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in stems))
    values = np.zeros((30, 40), np.uint8)
    values[5:20, 5:20], values[4, 5:20] = 15, 255
    for stem in segmentation:
        palette(root / "SegmentationClass" / f"{stem}.png", values)
    for stem in main:
        things = [("person", 1, 1, 40, 30, 0), ("dog", 3.5, 4, 10, 12, 1)] if stem == "a" else []
        xml(root / "Annotations" / f"{stem}.xml", things)
    return root
