"""A pickle is data: what is no tensor is refused, or replaced by nothing."""

import argparse

import pytest
import torch

from harness.assets.pickles import load_pickle
from harness.errors import UserError

CONTENT = {"weight": torch.ones(2), "args": argparse.Namespace(lr=1)}


@pytest.fixture(params=[True, False], ids=["zip", "before 2020"])
def path(request, tmp_path):
    torch.save(CONTENT, tmp_path / "w.pth", _use_new_zipfile_serialization=request.param)
    return tmp_path / "w.pth"


def test_more_than_tensors_is_refused_by_its_name(path):
    with pytest.raises(UserError, match=r"more than weights \(argparse.Namespace\)"):
        load_pickle(path)


def test_stand_ins_take_its_place_in_files_that_list_it(tmp_path):
    torch.save(CONTENT, tmp_path / "w.pth")
    found = load_pickle(tmp_path / "w.pth", stand_ins=True)

    assert torch.equal(found["weight"], CONTENT["weight"])
    assert not isinstance(found["args"], argparse.Namespace)
    assert not hasattr(found["args"], "lr")


def test_stand_ins_are_for_one_file(tmp_path):
    torch.save(CONTENT, tmp_path / "w.pth")
    load_pickle(tmp_path / "w.pth", stand_ins=True)

    with pytest.raises(UserError, match="more than weights"):
        load_pickle(tmp_path / "w.pth")


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04"])
@pytest.mark.parametrize("stand_ins", [True, False])
def test_a_damaged_file_is_one_sentence(tmp_path, content, stand_ins):
    (tmp_path / "w.pth").write_bytes(content)

    with pytest.raises(UserError, match="no checkpoint, or a damaged one"):
        load_pickle(tmp_path / "w.pth", stand_ins)


@pytest.mark.parametrize(("name", "said"), [("none.pth", "No such file"), ("", "Is a directory")])
def test_what_is_no_file_is_said(tmp_path, name, said):
    with pytest.raises(UserError, match=f"Cannot read the weights .*: {said}"):
        load_pickle(tmp_path / name)
