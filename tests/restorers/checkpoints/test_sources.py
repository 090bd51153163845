"""Where weights come from: cards in folders, files and folders of the user's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.assets.cards import Card, file_sha256, write_card
from harness.errors import UserError
from restorers.checkpoints.sources import Cards, Files, qf_from_name


def card(folder, name, content=b"weights"):
    """A card with its file."""
    folder.mkdir(exist_ok=True)
    weights = folder / f"{name}.safetensors"
    weights.write_bytes(content)
    path = folder / f"{name}.yaml"
    write_card(
        Card(
            name=name,
            file=weights.name,
            sha256=file_sha256(weights),
            source="test",
            licence="MIT",
        ),
        path,
    )
    return path


@pytest.mark.parametrize(
    ("name", "quality"),
    [
        ("arcnn-q10.pth", 10),
        ("q7.safetensors", 7),
        ("net_qf_40.pt", 40),
        ("006_colorCAR_DFWB_s126w7_SwinIR-M_jpeg30.pth", 30),
        ("net-q100.pth", 100),
        ("net-q0.pth", None),
        ("net-q101.pth", None),
        ("net-q10-last.pth", None),
        ("fbcnn_color.pth", None),
        ("dncnn3.mat", None),
        ("10.pth", None),
    ],
)
def test_what_quality_factor_a_name_says(name, quality):
    assert qf_from_name(Path(name)) == quality


@given(st.integers(1, 100), st.sampled_from(["q", "qf", "jpeg", "q_", "qf_", "jpeg_"]))
def test_every_quality_factor_can_be_said(quality, form):
    assert qf_from_name(Path(f"net-{form}{quality}.pth")) == quality


def test_cards_for_all_qualities_or_one_for_each(tmp_path):
    card(tmp_path, "net-small")
    for qf in (40, 5, 10):
        card(tmp_path, f"other-small-q{qf}", b"%d" % qf)
    (tmp_path / "other-small-qx.yaml").write_text("")
    one, several = Cards("net-small", tmp_path), Cards("other-small", tmp_path)

    assert one.qualities() is None
    assert one.file(None).path == tmp_path / "net-small.safetensors"
    assert several.qualities() == [5, 10, 40]
    assert several.file(10).path.read_bytes() == b"10"
    assert several.file(10).sha256 == file_sha256(tmp_path / "other-small-q10.safetensors")
    assert {path.stem for path in several.paths()} == {f"other-small-q{qf}" for qf in (5, 10, 40)}


def test_a_longer_name_is_another_networks(tmp_path):
    card(tmp_path, "net-small-two")
    card(tmp_path, "net-small-two-q10")

    assert Cards("net-small", tmp_path).paths() == []
    assert Cards("net-small", tmp_path).qualities() == []


@pytest.mark.parametrize("stem", ["net-*", "net-[st]mall", "net-?mall", "net-**x", "net-../net"])
def test_what_the_user_types_is_a_name_and_no_pattern(tmp_path, stem):
    card(tmp_path, "net-small-q10")
    assert Cards(stem, tmp_path).paths() == []


def test_a_changed_or_missing_file_is_refused(tmp_path):
    card(tmp_path, "net-a").with_suffix(".safetensors").write_bytes(b"other")
    card(tmp_path, "net-b").with_suffix(".safetensors").unlink()

    with pytest.raises(UserError, match="not the file its card describes"):
        Cards("net-a", tmp_path).file(None)
    with pytest.raises(UserError, match="missing"):
        Cards("net-b", tmp_path).file(None)


def test_one_file_is_for_all_unless_its_name_says_otherwise(tmp_path):
    for name, quality in (("mine.pth", None), ("mine-q30.pth", 30)):
        path = tmp_path / name
        path.write_bytes(b"weights")
        source = Files(path)

        assert source.qualities() == (None if quality is None else [quality])
        assert source.file(quality) == (path, file_sha256(path))


def test_a_folder_holds_one_file_a_quality_factor(tmp_path):
    for name in ("a-q20.pth", "a-q10.safetensors", "readme.txt", "last.pt", "notes-q5.txt"):
        (tmp_path / name).write_bytes(name.encode())
    source = Files(tmp_path)

    assert source.qualities() == [10, 20]
    assert source.file(20).path.name == "a-q20.pth"


def test_two_files_for_one_quality_factor_are_not_chosen_between(tmp_path):
    for name in ("a-q20.pth", "b-q20.pth"):
        (tmp_path / name).write_bytes(b"weights")

    with pytest.raises(UserError, match=r"a-q20\.pth and b-q20\.pth.*QF 20"):
        Files(tmp_path)


def test_a_folder_without_weights_and_nothing_at_all_are_said(tmp_path):
    with pytest.raises(UserError, match="no weights whose names end with a QF"):
        Files(tmp_path)
    with pytest.raises(UserError, match="There are no weights at"):
        Files(tmp_path / "none")


def test_a_file_that_vanished_is_said(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(b"weights")
    source = Files(path)
    path.unlink()

    with pytest.raises(UserError, match=r"Cannot read the weights .*mine\.pth"):
        source.file(None)
