"""Annotations and folders that point elsewhere: nothing outside is read, no pipe is waited for."""

import json
import os
import shutil

import pytest
from made_data import instances, palette, picture, voc

from harness.assets.cards import file_sha256
from harness.assets.reading import check_regular, read_regular
from harness.errors import ImageError, UserError
from harness.plugins.image_files import read_image, upright_size
from tasks.datasets.coco.coco_file import CocoFile
from tasks.datasets.common.listing import list_images
from tasks.datasets.voc.annotation_file import read_annotation
from tasks.datasets.voc.datasets import VocFolder

pytestmark = [pytest.mark.abuse, pytest.mark.filterwarnings("error::ResourceWarning")]


def coco(root, *names, folder="photos"):
    """A COCO file whose images have these names; its pictures are 0003, 0005 and 0007.jpg."""
    content = instances()
    for entry, name in zip(content["images"], names, strict=False):
        entry["file_name"] = name
    for number in (3, 5, 7):
        picture(root / folder / f"{number:04}.jpg")
    picture(root / "secret.jpg")
    (root / "notes.json").write_text(json.dumps(content))
    return root / "notes.json"


def run(*options):
    """A run that reads every image of a COCO file."""
    common = ("--task", "fidelity", "--qf", "10", "--restorers", "jpeg", "--output", "out")
    return ("run", *common, "--dataset", *options)


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "a/../../secret.jpg", "..\\secret.jpg", "/dev/zero", "C:\\x\\y.jpg"]
)
def test_names_that_lead_out_of_the_images_folder_are_refused(harness, tmp_path, name):
    file = coco(tmp_path, name)
    code, _, said = harness(*run(file, "--images", "photos"))
    assert code == 2
    assert said.count("\n") == 1
    assert "1 of 3 images have a file_name that leads out of the images' folder" in said
    assert repr(name) in said
    assert "--images" in said


def test_an_absolute_name_is_refused_where_the_folder_is_found_or_relative(harness, tmp_path):
    secret = picture(tmp_path / "private" / "0.jpg")
    file = coco(tmp_path, str(secret), folder="images")
    for options in ((), ("--images", "images")):
        code, _, said = harness(*run(file, *options))
        assert code == 2, said
        assert "leads out of the images' folder" in said
    whole = coco(tmp_path, *["../secret.jpg", "../secret2.jpg", "../secret3.jpg"])
    assert "3 of 3 images have a file_name that leads out" in harness(*run(whole))[2]


def test_a_name_below_an_absolute_folder_is_followed(harness, tmp_path):
    photos = tmp_path / "photos"
    file = coco(tmp_path, str(photos / "0003.jpg"), "../photos/0005.jpg", "0007.jpg")
    code, _, said = harness(*run(file, "--images", photos))
    assert code == 0, said
    assert "2 of 3 file names are written otherwise than the files are called" in said

    every = [str(photos / f"{number:04}.jpg") for number in (3, 5, 7)]
    shutil.rmtree("out")
    assert harness(*run(coco(tmp_path, *every), "--images", photos))[0] == 0


def test_an_absolute_folder_does_not_let_names_out_of_it(tmp_path):
    file = coco(tmp_path, str(tmp_path / "secret.jpg"))
    with pytest.raises(UserError, match=r"leads out.*secret\.jpg"):
        CocoFile(file, images=str(tmp_path / "photos"))


def test_names_are_told_from_their_end_as_before(tmp_path):
    file = coco(tmp_path, "/home/someone/photos/0003.jpg", "0005.jpg", "0007.jpg")
    data_set = CocoFile(file, images=str(tmp_path / "photos"))
    assert "/home/someone/photos/0003.jpg" in data_set.notice
    paths = {ref.path.name for ref in data_set.images()}
    assert paths == {"0003.jpg", "0005.jpg", "0007.jpg"}


def test_links_in_the_users_own_folder_are_followed(tmp_path):
    picture(tmp_path / "store" / "1.jpg")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").symlink_to(tmp_path / "store" / "1.jpg")
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "store")
    images = list_images(tmp_path / "photos").images
    assert list(images) == ["a.jpg", "more/1.jpg"]
    assert all(read_image(path).shape == (30, 40, 3) for path in images.values())


@pytest.mark.parametrize("line", ["../../secret", "/etc/secret", "a/../../../secret"])
@pytest.mark.parametrize("kind", ["Segmentation", "Main"])
def test_lists_that_lead_out_are_refused(tmp_path, kind, line):
    root = voc(tmp_path / "VOC", segmentation=("a",), main=("a",))
    with (root / "ImageSets" / kind / "val.txt").open("a") as file:
        file.write(f"{line}\n")
    picture(tmp_path / "secret.jpg")
    with pytest.raises(UserError, match=r"1 of 2 names lead out of .*JPEGImages, '"):
        VocFolder.open(root, split=f"{kind}/val").available()


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize("read", [read_image, read_annotation, file_sha256, read_regular])
def test_a_pipe_is_no_file_and_nobody_waits_for_it(pipe, read):
    with pytest.raises((UserError, ImageError, OSError), match="no regular file, but a pipe"):
        read(pipe)


@pytest.mark.parametrize("read", [read_image, read_annotation, file_sha256, read_regular])
def test_a_device_without_an_end_is_not_read(tmp_path, read):
    link = tmp_path / "a.png"
    link.symlink_to("/dev/zero")
    with pytest.raises((UserError, ImageError, OSError), match="no regular file"):
        read(link)


def test_the_size_of_a_pipe_is_unknown(pipe):
    assert upright_size(pipe) is None
    with pytest.raises(OSError, match="pipe"):
        check_regular(pipe)


def test_pipes_in_a_folder_are_passed_over_with_a_word(harness, pipe):
    folder = pipe.parent / "photos"
    picture(folder / "b.png")
    pipe.rename(folder / "a.png")
    os.mkfifo(folder / "noise")
    (folder / "c.png").symlink_to("/dev/zero")
    code, _, said = harness(*run("photos"))
    assert code == 0, said
    assert "pipes, devices and sockets, 2 (a.png first)" in said


def test_a_pipe_that_a_coco_file_names_fails_as_an_image(harness, tmp_path):
    file = coco(tmp_path)
    (tmp_path / "photos" / "0005.jpg").unlink()
    os.mkfifo(tmp_path / "photos" / "0005.jpg")
    code, _, said = harness(*run(file, "--images", "photos"))
    assert code == 2
    assert "0005.jpg: it is no regular file, but a pipe" in said
    assert "1 of 3 images failed" in said


def test_a_pipe_as_a_mask_or_as_boxes_is_refused(harness, tmp_path):
    picture(tmp_path / "photos" / "a.jpg")
    palette(tmp_path / "other" / "a.png", [[0, 1]])
    (tmp_path / "masks").mkdir()
    os.mkfifo(tmp_path / "masks" / "a.png")
    code, _, said = harness(*run("photos", "--masks", "masks"))
    assert code == 2, said

    root = voc(tmp_path / "VOC", segmentation=(), main=("a",))
    (root / "Annotations" / "a.xml").unlink()
    os.mkfifo(root / "Annotations" / "a.xml")
    code, _, said = harness(*run(root, "--split", "Main/val"))
    assert code == 2
    assert "a.xml: it is no regular file" in said
