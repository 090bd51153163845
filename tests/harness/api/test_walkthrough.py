"""The walkthrough's cells run in order in one namespace and print what stands under them."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from paths import DOCS

pytestmark = [pytest.mark.slow, pytest.mark.integration]

DOCUMENT = DOCS / "tutorial" / "walkthrough.md"
NUMBER = re.compile(r"[-+−]?\d+\.\d+(?:e[-+]?\d+)?")


def cells():
    """The cells and the output below them, None where none is shown."""
    blocks = re.findall(r"```(python|text)\n(.*?)```", DOCUMENT.read_text(), re.S)
    found = []
    for kind, text in blocks:
        if kind == "python":
            found.append([text, None])
        else:
            found[-1][1] = text
    return found


def words(text):
    """The text without blanks, its decimal numbers, and the folder it ran in, which differ."""
    text = text.replace(f"{Path.cwd()}/", "")
    numbers = [float(number.replace("−", "-")) for number in NUMBER.findall(text)]
    # Marks and counts of images depend on the numbers, and these on the processor's last bits.
    marks = r"[†‡*+─┄ \n<]|\d+/\d+/\d+|not significantly.*"
    plain = re.sub(marks, "", NUMBER.sub("#", text))
    return plain, numbers


@pytest.fixture
def quiet():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what warns would stand in the notebook
        warnings.filterwarnings("default", category=DeprecationWarning)
        yield


def test_its_cells_print_what_it_says(tmp_path, monkeypatch, quiet):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "__main__"}
    for source, expected in cells():
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(source, str(DOCUMENT), "exec"), space)
        if expected is None:
            continue
        found, numbers = words(out.getvalue())
        plain, known = words(expected)
        assert found == plain, source
        assert numbers == pytest.approx(known, abs=1.0), source
    assert (tmp_path / "walkthrough" / "report.html").stat().st_size > 50_000
    assert (tmp_path / "walkthrough" / "figures" / "quality.png").is_file()
