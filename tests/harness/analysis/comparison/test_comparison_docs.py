"""What docs/guides/comparing.md shows is what the command prints."""

import shutil

import pytest
from paths import DOCS, ROOT

EMBEDDED = ROOT / "results" / "embedded"


@pytest.fixture
def embedded(tmp_path):
    """The committed run with the cells that are needed; caches are written beside them."""
    for part in ("manifest.json", "truth/detection.json.gz"):
        (tmp_path / "run" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EMBEDDED / part, tmp_path / "run" / part)
    for name in ("jpeg-q10", "arcnn-q10"):
        (path,) = (EMBEDDED / "records" / "detection").glob(f"{name}.*")
        target = tmp_path / "run" / "records" / "detection" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path / "run"


@pytest.mark.slow
def test_the_row_in_the_document_is_printed_and_the_hint_is_a_command(harness, embedded):
    """Its p is corrected over ten comparisons there, over one here: below 0.001 in either case."""
    text = (DOCS / "guides" / "comparing.md").read_text()
    shown = next(line for line in text.splitlines() if line.startswith("detection     mAP")).split()

    code, out, _ = harness("compare", "jpeg", "arcnn", "--run", embedded, "--task", "detection")
    line = next(line for line in out.splitlines() if line.startswith("detection")).split()

    assert code == 0
    assert shown[8] == "<0.001"
    assert line == shown
    assert "no images in common yet: detection/jpeg-q20" in out

    hint = next(line for line in out.splitlines() if line.startswith("harness panels")).split()
    _, known, _ = harness("panels", "--help")
    for option in (word for word in hint if word.startswith("--")):
        assert option in known
