"""``harness fetch`` of data sets: archives in order, single images, again, offline, with faults."""

import dataclasses
import hashlib
import io
import json
import tarfile
import zipfile

import pytest
from PIL import Image
from web import Web

from harness.assets.cards import Download
from harness.errors import HarnessError, UserError
from harness.plugins import registry
from harness.tools import fetch as remote
from tasks.classes import COCO, COCO_IDS
from tasks.datasets.coco import val2017 as coco
from tasks.datasets.voc import datasets as voc

NAMES = [f"{number:012}.jpg" for number in (9, 25, 30)]


def jpeg(shade):
    file = io.BytesIO()
    Image.new("RGB", (20, 10), (shade, 0, 0)).save(file, "JPEG")
    return file.getvalue()


PICTURES = {name: jpeg(40 * k) for k, name in enumerate(NAMES)}


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def instances():
    entries = [
        {"id": int(name[:12]), "file_name": name, "width": 20, "height": 10}
        for name in reversed(NAMES)
    ]
    names = [{"id": i, "name": name} for i, name in zip(COCO_IDS, COCO, strict=True)]
    return {"images": entries, "annotations": [], "categories": names}


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Web()
    yield served
    served.close()


@pytest.fixture
def root(web, tmp_path, monkeypatch):
    """An empty data root, with COCO val2017 and VOC 2012 in small on the web."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    files = {"annotations/instances_val2017.json": json.dumps(instances()),
             "annotations/captions_val2017.json": "{}"}  # fmt: skip
    serve(web, monkeypatch, coco, "ANNOTATIONS", zipped(files))
    pictures = {f"val2017/{name}": data for name, data in PICTURES.items()}
    serve(web, monkeypatch, coco, "IMAGES", zipped({"val2017/": b"", **pictures}))
    for name, data in PICTURES.items():
        web.files[f"val2017/{name}"] = data
    monkeypatch.setattr(coco, "IMAGE_URL", web.url("val2017/"))
    base = "VOCdevkit/VOC2012"
    files = {f"{base}/ImageSets/{kind}/val.txt": b"a\n" for kind in ("Segmentation", "Main")}
    files[f"{base}/JPEGImages/a.jpg"] = PICTURES[NAMES[0]]
    mask = io.BytesIO()
    Image.new("P", (20, 10)).save(mask, "PNG")
    files[f"{base}/SegmentationClass/a.png"] = mask.getvalue()
    files[f"{base}/Annotations/a.xml"] = b"<annotation/>"
    files[f"{base}/SegmentationObject/a.png"] = b"not needed"
    serve(web, monkeypatch, voc, "ARCHIVE", tarred(files))
    return tmp_path / "data"


def serve(web, monkeypatch, module, name, data):
    """Put an archive on the web, and have the module look for it there."""
    item = getattr(module, name)
    web.files[item.file] = data
    sums = {
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest() if item.sha256 else "",
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest() if item.md5 else "",
    }
    monkeypatch.setattr(module, name, dataclasses.replace(item, url=web.url(item.file), **sums))


def below(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


COCO_FILES = sorted(["coco/annotations/instances_val2017.json",
                     *(f"coco/val2017/{name}" for name in NAMES)])  # fmt: skip


def test_a_whole_data_set_comes_and_comes_once(root, web, harness):
    code, out, err = harness("fetch", "coco-val2017")

    assert code == 0, err
    assert below(root) == COCO_FILES  # no archive, no captions
    assert f"val2017.zip: 3 files unpacked into {root}/coco\n  sha256 " in out
    assert out.splitlines()[-1] == f"coco-val2017: complete under {root}"
    assert "licence: annotations CC BY 4.0" in err
    assert coco.CocoVal2017.prepared()
    assert len(coco.CocoVal2017().images()) == 3

    asked = len(web.asked)
    code, out, err = harness("fetch", "coco-val2017", "coco-val2017-voc")
    assert out.splitlines() == [
        f"coco-val2017: complete already, nothing to download under {root}",
        f"coco-val2017-voc: complete already, nothing to download under {root}",
    ]
    assert (code, err, len(web.asked)) == (0, "", asked)


def test_the_first_images_come_one_by_one_and_mix_with_the_archive(root, web, harness):
    code, out, err = harness("fetch", "coco-val2017", "--limit", "2")

    assert code == 0, err
    assert below(root) == COCO_FILES[:3]
    assert f"coco-val2017: 2 files, 0.0 MB, in {root}/coco/val2017" in out
    assert out.splitlines()[-1].startswith("coco-val2017: the first 2 images are complete under")
    coco.CocoVal2017().available(2)
    asked = len(web.asked)
    assert "complete already" in harness("fetch", "coco-val2017", "--limit", "1")[1]
    assert len(web.asked) == asked

    assert "val2017.zip: 1 files unpacked" in harness("fetch", "coco-val2017")[1]
    assert below(root) == COCO_FILES


def test_voc_comes_in_one_archive_for_both_sets(root, web, harness):
    code, out, err = harness("fetch", "voc2012", "voc2012-detection")

    assert code == 0, err
    assert len(web.asked) == 1
    assert "SegmentationObject" not in " ".join(below(root))
    assert len(voc.Voc2012().images()) == len(voc.Voc2012Detection().images()) == 1
    assert "voc2012-detection: complete already" in out
    assert harness("fetch", "voc2012", "--limit", "3")[0] == 2


def test_a_download_that_breaks_off_goes_on(root, web, harness, monkeypatch):
    monkeypatch.setattr("harness.assets.download.TRIES", 1)
    monkeypatch.setattr(remote, "fetch", lambda *a, **k: original(*a, **{**k, "tries": 1}))
    from harness.assets.download import fetch as original

    web.cut = [10**6, 300]  # the annotations come; of the images, 300 bytes
    code, _, err = harness("fetch", "coco-val2017")
    assert code == 1
    assert "closed after 300 of" in err
    assert below(root) == [COCO_FILES[0], "val2017.zip.part", "val2017.zip.part.tag"]

    assert harness("fetch", "coco-val2017")[0] == 0
    assert web.asked[-1] == "bytes=300-"
    assert below(root) == COCO_FILES


def test_a_wrong_checksum_leaves_nothing(root, web, harness, monkeypatch):
    monkeypatch.setattr(voc, "ARCHIVE", dataclasses.replace(voc.ARCHIVE, md5="0" * 32))
    code, _, err = harness("fetch", "voc2012")

    assert code == 1
    assert err.splitlines()[-1].startswith("Error: http://127.0.0.1")
    assert "its md5 is" in err
    assert below(root) == []


def test_a_web_page_instead_of_an_image_leaves_nothing(root, web, harness):
    web.files[f"val2017/{NAMES[1]}"] = b"<html>log in</html>"
    code, _, err = harness("fetch", "coco-val2017", "--limit", "3")

    assert code == 1
    assert "gave a web page instead of the file" in err
    assert below(root) == COCO_FILES[:2]


def test_an_archive_with_a_way_out_writes_nothing(root, web, harness, monkeypatch):
    serve(web, monkeypatch, voc, "ARCHIVE", tarred({"VOCdevkit/../../../out": b"evil"}))
    code, _, err = harness("fetch", "voc2012")

    assert code == 1
    assert "leads out of the folder it is unpacked into. Nothing was written" in err
    assert below(root) == ["VOCtrainval_11-May-2012.tar"]
    assert not (root.parent / "out").exists()


def test_an_archive_without_all_files_is_said(root, web, harness, monkeypatch):
    serve(web, monkeypatch, coco, "IMAGES", zipped({f"val2017/{NAMES[0]}": PICTURES[NAMES[0]]}))
    code, _, err = harness("fetch", "coco-val2017")

    assert code == 1
    assert "coco-val2017 was fetched and is still not complete" in err


def test_a_full_disk_and_a_root_that_cannot_be_written(root, web, harness, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(remote.shutil, "disk_usage", lambda p: type("Usage", (), {"free": 10}))
        code, _, err = harness("fetch", "voc2012")
    assert code == 1
    assert "The disk is full: VOCtrainval_11-May-2012.tar and what is in it need" in err
    assert "--data-root to another disk" in err

    (root.parent / "file").write_text("")
    monkeypatch.setenv("HARNESS_DATA", str(root.parent / "file" / "x"))
    code, _, err = harness("fetch", "voc2012")
    assert code == 2
    assert "Cannot write" in err
    assert "Set --data-root to a folder" in err


def test_offline_an_archive_put_there_by_hand_is_unpacked(root, web, harness, monkeypatch):
    monkeypatch.setenv("HARNESS_OFFLINE", "1")
    monkeypatch.setattr("harness.cli.console.enforce", lambda: None)  # it cannot be undone
    code, _, err = harness("fetch", "voc2012")
    assert code == 2
    assert f"put it at {root}/VOCtrainval_11-May-2012.tar." in err
    assert not root.exists()

    root.mkdir()
    (root / voc.ARCHIVE.file).write_bytes(web.files[voc.ARCHIVE.file])
    assert harness("fetch", "voc2012")[0] == 0
    assert voc.Voc2012.prepared()
    assert web.asked == []


def test_a_data_set_that_needs_no_download_says_so(root, harness):
    code, out, _ = harness("fetch", "scenes")
    assert (code, out) == (0, f"scenes: complete already, nothing to download under {root}\n")
    code, _, err = harness("fetch", "nothing")
    assert code == 2
    assert "Data sets: coco-val2017, coco-val2017-voc," in err


def test_with_a_limit_weights_come_whole_and_it_is_said(root, web, harness, monkeypatch, tmp_path):
    from harness.assets.cards import Card

    web.files["net.pth"] = b"weights"
    card = Card(
        name="net", file="net.pth", url=web.url("net.pth"), sha256="", source="", licence=""
    )
    monkeypatch.setattr(remote, "remote_cards", lambda name: [(tmp_path / "net.yaml", card)])
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    code, _, err = harness("fetch", "coco-val2017", "net", "--limit", "1")

    assert code == 0
    assert "net comes whole: --limit is for data sets." in err
    assert (tmp_path / "cache" / "weights" / "net.pth").read_bytes() == b"weights"
    assert below(root) == COCO_FILES[:2]


def test_what_a_name_stands_for_is_known_without_downloading(root, web):
    (card,) = (card for _, card in remote.remote_cards("fbcnn:official-grey"))
    assert card.name == "fbcnn-official-grey"
    with pytest.raises(UserError, match="Nothing is downloaded under the name 'nothing'"):
        remote.remote_cards("nothing")
    assert web.asked == []


def test_a_file_whose_place_leads_out_is_not_fetched(root, web, monkeypatch):
    class Evil:
        @classmethod
        def downloads(cls, limit):
            yield Download(web.url("x"), "../x")

    class Sets(dict):
        pass

    monkeypatch.setattr(registry, "datasets", lambda: Sets(evil=Evil))
    with pytest.raises(HarnessError, match=r"is not fetched: \.\./x leads out of"):
        list(remote.download("evil", print))
    assert web.asked == []
