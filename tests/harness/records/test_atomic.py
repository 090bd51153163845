import os
import stat
import threading

import pytest

from harness.errors import UserError
from harness.records.atomic import write_atomic


def test_a_file_is_replaced_its_folder_made_and_nothing_left_beside_it(tmp_path):
    path = tmp_path / "new" / "table.txt"
    for data in (b"old", b"new"):
        write_atomic(path, data)

    assert path.read_bytes() == b"new"
    assert [found.name for found in path.parent.iterdir()] == ["table.txt"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "there" / "table.txt")
    write_atomic(link, b"data")

    assert link.is_symlink()
    assert (tmp_path / "there" / "table.txt").read_bytes() == b"data"


def test_what_is_no_file_is_written_into_and_stays_what_it_is(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomic(pipe, b"data")
    reader.join(10)

    assert read == [b"data"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_file_in_the_place_of_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match=r"Cannot write .*table\.txt.* Choose another --output"):
        write_atomic(tmp_path / "file" / "table.txt", b"data")
