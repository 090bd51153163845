"""A folder of images with a folder of masks."""

import numpy as np
import pytest
from made_data import palette, picture
from PIL import Image

from harness.errors import UserError
from tasks.classes import VOC
from tasks.datasets.folders.images import ImageFolder
from tasks.datasets.folders.masks import MaskFolder

VALUES = np.zeros((30, 40), np.uint8)
VALUES[3:9, 4:20], VALUES[2, 4:20] = 2, 255


@pytest.fixture
def pairs(tmp_path):
    """``images`` and ``masks``; one pair in a sub-folder, one mask in grey, one without image."""
    for stem in ("b", "a", "sub/a"):
        picture(tmp_path / "images" / f"{stem}.jpg")
        palette(tmp_path / "masks" / f"{stem}.png", VALUES)
    Image.fromarray(VALUES).save(tmp_path / "masks" / "b.png")
    palette(tmp_path / "masks" / "more.png", VALUES)
    return tmp_path


def opened(folder, **options):
    return MaskFolder(folder / "images", masks=str(folder / "masks"), **options)


def names(folder, *listed):
    path = folder / "names.txt"
    path.write_text("\n".join(listed) + "\n")
    return str(path)


def test_pairs_are_found_by_their_path_and_values_are_what_is_stored(pairs):
    data = opened(pairs)

    assert [ref.id for ref in data.images()] == ["a.jpg", "b.jpg", "sub/a.jpg"]
    for ref in data.images():
        assert data.mask(ref.id).dtype == np.uint8
        np.testing.assert_array_equal(data.mask(ref.id), VALUES)  # palette or grey
    assert (data.name, data.tasks) == ("images", ("segmentation", "fidelity"))


def test_without_names_the_values_are_the_models(pairs):
    data = opened(pairs)

    assert (data.named, data.labels, data.classes, data.highest) == (False, (), (), 2)
    assert "no class names (--classes," in data.notice
    assert opened(pairs, classes=names(pairs, "background", "cat", "dog")).notice == ""


def test_the_values_are_looked_up_in_a_list_of_names(pairs):
    data = opened(pairs, classes=names(pairs, "# of a street", "background", "", "road", "car"))
    assert (data.named, data.labels) == (True, ("background", "road", "car"))
    assert data.classes == ("road", "car")
    assert opened(pairs, classes=names(pairs, "sky", "road", "car")).classes == (
        "sky",
        "road",
        "car",
    )

    (pairs / "classes.txt").write_text("sky\nroad\ncar\n")
    assert opened(pairs).labels == ("sky", "road", "car")
    (pairs / "masks" / "labelmap.txt").write_text("# label:color\nnone:0,0,0::\na:1,1,1::\nb:::\n")
    assert opened(pairs).labels == ("none", "a", "b")


def test_images_and_masks_may_share_a_folder(tmp_path):
    for stem in "ab":
        picture(tmp_path / f"{stem}.jpg")
        palette(tmp_path / f"{stem}.png", VALUES)
    data = MaskFolder(tmp_path, masks=str(tmp_path))
    assert [ref.id for ref in data.images()] == ["a.jpg", "b.jpg"]

    picture(tmp_path / "more" / "c.png")
    palette(tmp_path / "c.png", VALUES)
    data = MaskFolder(tmp_path / "more", masks=str(tmp_path))
    assert [ref.id for ref in data.images()] == ["c.png"]
    assert data.mask("c.png").shape == (30, 40)


def test_it_is_taken_only_with_masks(pairs):
    assert MaskFolder.accepts(pairs, {"masks": "x"})
    assert not MaskFolder.accepts(pairs, {})
    assert not MaskFolder.accepts(pairs / "masks" / "a.png", {"masks": "x"})
    assert ImageFolder.accepts(pairs)


def test_an_image_without_a_mask_is_named(pairs):
    picture(pairs / "images" / "c.jpg")
    with pytest.raises(UserError, match=r"1 of the 4 images of .* have no mask in .*/masks, c\.jpg "
                                        r"first: its mask would be c\.png"):  # fmt: skip
        opened(pairs).images()
    with pytest.raises(UserError, match=r"--masks .*/none does not exist"):
        MaskFolder(pairs / "images", masks=str(pairs / "none"))
    with pytest.raises(UserError, match=r"No image in .*/masks besides the masks"):
        MaskFolder(pairs / "masks", masks=str(pairs / "masks")).images()


def test_a_mask_of_another_size_is_refused_before_the_run(pairs):
    palette(pairs / "masks" / "b.png", VALUES[:, :30])
    with pytest.raises(UserError, match=r"1 of 3 masks .*/b\.png first: it is 30×30, and .*/b\.jpg "
                                        r"is 40×30\."):  # fmt: skip
        opened(pairs).available()
    opened(pairs).available(1)

    palette(pairs / "masks" / "b.png", VALUES)
    picture(pairs / "images" / "b.jpg", orientation=6)
    with pytest.raises(UserError, match=r"b\.jpg is 30×40 once its EXIF orientation is applied"):
        opened(pairs).images()


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [("RGB", "of Pillow mode RGB: a mask has one value"), ("I;16", "of Pillow mode I;16")],
)
def test_masks_without_one_value_a_pixel_are_refused(pairs, mode, sentence):
    Image.new(mode, (40, 30)).save(pairs / "masks" / "b.png")
    with pytest.raises(UserError, match=rf"The mask .*/b\.png is {sentence}"):
        opened(pairs).images()


def test_a_damaged_mask_is_named(pairs):
    path = pairs / "masks" / "b.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"Cannot read the mask .*/b\.png: "):
        opened(pairs).images()
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"Cannot read the mask .*/b\.png: it is damaged, or no im"):
        opened(pairs).images()


def test_values_without_a_name_are_refused_before_the_run(pairs):
    with pytest.raises(UserError, match=r"/a\.png holds the value 2, and there are 2 class names, "
                                        r"for 0\.\.1"):  # fmt: skip
        opened(pairs, classes=names(pairs, "background", "car")).images()


NOT_THE_BACKGROUND = (
    "mask value 0 is 'aeroplane', 1 is 'bicycle', 2 is 'bird', …, 19 is 'tvmonitor'"
)


def test_value_0_is_the_first_name_and_a_list_without_background_is_told(pairs):
    for path in (pairs / "masks").rglob("*.png"):
        palette(path, np.where(VALUES == 2, 15, VALUES))
    data = opened(pairs, classes=names(pairs, *VOC))
    assert NOT_THE_BACKGROUND in data.notice
    assert (data.labels, data.classes, data.labels[15]) == (VOC, VOC, "pottedplant")
    assert set(np.unique(data.mask("a.jpg"))) == {0, 15, 255}

    for background in ("background", "_background_", "__background__", "Background"):
        data = opened(pairs, classes=names(pairs, background, *VOC))
        assert (data.notice, data.labels[15], data.classes) == ("", "person", VOC)

    assert "mask value 0 is 'a', 1 is 'b'. If" in opened(pairs, classes=names(pairs, *"ab")).notice
    assert "1 is 'b', 2 is 'c', 3 is 'd'. If" in opened(pairs, classes=names(pairs, *"abcd")).notice


def test_two_masks_of_one_image_are_refused(pairs):
    (pairs / "masks" / "a.txt").write_text("no mask")
    assert len(opened(pairs).images()) == 3

    palette(pairs / "masks" / "a.PNG", VALUES)
    with pytest.raises(
        UserError, match=r"/a\.PNG and a\.png are masks of one image: take one away"
    ):
        opened(pairs)


def test_a_part_or_a_class_of_value_0_may_well_have_no_other_value(pairs):
    for stem in ("a", "sub/a"):
        palette(pairs / "masks" / f"{stem}.png", np.where(VALUES == 2, 255, 0))
    data = opened(pairs, classes=names(pairs, "background", "road", "car"))
    data.available(1)
    assert data.highest == 0

    palette(pairs / "masks" / "b.png", np.where(VALUES == 2, 255, 0))
    opened(pairs, classes=names(pairs, "road", "car")).available()
    opened(pairs).available(2)
    for some in ({}, {"classes": names(pairs, "background", "car")}):
        with pytest.raises(UserError, match="no values but 0 and 255"):
            opened(pairs, **some).available(3)


def test_masks_of_0_and_255_alone_would_count_nothing(pairs):
    for path in (pairs / "masks").rglob("*.png"):
        palette(path, np.where(VALUES == 2, 255, 0))
    with pytest.raises(UserError, match=r"The 3 masks .* no values but 0 and 255, and 255 means"):
        opened(pairs).images()

    Image.fromarray(VALUES == 2).save(pairs / "masks" / "a.png")  # 1 bit: 0 and 1
    data = opened(pairs)
    assert data.highest == 1
    np.testing.assert_array_equal(data.mask("a.jpg"), VALUES == 2)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [([], "holds 0 class names"), (["a", "b", "a"], "names the class 'a' twice"),
     ([str(k) for k in range(256)], "holds 256 class names")],
)  # fmt: skip
def test_bad_lists_of_names_are_one_sentence(pairs, lines, sentence):
    with pytest.raises(UserError, match=sentence):
        opened(pairs, classes=names(pairs, *lines))
    with pytest.raises(UserError, match=r"Cannot read the class names .*/no: No such file"):
        opened(pairs, classes=str(pairs / "no"))


def test_the_fingerprint_is_of_images_masks_and_names(pairs):
    before = opened(pairs).fingerprint()
    assert opened(pairs).fingerprint() == before
    assert opened(pairs, classes=names(pairs, "a", "b", "c")).fingerprint() != before

    palette(pairs / "masks" / "a.png", VALUES.T.reshape(30, 40))
    assert opened(pairs).fingerprint() != before
    data = opened(pairs)
    data.available(1)
    assert data.fingerprint() != opened(pairs).fingerprint()
