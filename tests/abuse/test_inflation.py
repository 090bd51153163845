"""Files that are small and inflate to gigabytes: one sentence, and no more memory than stated."""

import gzip
import io
import json
import lzma
import tarfile
import tracemalloc
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import torch
from runs import RunBuilder, fidelity_record
from scipy.io import savemat

from harness.analysis import bootstrap
from harness.assets import archives, pickles, reading
from harness.assets.archives import unpack
from harness.assets.pickles import load_pickle
from harness.errors import HarnessError, UserError
from harness.records import columns
from harness.records.columns import compress, decompress
from harness.records.verify import verify
from restorers.architectures.arcnn import matlab
from restorers.formats import mat

MOST = 1 << 20
BOMB = b" " * (48 << 20)
CELL = "0" * 64


@pytest.fixture(autouse=True)
def bounds(monkeypatch):
    """A thousandth of what is read in earnest: the bombs take a moment and are no danger."""
    monkeypatch.setattr(reading, "MOST_INFLATED", MOST)
    monkeypatch.setattr(bootstrap, "_MOST_CACHED", MOST)
    monkeypatch.setattr(pickles, "MOST_INFLATED", MOST)
    monkeypatch.setattr(matlab, "MOST_INFLATED", MOST)
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def run(tmp_path):
    builder = RunBuilder(tmp_path / "run", task="fidelity", ids="ab")
    builder.cell("jpeg", 10, [fidelity_record("a", 30.0), fidelity_record("b", 31.0)])
    directory = builder.write()
    directory.compact()
    return directory


def refused(read, *words, error=HarnessError):
    """What is said where a file is not read; that it took little memory to find out."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    with pytest.raises(error) as refusal:
        read()
    assert tracemalloc.get_traced_memory()[1] - before < len(BOMB) // 3
    said = str(refusal.value)
    assert "\n" not in said
    assert all(word in said for word in words)


def compact(run):
    [cell] = run.manifest().cells
    return cell, run.record_file(cell).compact


def test_records_that_inflate_beyond_their_bound_are_damaged(run):
    cell, path = compact(run)
    path.write_bytes(lzma.compress(BOMB, preset=0))
    refused(lambda: run.records(cell), path.name, f"more than {MOST} bytes", "--repair")
    [finding] = verify(run).findings
    assert f"more than {MOST} bytes" in finding.what


def test_the_first_line_of_records_is_not_read_beyond_its_bound(run):
    cell, path = compact(run)
    path.write_bytes(lzma.compress(BOMB, preset=0))
    refused(lambda: run.record_file(cell).content_hash(), path.name)


def test_xz_that_takes_memory_before_it_has_begun_is_no_records(run):
    cell, path = compact(run)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28, "mode": lzma.MODE_FAST, "depth": 1}]
    inner = lzma.LZMACompressor(filters=[{**filters[0], "dict_size": 1 << 16}])
    data = bytearray(inner.compress(b"{}\n") + inner.flush())
    # The dictionary's size stands in the block's header, which its own checksum follows.
    header = data[12 : 12 + 4 * (data[12] + 1) - 4]
    assert header[2] == 0x21
    header[4] = 38  # 2 GiB
    data[12 : 12 + len(header)] = header
    data[12 + len(header) : 16 + len(header)] = zlib.crc32(header).to_bytes(4, "little")
    path.write_bytes(data)
    refused(lambda: run.records(cell), "Memory usage limit")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"records": 10**12}, {"path": ["image"], "values": ["a"]}], "cannot hold"),
        ([{"records": -1}], "cannot hold"),
        ([{"records": 1}, {"path": ["a"] * 500, "values": [1]}], "values"),
        (
            [{"records": 2}, {"path": ["x"], "lengths": [1, -1], "width": 0, "float32": ""}],
            "not as long",
        ),
        (
            [{"records": 1}, {"path": ["x"], "lengths": [9], "width": 0, "float32": "AAAAAA=="}],
            "not as long",
        ),
    ],
)
def test_records_that_say_they_are_more_than_they_are(lines, words):
    data = lzma.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    refused(lambda: decompress(data, CELL), words, error=ValueError)


def test_values_that_take_more_memory_than_their_text(monkeypatch):
    monkeypatch.setattr(reading, "MOST_VALUES", 10_000)
    text = b'{"records":1}\n{"path":["x"],"values":[[' + b"{}," * 20_000 + b"{}]]}\n"
    data = lzma.compress(text, preset=0)
    refused(lambda: decompress(data, CELL), "more than 10000 values", error=ValueError)
    monkeypatch.setattr(columns, "MOST_VALUES", 100)
    rows = json.dumps({"path": ["a", "b"], "rows": [0] * 60, "values": [1] * 60}).encode()
    many = lzma.compress(b'{"records":1}\n' + rows + b"\n", preset=0)
    refused(lambda: decompress(many, CELL), "more than 100 values", error=ValueError)


def test_more_records_than_would_be_read_again_stay_plain(run, monkeypatch):
    cell, path = compact(run)
    file = run.record_file(cell)
    file.open_up()
    monkeypatch.setattr(reading, "MOST_INFLATED", 40)
    with pytest.raises(ValueError, match="more than 40 bytes"):
        compress([{"image": "a" * 100}], "", CELL)
    assert run.compact() == 0
    assert not path.exists()
    assert set(run.records(cell)) == {"a", "b"}


def test_a_truth_that_inflates_beyond_its_bound_is_damaged(run):
    path = run.truth_path("fidelity")
    path.parent.mkdir()
    path.write_bytes(gzip.compress(BOMB, 1))
    refused(lambda: run.truth("fidelity"), path.name, f"more than {MOST} bytes", "Delete it")


def test_a_truth_that_would_not_be_read_again_is_not_kept(run):
    refused(lambda: run.write_truth("detection", {"a": "x" * MOST}), "detection", "--limit")
    assert not run.truth_path("detection").exists()


def test_a_cached_result_that_inflates_is_computed_again(run):
    cell, _ = compact(run)
    [first] = bootstrap.load_bootstrap(run, draws=10).values()
    path = bootstrap._path(run, cell)
    whole = path.read_bytes()
    tracemalloc.reset_peak()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("more.npy", BOMB)
    state = str(np.load(io.BytesIO(whole))["state"])
    assert bootstrap._read(run, cell, state) is None
    assert tracemalloc.get_traced_memory()[1] < 3 * len(BOMB) // 2  # the bomb itself
    path.write_bytes(whole)
    assert bootstrap._read(run, cell, state).values == first.values
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 44,)}
    )
    for data in (b"", b"PK", header.getvalue(), b"PK\x03\x04" + bytes(50)):
        path.write_bytes(data)
        assert bootstrap._read(run, cell, state) is None
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("state.npy", header.getvalue())
    assert bootstrap._read(run, cell, state) is None


def tar(path, entries):
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        for entry, data in entries:
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


def entry(name, kind=tarfile.REGTYPE):
    made = tarfile.TarInfo(name)
    made.type = kind
    return made


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_header_of_an_archive_is_not_read_beyond_its_bound(tmp_path, kind, first):
    before = [] if first else [(entry("a"), b"a")]
    path = tar(tmp_path / "a.tar.gz", [*before, (entry("x", kind), BOMB)])
    del before
    refused(lambda: unpack(path, tmp_path / "to"), "a.tar.gz", f"a header of {len(BOMB)} bytes")
    assert not (tmp_path / "to").exists()


def test_files_with_holes_are_not_unpacked(tmp_path):
    path = tar(tmp_path / "a.tar.gz", [(entry("a", tarfile.GNUTYPE_SPARSE), b"")])
    refused(lambda: unpack(path, tmp_path / "to"), "a file with holes")
    sparse = entry("a")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    path = tar(tmp_path / "b.tar.gz", [(sparse, b"9999999\n" + BOMB)])
    refused(lambda: unpack(path, tmp_path / "to"), "a file with holes")


def test_an_archive_of_too_many_members_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_MEMBERS", 5)
    path = tar(tmp_path / "a.tar.gz", [(entry(str(k)), b"") for k in range(6)])
    refused(lambda: unpack(path, tmp_path / "to"), "more than 5 members")
    assert unpack(tar(tmp_path / "b.tar", [(entry("a"), b"")]), tmp_path / "to") == 1


def test_weights_that_inflate_are_not_loaded(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(3)}, path)
    assert set(load_pickle(path)) == {"a"}
    with zipfile.ZipFile(path) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, data in members.items():
            file.writestr(name, BOMB if name.endswith("data.pkl") else data)
    refused(lambda: load_pickle(path), str(path), f"more than {MOST} bytes", error=UserError)


def test_matlab_weights_that_inflate_are_not_loaded(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"weights_conv1": np.zeros(MOST, np.uint8)}, do_compression=True)
    refused(lambda: matlab.read_arrays(path), str(path), f"more than {MOST} bytes", error=UserError)
    savemat(path, {f"a{k}": np.zeros(MOST // 8, np.uint8) for k in range(7)}, do_compression=True)
    assert "a6" in matlab.read_arrays(path)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"compression": "lzf"}, {}])
def test_matlab_7_3_weights_that_inflate_are_not_loaded(tmp_path, options, monkeypatch):
    monkeypatch.setattr(mat, "MOST_VALUES", 100)
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("net/layers", data=np.zeros(101, np.uint8), chunks=(101,), **options)
    refused(lambda: mat.read_layers(path), str(path), error=UserError)
