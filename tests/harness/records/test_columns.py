"""The compact form of records: nothing is lost, and it is small."""

import json
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.records.columns import compress, content_hash, decompress, read_content_hash

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
FLOATS_32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
WRITTEN_32 = FLOATS_32.map(lambda value: float(f"{value:.9g}"))
ROWS = st.lists(st.lists(WRITTEN_32, min_size=4, max_size=4), max_size=3)
VALUES = SCALARS | FLOATS | st.lists(WRITTEN_32, max_size=4) | ROWS | st.lists(FLOATS, max_size=3)
RECORDS = st.lists(
    st.dictionaries(
        st.text(max_size=3),
        st.recursive(VALUES, lambda v: st.dictionaries(st.text(max_size=3), v, max_size=3)),
        max_size=4,
    ),
    max_size=6,
)

CELL = "0123456789ab"


def exactly(value):
    """A value with its types: 1, 1.0 and True are not the same, nor are 0.0 and -0.0."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(RECORDS)
def test_whatever_records_hold_comes_back_exactly(records):
    assert exactly(decompress(compress(records, "hash", CELL), CELL)) == exactly(records)


@settings(max_examples=100, deadline=None)
@given(st.lists(WRITTEN_32, min_size=1))
def test_recorded_float32_come_back_to_the_last_digit_and_are_packed(numbers):
    data = compress([{"scores": numbers}], "hash", CELL)

    assert decompress(data, CELL) == [{"scores": numbers}]
    if all(1e-14 < abs(number) < 1e30 for number in numbers):
        assert b'"float32"' in lzma.decompress(data)


def test_a_number_that_is_no_float32_keeps_all_its_digits():
    records = [{"scores": [0.1234567890123456, 0.5]}, {"scores": [1e300]}]
    data = compress(records, "hash", CELL)

    assert decompress(data, CELL) == records
    assert b'"float32"' not in lzma.decompress(data)


def test_boxes_take_a_third_of_their_lines():
    generator = np.random.default_rng(0)
    rows = generator.uniform(0, 500, (100, 30, 4)).astype(np.float32)
    boxes = [[[float(f"{x:.9g}") for x in box] for box in image] for image in rows.tolist()]
    records = [{"image": str(k), "outcome": {"boxes": one}} for k, one in enumerate(boxes)]

    assert len(compress(records, "hash", CELL)) < len(json.dumps(records)) / 3


def test_the_same_records_give_the_same_bytes():
    records = [{"image": "a", "outcome": {"boxes": [[1.5, 2.5]]}}, {"image": "b"}]

    assert compress(records, "hash", CELL) == compress(
        json.loads(json.dumps(records)), "hash", CELL
    )


def test_the_hash_is_read_alone_and_does_not_depend_on_the_order(tmp_path):
    (tmp_path / "file").write_bytes(compress([{"image": "a"}], "of the plain file", CELL))

    assert read_content_hash(tmp_path / "file") == "of the plain file"
    assert content_hash([b"a\n", b"b\n"]) == content_hash([b"b\n", b"a\n"])
    assert content_hash([b"a\n", b"b\n"]) != content_hash([b"ab\n"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-10],
        lambda data: data[:50] + bytes([data[50] ^ 1]) + data[51:],
        lambda _: b"",
        lambda _: lzma.compress(b'{"content": "x"}\n'),
        lambda _: lzma.compress(b'{"records": 1}\n{"path": ["a"], "values": [1, 2]}\n'),
        lambda _: lzma.compress(b'{"records": 1}\n{"path": [], "values": [1]}\n'),
    ],
)
def test_a_file_that_was_cut_or_changed_is_refused(spoil):
    data = compress([{"image": str(k), "bpp": k / 7} for k in range(20)], "hash", CELL)

    with pytest.raises(ValueError, match=r".+"):
        decompress(spoil(data), CELL)
