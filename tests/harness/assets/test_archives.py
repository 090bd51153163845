"""Unpacking: whole files, only inside the folder, and what was there already is passed over."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.assets import archives as module
from harness.assets.archives import unpack
from harness.errors import HarnessError, UserError

FILES = {"data/a.txt": b"a" * 5000, "data/deep/b.bin": bytes(range(256)) * 9, "other.txt": b""}


def packed(path, files, kind="zip"):
    """An archive of names to contents; a `tarfile.TarInfo` or `zipfile.ZipInfo` may be a name."""
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, f"w:{kind.partition('.')[2]}") as archive:
        for name, data in files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = 0 if data is None else len(data)
            archive.addfile(info, None if data is None else io.BytesIO(data))
    return path


def below(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file()}  # fmt: skip


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_every_file_arrives(tmp_path, kind):
    archive = packed(tmp_path / f"x.{kind}", FILES, kind)
    told = []

    written = unpack(archive, tmp_path / "to" / "here", progress=lambda *a: told.append(a))

    assert written == 3
    assert below(tmp_path / "to" / "here") == FILES
    total = sum(map(len, FILES.values()))
    assert told[-1] == (total, total)
    assert archive.exists()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_only_the_members_that_are_wanted(tmp_path, kind):
    archive = packed(tmp_path / "x", {f"./{name}": data for name, data in FILES.items()}, kind)

    unpack(archive, tmp_path / "to", members=("data/deep/", "other.txt"))
    assert set(below(tmp_path / "to")) == {"data/deep/b.bin", "other.txt"}
    with pytest.raises(HarnessError, match=r"has no dat/: it is another archive than expected"):
        unpack(archive, tmp_path / "to", members=("data/", "dat/"))


def test_what_is_there_with_the_right_size_is_passed_over(tmp_path):
    archive = packed(tmp_path / "x.zip", FILES)
    kept, short = tmp_path / "data" / "a.txt", tmp_path / "data" / "deep" / "b.bin"
    kept.parent.mkdir()
    kept.write_bytes(b"b" * 5000)
    short.parent.mkdir()
    short.write_bytes(b"half")

    assert unpack(archive, tmp_path) == 2
    assert kept.read_bytes() == b"b" * 5000
    assert short.read_bytes() == FILES["data/deep/b.bin"]
    assert unpack(archive, tmp_path) == 0


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_call_that_is_stopped_leaves_whole_files_and_goes_on(tmp_path, kind, monkeypatch):
    archive = packed(tmp_path / "x", FILES, kind)
    monkeypatch.setattr(module, "CHUNK", 1000)

    class Stop(BaseException):
        pass

    replace = Path.replace

    def stopped(path, target):
        if target.name == "b.bin":
            raise Stop
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(Stop):
        unpack(archive, tmp_path / "to")
    assert below(tmp_path / "to") == {"data/a.txt": FILES["data/a.txt"]}

    monkeypatch.setattr(Path, "replace", replace)
    (tmp_path / "to/data/deep").mkdir(exist_ok=True)
    (tmp_path / "to/data/deep/.b.bin.unpacking").write_bytes(b"of a call that was killed")
    assert unpack(archive, tmp_path / "to") == 2
    assert below(tmp_path / "to") == FILES


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "..", "..\\x", "\\x", "C:\\x", "a\\..\\b"],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_that_leads_out_stops_everything(tmp_path, name, kind):
    archive = packed(tmp_path / "x", {**FILES, name: b"evil"}, kind)

    with pytest.raises(HarnessError, match=r"x is not unpacked: its member .* leads out of the f"):
        unpack(archive, tmp_path / "in" / "here", members=("data/",))
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("tar", link("data/l", "/etc/passwd")),
        ("tar", link("data/l", "a.txt")),
        ("tar", link("data/l", "../../x", tarfile.LNKTYPE)),
        ("tar", link("data/pipe", "", tarfile.FIFOTYPE)),
        ("tar", link("data/null", "", tarfile.CHRTYPE)),
        ("zip", zip_link("data/l")),
    ],
)
def test_links_and_devices_stop_everything(tmp_path, kind, member):
    archive = packed(tmp_path / "x", {**FILES, member: None if kind == "tar" else "/etc"}, kind)

    with pytest.raises(HarnessError, match=r"its member 'data/.*' is a link or a device"):
        unpack(archive, tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_a_bomb_larger_than_the_disk_is_not_begun(tmp_path, monkeypatch):
    archive = packed(tmp_path / "x.zip", {"bomb": b"\0" * 3_000_000})
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage)

    sentence = r"disk is full: unpacking x\.zip into .* needs 3\.0 MB, and 1\.0 MB are.*--data-root"
    with pytest.raises(HarnessError, match=sentence):
        unpack(archive, tmp_path / "in", setting="--data-root")
    assert below(tmp_path / "in") == {}


def changed(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_a_zip_that_declares_less_than_it_holds_is_damaged(tmp_path):
    archive = packed(tmp_path / "x.zip", {"bomb": b"\0" * 3_000_000})
    changed(archive, (3_000_000).to_bytes(4, "little"), (3000).to_bytes(4, "little"))

    with pytest.raises(HarnessError, match=r"x\.zip is damaged \(.*\)\. Delete it and fetch it"):
        unpack(archive, tmp_path / "in")
    assert below(tmp_path / "in") == {}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_damaged_archive_is_one_sentence_and_leaves_no_half_file(tmp_path, kind):
    data = bytes(range(251)) * 4000
    archive = packed(tmp_path / "x", {"first": b"1" * 2000, "second": data}, kind)
    whole = archive.read_bytes()
    if kind == "zip":
        middle = whole.index(b"second") + 1500
        archive.write_bytes(whole[:middle] + b"\xff" * 40 + whole[middle + 40 :])
    else:
        archive.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(HarnessError, match=r"x is damaged \(.*\)\. Delete it and fetch it again"):
        unpack(archive, tmp_path / "in")
    assert set(below(tmp_path / "in")) <= {"first"}


@pytest.mark.parametrize("data", [b"", b"<html>log in</html>", b"PK\3\4 and then nothing"])
def test_what_is_no_archive_says_so(tmp_path, data):
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(HarnessError, match=r"x\.zip is neither a zip nor a tar archive"):
        unpack(tmp_path / "x.zip", tmp_path / "in")


def test_an_encrypted_zip_is_one_sentence(tmp_path):
    archive = packed(tmp_path / "x.zip", {"a": b"secret"})
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # flag bits of the local header
    data[data.index(b"PK\1\2") + 8] |= 1  # and of the directory
    archive.write_bytes(data)
    with pytest.raises(HarnessError, match=r"x\.zip is damaged \(.*encrypted"):
        unpack(archive, tmp_path / "in")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    archive = packed(tmp_path / "x.zip", FILES)
    (tmp_path / "in").write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"Cannot write .*/in: .*Set --data-root to a folder"):
        unpack(archive, tmp_path / "in", setting="--data-root")

    (tmp_path / "to" / "data" / "a.txt").mkdir(parents=True)
    with pytest.raises(UserError, match=r"Cannot write .*/to: "):
        unpack(archive, tmp_path / "to")
    assert below(tmp_path / "to") == {}


def test_two_at_once_are_refused(tmp_path):
    archive = packed(tmp_path / "x.zip", FILES)

    def again(here, total):
        with pytest.raises(UserError, match=r"Another harness is unpacking .*x\.zip"):
            unpack(archive, tmp_path / "in")
        told.append(here)

    told = []
    unpack(archive, tmp_path / "in", progress=again)
    assert len(told) == 3


part = st.text(st.sampled_from("ab./\\:~ é\n"), min_size=1, max_size=6) | st.sampled_from(
    ["..", "../..", "/", "a/b", "con", ".", "a" * 300]
)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.lists(part, min_size=1, max_size=3).map("/".join), max_size=4, unique=True),
    kind=st.sampled_from(["zip", "tar"]),
)
def test_nothing_ever_lands_outside(tmp_path_factory, names, kind):
    place = tmp_path_factory.mktemp("place")
    archive = packed(place / "x", dict.fromkeys(names, b"contents"), kind)
    inside = place / "one" / "two" / "in"

    try:
        unpack(archive, inside)
    except HarnessError as error:
        assert "\n" not in str(error)
    found = [path for path in place.rglob("*") if path.is_file() and path != archive]
    assert all(path.is_relative_to(inside) for path in found)
    assert all(path.read_bytes() == b"contents" for path in found)
