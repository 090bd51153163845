"""Several codecs in one study: cells of their own, rows of their own."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifests import manifest_json
from runs import RunBuilder, fidelity_record

from harness.analysis.comparison.comparison import compare
from harness.analysis.comparison.operands import parse_operands
from harness.engine import local
from harness.errors import UserError
from harness.images.jpeg import Jpeg
from harness.plugins import registry
from harness.records.run_directory import RunDirectory
from harness.records.schema import Identity
from harness.report.tables.build import build_table
from harness.report.tables.comparison import render_comparison
from harness.report.tables.comparison_data import comparison_frame
from harness.report.tables.frames import long_form
from harness.study.plan import make_plan
from harness.study.study import Cell, Study

pytestmark = pytest.mark.integration


def study(**changes):
    few = {"dataset": "scenes", "task": "fidelity", "restorers": "jpeg", "limit": 1, "qf": [10, 40]}
    return Study(**{**few, **changes})


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def test_each_codec_and_qf_is_a_cell(directory):
    plan = make_plan(study(codec=["jpeg", "jpeg-444"]))

    assert [cell.key for cell in plan.cells] == [
        *("fidelity/jpeg-q10", "fidelity/jpeg-q40"),
        *("fidelity/jpeg@jpeg-444-q10", "fidelity/jpeg@jpeg-444-q40"),
    ]


def test_another_codec_leaves_the_cells_of_the_first_as_they_were():
    alone = {c.key: c.fingerprint for c in make_plan(study()).cells}
    both = {c.key: c.fingerprint for c in make_plan(study(codec=["jpeg", "jpeg-444"])).cells}

    assert alone.items() <= both.items()
    assert len(set(both.values())) == 4


def test_the_uncompressed_image_is_one_cell_whatever_the_codecs():
    one, other = (
        make_plan(study(task="segmentation", restorers=["original", "jpeg"], codec=codec))
        for codec in ("jpeg", "jpeg-444")
    )
    original = [next(c for c in plan.cells if c.restorer == "original") for plan in (one, other)]

    assert original[0].fingerprint == original[1].fingerprint
    assert original[0].codec == ""


def test_rows_name_codec_and_size_and_the_long_form_has_both(directory):
    local.run(make_plan(study(codec=["jpeg", "jpeg-444"])), directory)
    labels = [row.labels[2] for row in build_table(directory).rows if row.labels[1] == "PSNR"]
    frame = long_form(directory)
    psnr = frame[frame["metric"] == "PSNR"].set_index(["codec", "qf"])["value"]

    assert [label.split(",")[0] for label in labels] == [
        *("jpeg 10", "jpeg 40", "jpeg-444 10", "jpeg-444 40")
    ]
    assert all(label.endswith(" bpp") for label in labels)
    assert psnr["jpeg-444", 40] > psnr["jpeg", 40]  # chroma at full resolution


def test_a_codec_may_be_added_to_a_run_but_not_changed(directory):
    local.run(make_plan(study()), directory)
    again = local.run(make_plan(study(codec=["jpeg", "jpeg-444"])), directory)
    manifest = manifest_json(directory)

    assert again.computed == 2  # the JPEG cells are there
    assert set(manifest["identity"]["codecs"]) == {"jpeg", "jpeg-444"}
    assert manifest["study"]["codec"] == ["jpeg", "jpeg-444"]

    other = replace(make_plan(study()), codecs={"jpeg": Jpeg("4:2:2")})
    with pytest.raises(UserError, match="holds another study: codec"):
        local.run(other, directory)


def test_rows_of_jpeg_alone_stay_as_they_are(directory):
    local.run(make_plan(study()), directory)

    assert {row.labels[2] for row in build_table(directory).rows} == {"10", "40"}


def test_a_directory_from_before_there_were_several_codecs_can_be_read():
    identity = Identity.model_validate({"codec": {"codec": "jpeg", "x": "1"}})

    assert identity.codecs == {"jpeg": {"codec": "jpeg", "x": "1"}}


def test_compare_pairs_within_a_codec(world, directory):
    run = RunBuilder(
        directory.path,
        task="fidelity",
        dataset="fake",
        identity={"codecs": {"jpeg": {}, "webp": {}}},
        study=world.plan(qfs=(10,), restorers=[world.fake]).study.model_dump(mode="json"),
    )
    values = {"jpeg": {"a": 30.0, "b": 31.0}, "webp": {"a": 40.0, "b": 44.0}}
    for codec, psnrs in values.items():
        for name, psnr in psnrs.items():
            run.cell(name, 10, [fidelity_record("x", psnr)], codec=codec, inputs={"r": name})
    run.write()
    found = compare(*parse_operands("a", "b", directory))
    table = comparison_frame(found)
    psnr = table[table["metric"] == "PSNR"].set_index("codec")["difference"]

    assert psnr.to_dict() == {"jpeg": 1.0, "webp": 4.0}
    lines = render_comparison(found, (), "md").splitlines()
    assert {line.split(" | ")[2] for line in lines if "PSNR" in line} == {"10", "webp 10"}


class Other(Jpeg):
    """A codec that writes no JPEG files."""

    name = "other"
    jpeg = False


@pytest.fixture
def other(monkeypatch):
    known = registry.codecs()
    made = {"other": Other, "jpeg": Jpeg}
    monkeypatch.setattr(type(known), "get", lambda self, name, get=type(known).get: (
        made[name] if self.kind == "codec" and name in made else get(self, name)
    ))  # fmt: skip


def test_a_restorer_that_only_understands_jpeg_is_refused_another_codec(other):
    with pytest.raises(UserError, match="qgac only understands JPEG files"):
        make_plan(study(codec="other", restorers="qgac"))


def test_of_several_codecs_it_leaves_the_others_cells_empty_and_says_so(other):
    plan = make_plan(study(codec=["jpeg", "other"], restorers="qgac", qf=10))

    assert [cell.key for cell in plan.cells] == ["fidelity/qgac-q10"]
    assert "only understands JPEG" in plan.skipped["fidelity/qgac@other-q10"]
    assert any("only understands JPEG" in notice for notice in plan.notices)


def test_an_image_is_compressed_once_for_each_codec_and_qf(world, directory):
    calls = []

    class Counted(Jpeg):
        def compress(self, image, qf):
            calls.append((self.subsampling, qf))
            return super().compress(image, qf)

    plan = world.plan(qfs=(10,), restorers=[world.fake])
    more = [Cell("detection", "fake", "brightness", "444", 10, "fake", {})]
    codecs = {"jpeg": Counted(), "444": Counted("4:4:4")}
    local.run(replace(plan, codecs=codecs, cells=(*plan.cells, *more)), directory, workers=1)

    assert sorted(calls) == sorted([("4:2:0", 10), ("4:4:4", 10)] * 4)
    first, second = (directory.records(cell)["0.png"] for cell in (*plan.cells, *more))
    assert not np.isclose(first.bpp, second.bpp)


@given(st.lists(st.tuples(st.text("ab-@%/q1", min_size=1), st.sampled_from(["jpeg", "a", "a-b"])),
                unique=True))  # fmt: skip
def test_no_two_cells_share_a_place(pairs):
    """A restorer foo-webp at JPEG and a restorer foo at WebP are two."""
    keys = [Cell("fidelity", "d", "", codec, 10, restorer, {}).key for restorer, codec in pairs]

    assert len(set(keys)) == len(keys)
    assert all(key.count("/") == 1 for key in keys)
