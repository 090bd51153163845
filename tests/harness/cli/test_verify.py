import pytest
from runs import table_run

pytestmark = pytest.mark.integration


def test_a_whole_run_is_said_to_be_well_and_a_changed_one_is_mended(harness, tmp_path):
    run = table_run(tmp_path / "run", "fidelity", "", {("jpeg", 10): 26.0}, "live1")
    code, out, _ = harness("verify", "run")
    assert code == 0 and out.endswith("all well.\n")

    path = next((tmp_path / "run" / "records").rglob("*.jsonl*"))
    assert path.suffix == ".jsonl"
    data = path.read_bytes()
    place = data.index(b'"psnr":') + len(b'"psnr":')
    path.write_bytes(data[:place] + b"9" + data[place:])

    code, _, error = harness("verify", "run")
    assert code == 1
    assert "line 1: its checksum is another one" in error and "1 file wrong in run" in error
    code, _, error = harness("table", "run")
    assert code == 1 and "'harness verify --repair' takes it out" in error

    code, _, error = harness("verify", "run", "--repair")
    assert code == 0 and "Mended: 1 file" in error
    code, out, _ = harness("verify", "run")
    assert code == 0
    assert run.manifest().cells


def test_a_folder_that_is_no_run_is_the_users_mistake(harness, tmp_path):
    code, _, error = harness("verify", ".")
    assert code == 2 and "not a run directory" in error
