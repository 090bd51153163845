"""Shards and what is merged of them: every record once, what is missing named, the same table."""

from dataclasses import replace

import pytest
from manifests import manifest_json, plan_numbers, write_manifest

import harness as library
from harness.engine import local
from harness.errors import HarnessError, UserError
from harness.images.io import write_png
from harness.plugins import Record
from harness.records.merge import merge
from harness.records.run_directory import RunDirectory
from harness.records.verify import verify
from harness.study.shard import Shard


@pytest.fixture
def shards(world, tmp_path):
    """Computes shards of a study of four images and three cells: their run directories."""

    def compute(count, indices=None, plan=None):
        directories = []
        for index in indices or range(1, count + 1):
            shard = Shard(index, count)
            directory = RunDirectory(tmp_path / "out" / shard.folder)
            local.run(replace(plan or world.plan(), shard=shard), directory)
            directories.append(directory)
        return directories

    return compute


@pytest.fixture
def output(tmp_path):
    return RunDirectory(tmp_path / "out")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_shards_of_a_count_have_every_image_and_none_twice(count):
    images = [f"{number}.png" for number in range(11)]
    shares = [Shard(index, count).select(images) for index in range(1, count + 1)]

    assert sorted(image for share in shares for image in share) == sorted(images)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "-1/4", "1", "1/", "a/b", "1/4/4", "1.0/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UserError, match="--shard"):
        Shard.parse(text)


def test_a_shard_computes_its_images_alone_and_compacts_them(world, shards):
    [directory] = shards(3, [1])

    held = plan_numbers(directory, world.plan())
    assert all(sorted(images) == ["0.png", "3.png"] for images in held.values())
    assert world.fake.calls == 4  # two images, two QFs
    assert not list(directory.path.rglob("*.jsonl"))
    assert directory.manifest().shard == "1/3"
    assert len(directory.manifest().data_set.ids) == 4
    again = local.run(replace(world.plan(), shard=Shard(1, 3)), directory)
    assert (again.total, again.computed) == (6, 0)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_merged_shards_are_what_one_run_computes(world, shards, output, tmp_path, count):
    whole = RunDirectory(tmp_path / "whole")
    local.run(world.plan(), whole)

    merged = merge(shards(count), output)

    assert (merged.records, merged.cells, merged.images) == (12, 3, 4)
    assert (merged.twice, merged.missing) == (0, ())
    assert plan_numbers(output, world.plan()) == plan_numbers(whole, world.plan())
    for cell in world.plan().cells:
        assert list(output.records(cell)) == list(whole.records(cell))
        file = output.record_file(cell)
        content = file.content_hash()
        file.open_up()
        assert file.content_hash() == content
    output.compact()
    assert not list((output.path / "records").rglob("*.jsonl"))
    assert verify(output).findings == ()
    one, other = manifest_json(output), manifest_json(whole)
    assert {**one, "created": "", "updated": ""} == {**other, "created": "", "updated": ""}
    assert local.run(world.plan(), output).computed == 0


def test_a_missing_shard_is_named_and_can_be_added_later(world, shards, output):
    late, *early = shards(3)

    assert merge(early, output).missing == ("shard 1/3 is missing, with 2 of 4 images",)
    merged = merge([late], output)
    assert (merged.records, merged.missing, merged.twice) == (12, (), 0)
    assert verify(output).findings == ()


def test_what_a_shard_lacks_is_named(world, shards, output):
    directories = shards(2)
    directories[1].record_file(world.plan().cells[0]).delete()

    [sentence] = merge(directories, output).missing
    assert sentence == (
        "shard 2/2 lacks 2 records of 2 of its 2 images, such as that of 1.png in "
        "detection/original-original"
    )
    outcome = local.run(world.plan(), output)  # the same study goes on there
    assert outcome.computed == 2


def test_without_shards_cells_are_named(world, output, tmp_path):
    directory = RunDirectory(tmp_path / "run")
    local.run(world.plan(), directory)
    cell = world.plan().cells[1]
    directory.record_file(cell).replace([directory.records(cell)["1.png"]])

    assert merge([directory], output).missing == (f"{cell.key} lacks 3 of 4 images, such as 0.png",)


def test_a_record_that_is_there_twice_is_taken_once_and_a_good_one_before_a_failed(
    world, shards, output, tmp_path
):
    directories = shards(2)
    copy = RunDirectory(tmp_path / "copy")
    local.run(replace(world.plan(), shard=Shard(1, 2)), copy)
    cell = world.plan().cells[1]
    good = directories[0].records(cell)
    failed = [Record(image, error="a full disk") for image in good]
    directories[0].record_file(cell).replace(failed)

    merged = merge([*directories, copy], output)

    assert (merged.records, merged.twice) == (12, 6)
    assert not any(record.failed for record in output.records(cell).values())


def test_directories_that_disagree_about_an_image_are_refused(world, shards, output, tmp_path):
    directories = shards(2)
    cell = world.plan().cells[1]
    records = list(directories[0].records(cell).values())
    other = RunDirectory(tmp_path / "other")
    local.run(replace(world.plan(), shard=Shard(1, 2)), other)
    other.record_file(cell).replace([replace(record, bytes=1) for record in records])

    with pytest.raises(UserError, match=r"different records of 0\.png in detection/fake-q10"):
        merge([*directories, other], output)


def test_other_studies_are_refused_and_what_differs_is_named(world, shards, output, tmp_path):
    [first] = shards(2, [1])
    seeded = RunDirectory(tmp_path / "seeded")
    local.run(world.plan(seed=1), seeded)
    with pytest.raises(UserError, match="not of one study: seed 0 instead of 1"):
        merge([first, seeded], output)

    changed = RunDirectory(tmp_path / "changed")
    world.fake.offset = 2
    cells = [replace(c, inputs={"offset": "2"}) for c in world.plan().cells if c.restorer == "fake"]
    local.run(replace(world.plan(), cells=tuple(cells)), changed)
    with pytest.raises(UserError, match="detection/fake-q10 by another offset; .* Only records"):
        merge([first, changed], output)
    assert not output.manifest_path.exists()


def test_runs_of_other_cells_of_the_study_come_together(world, output, tmp_path):
    plans = [world.plan(qfs=(10,)), world.plan(qfs=(10, 20))]
    directories = [RunDirectory(tmp_path / name) for name in ("one", "two")]
    for plan, directory in zip(plans, directories, strict=True):
        local.run(plan, directory)

    merged = merge(directories, output)

    assert (merged.records, merged.missing) == (12, ())
    assert output.manifest().study["qf"] == [10, 20]


def test_a_changed_record_is_refused(world, shards, output):
    directories = shards(2)
    file = directories[1].record_file(world.plan().cells[1])
    file.open_up()
    file.plain.write_bytes(file.plain.read_bytes().replace(b'"bytes":', b'"bytes":1'))

    with pytest.raises(HarnessError, match="its checksum is another one"):
        merge(directories, output)


def test_a_changed_ground_truth_is_refused(world, shards, output):
    directories = shards(2)
    directories[0].truth_path("detection").write_bytes(b"")
    with pytest.raises(HarnessError, match="damaged"):
        merge(directories, output)
    written = manifest_json(directories[1])
    write_manifest(directories[1], {**written, "truth": {"detection": "0"}})
    with pytest.raises(UserError, match="another ground truth of detection"):
        merge(directories, output)


def test_a_folder_of_other_things_is_no_output(shards, output, tmp_path):
    directories = shards(2)
    (output.path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds no study \(it has notes\.txt\)"):
        merge(directories, output)


@pytest.fixture
def photos(tmp_path):
    import numpy as np

    for index in range(5):
        image = np.random.default_rng(index).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        write_png(image, tmp_path / "photos" / f"{index}.png")
    return "photos"


@pytest.mark.integration
def test_the_command_merges_to_the_very_table_of_an_unsharded_run(harness, photos):
    study = ("--task", "fidelity", "--dataset", photos, "--qf", "10,40", "--restorers", "jpeg")
    code, table, _ = harness("run", *study, "--output", "whole")
    assert code == 0
    for index in (1, 2):
        code, out, err = harness("run", *study, "--output", "all", "--shard", f"{index}/2")
        assert (code, out) == (0, "")
        assert f"Shard {index}/2 of photos: {4 - index} of 5 images." in err

    code, _, err = harness("table", "all")
    assert code == 2 and "It holds 2 shards: put them together with 'harness merge" in err
    code, out, err = harness("merge", "all/shard-2-of-2", "--output", "all")
    assert code == 1 and "all is not complete: shard 1/2 is missing, with 3 of 5 images." in err
    code, out, err = harness("merge", "all/shard-1-of-2", "all/shard-2-of-2", "--output", "all")
    assert (code, out, err) == (0, "all: 10 records, 2 cells of 5 images\n", "")
    assert harness("table", "all")[:2] == (0, table)
    code, out, err = harness("run", *study, "--output", "all")
    assert (code, out) == (0, table) and "nothing to compute" in err


@pytest.mark.integration
def test_a_shard_without_images_or_that_is_none_is_the_users_mistake(harness, photos):
    study = ("run", "--task", "fidelity", "--dataset", photos, "--qf", "10", "--restorers", "jpeg")
    code, _, err = harness(*study, "--shard", "6/6")
    assert code == 2 and "--shard 6/6 has no image: photos has 5 here." in err
    code, _, err = harness(*study, "--shard", "0/6")
    assert code == 2 and "shards are counted from 1/6 to 6/6" in err
    code, out, _ = harness(*study, "--shard", "2/2", "--dry-run")
    assert code == 0 and "1 cells of 2 images in " in out and "shard-2-of-2" in out


def test_from_python_shards_are_evaluated_and_merged(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = {"task": "fidelity", "dataset": photos, "qf": 10, "restorers": ["jpeg"]}
    whole = library.evaluate(study, output="whole")
    shards = [library.evaluate(study, output="all", shard=f"{i}/2") for i in (1, 2)]
    assert [run.path.name for run in shards] == ["shard-1-of-2", "shard-2-of-2"]

    with pytest.raises(HarnessError, match=r"shard 2/2 is missing, with 2 of 5 images\."):
        library.merge([shards[0].path], "all")
    assert library.merge((run.path for run in shards), "all").text() == whole.text()
    with pytest.raises(UserError, match="one path; give several in a list"):
        library.merge("all", "all")
    with pytest.raises(UserError, match="there are none to merge"):
        library.merge([], "all")
