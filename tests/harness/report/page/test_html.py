"""The page's file: one, small, the same every time, and nothing in it does harm."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from manifests import manifest_json, write_manifest
from page_runs import add_panels, page_run

from harness.errors import HarnessError
from harness.report.page import render
from harness.report.page.render import LIMIT, PageOptions, build_page, write_report
from harness.report.panel_index import read_index, write_index

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=https://example.org/x.png onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "a & b &amp; c",
    "\udc80 no unicode",
    "漢字 é 😀",
    "\u202egnp.exe",
    "{{ 7 * 7 }} {% raw %}",
    "line\u2028end\x00nul",
)


class Reader(HTMLParser):
    """Every element with its attributes, and the text of scripts and styles."""

    def __init__(self):
        super().__init__()
        self.raw = None  # the script or style that is open
        self.elements, self.inner, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.raw = self.elements[-1] if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self.raw = None

    def handle_data(self, data):
        if self.raw:
            self.inner.append((*self.raw, data))
        else:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(data):
    reader = Reader()
    reader.feed(data.decode("utf-8"))
    reader.close()
    return reader


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch):
    """They take seconds to draw; the browser's tests have them."""
    monkeypatch.setattr(render, "draw_figures", lambda *_: ((), ("No figure.",)))


TITLE = "<b>&\u202e</title><script>alert(2)</script>"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The page of a run whose every name would break out if it could."""
    restorers = {"arcnn": "a<b>&\"'c", "dagn": "</script>dagn"}
    folder = tmp_path_factory.mktemp("hostile")
    run = page_run(folder / "run", names=HOSTILE, restorers=restorers)
    add_panels(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "draw_figures", lambda *_: ((), ()))
        return build_page(run, PageOptions(title=TITLE, draws=20))


def test_hostile_names_stay_names(hostile):
    found = read(hostile)
    scripts = [inner for inner in found.inner if inner[0] == "script"]
    assert len([tag for tag, _ in found.elements if tag == "script"]) == 2
    assert [one[1].get("type") for one in scripts] == ["application/json", None]
    assert not [name for _, given in found.elements for name in given if name.startswith("on")]
    assert "alert(1)</script>" not in hostile.decode()
    assert "alert(2)</script>" not in hostile.decode()
    assert "\u202e" not in hostile.decode()
    assert "\x00" not in hostile.decode()
    tables = {given.get("data-column") for _, given in found.elements}
    assert {"a<b>&\"'c", "</script>dagn"} <= tables


def test_a_hostile_failure_stays_a_sentence(tmp_path):
    run = page_run(tmp_path / "run", names=HOSTILE[:5], failing=HOSTILE[0])
    found = read(build_page(run, PageOptions(draws=0)))

    assert f"{HOSTILE[0]}: out of memory <b>&" in found.text
    assert len([tag for tag, _ in found.elements if tag == "script"]) == 2


def test_hostile_names_are_what_the_table_of_images_says(hostile):
    found = read(hostile)
    (images,) = (json.loads(data) for tag, given, data in found.inner if "id" in given)

    assert sorted(images["ids"]) == sorted(
        [*HOSTILE[:5], "\\udc80 no unicode", HOSTILE[6], "\\u202egnp.exe", HOSTILE[8],
         "line\\u2028end\\x00nul"]
    )  # fmt: skip
    assert "a<b>&\"'c" in images["what"][0]["cells"]["10"]


def test_the_page_can_load_nothing(hostile):
    found = read(hostile)
    policy = next(
        given["content"] for tag, given in found.elements
        if given.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip

    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag, kind in (("style", "style-src"), ("script", "script-src")):
        (inner,) = (data for name, given, data in found.inner if name == tag and not given)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    for tag, given in found.elements:
        assert "style" not in given, tag
        for name in ("src", "srcset", "href", "action", "data", "poster"):
            assert given.get(name, "#").startswith(("#", "data:")), (tag, given)
    assert not re.search(r"@import|url\(", hostile.decode())


def test_the_same_run_gives_the_same_bytes(tmp_path):
    first, second = page_run(tmp_path / "a", 5), page_run(tmp_path / "b", 5)
    for run in (first, second):
        add_panels(run, 1, 16)

    assert build_page(first, PageOptions(draws=20)) == build_page(second, PageOptions(draws=20))


def test_ids_are_unique_and_every_link_leads_somewhere(tmp_path):
    run = page_run(tmp_path / "run", 5)
    add_panels(run)
    found = read(build_page(run, PageOptions(draws=20)))
    ids = [given["id"] for _, given in found.elements if "id" in given]
    links = [given["href"][1:] for tag, given in found.elements if tag == "a"]
    named = [
        given[k] for _, given in found.elements for k in ("for", "aria-labelledby") if k in given
    ]

    swatches = [given["fill"] for tag, given in found.elements if tag == "rect"]
    assert swatches == ["#e69f00", "#e69f00"]  # one a panel, though every view names the class
    assert len(ids) == len(set(ids))
    assert links
    assert set(links) | set(named) <= set(ids)
    assert all(given.get("alt") is not None for tag, given in found.elements if tag == "img")


@pytest.mark.slow
def test_too_many_images_are_left_out_and_it_is_said(tmp_path, monkeypatch):
    run = page_run(tmp_path / "run", 5)
    whole = build_page(run, PageOptions(draws=0))
    monkeypatch.setattr(render, "IMAGES_LIMIT", 100)

    short = build_page(run, PageOptions(draws=0))

    assert len(short) < len(whole)
    assert "too many numbers of single images for one page (5 images)" in read(short).text


@pytest.mark.slow
def test_pictures_are_made_smaller_then_left_out(tmp_path, monkeypatch):
    run = page_run(tmp_path / "run", 5)
    add_panels(run, 3, 64)
    whole = build_page(run, PageOptions(draws=0))
    bare = len(build_page(run, PageOptions(draws=0, panels=0)))
    assert "WebP at quality" not in read(whole).text

    monkeypatch.setattr(render, "LIMIT", bare + render._RESERVE + (len(whole) - bare) * 2 // 3)
    lossy = read(build_page(run, PageOptions(draws=0)))
    assert "its pictures are WebP at quality 92" in lossy.text
    assert len([tag for tag, given in lossy.elements if given.get("class") == "panel"]) == 3

    monkeypatch.setattr(render, "LIMIT", bare + render._RESERVE + (len(whole) - bare) // 4)
    fewer = read(build_page(run, PageOptions(draws=0)))
    shown = len([tag for tag, given in fewer.elements if given.get("class") == "panel"])
    assert shown in (1, 2)
    assert f"{3 - shown} more panel{'s' * (shown == 1)} did not fit" in fewer.text


def test_panels_asked_for_come_first_and_outdated_ones_not_at_all(tmp_path):
    run = page_run(tmp_path / "run", 5)
    add_panels(run, 3, 8)
    key = ("segmentation", "image-002", "jpeg", 10)
    first = read(build_page(run, PageOptions(draws=0, panels=1, first=[key])))
    assert [given["data-name"] for _, given in first.elements if "data-name" in given] == [
        "image-002, segmentation, QF 10"
    ]

    add_panels(run, 2, 8, fingerprint="of another run")
    assert "2 panels of an earlier state of the run left out." in read(build_page(run)).text
    assert not run.path.joinpath("report.html").exists()


def test_a_missing_picture_is_one_sentence(tmp_path):
    run = page_run(tmp_path / "run", 2)
    add_panels(run, 1, 8)
    (run.path / "panels" / "0-dagn.png").unlink()

    with pytest.raises(HarnessError, match=r"0-dagn.png cannot be read"):
        build_page(run, PageOptions(draws=0))


def test_pictures_without_webp_are_the_files_themselves(tmp_path, monkeypatch):
    run = page_run(tmp_path / "run", 2)
    add_panels(run, 1, 8)
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    found = read(build_page(run, PageOptions(draws=0)))
    kept = base64.b64encode((run.path / "panels" / "0-jpeg.png").read_bytes()).decode()

    assert f"data:image/png;base64,{kept}" in [given.get("src") for _, given in found.elements]


@pytest.mark.parametrize("draws", [0, 20])
def test_a_run_of_nothing_but_jpeg(tmp_path, draws):
    from runs import fidelity_run

    run = fidelity_run(tmp_path / "run", {"jpeg": {10: {"a": 30.0}}})
    found = read(build_page(run, PageOptions(draws=draws)))

    assert "No restorer was run on 1 image of written" in found.text
    assert "Nothing can be said of the restorers' differences from jpeg." in found.text


def test_the_command_writes_the_page_and_says_how_large_it_is(harness, tmp_path):
    run = page_run(tmp_path / "run", 5)

    code, out, err = harness("report", run.path, "--no-panels", "--draws", "20", "--title", "Mine")

    page = run.path / "report.html"
    assert (code, err) == (0, "")
    assert out == f"{page} ({len(page.read_bytes()) / 1e6:.1f} MB)\n"
    assert "<title>Mine</title>" in page.read_text()
    assert len(page.read_bytes()) < LIMIT


def test_the_command_without_a_data_set_says_so_and_goes_on(harness, tmp_path):
    run = page_run(tmp_path / "run", 5)
    manifest = manifest_json(run)
    manifest["study"]["dataset"] = "gone/photographs"
    write_manifest(run, manifest)

    code, _, err = harness("report", run.path, "--draws", "20", "--output", tmp_path / "p.html")

    assert code == 0
    assert len([line for line in err.splitlines() if "No pictures were made: " in line]) == 1
    assert "No pictures were made: " in read((tmp_path / "p.html").read_bytes()).text


def test_the_command_refuses_what_is_no_run(harness, tmp_path):
    code, _, err = harness("report", tmp_path)

    assert code == 2
    assert "is not a run directory" in err


def test_the_command_refuses_a_folder_for_a_page_before_it_makes_pictures(harness, tmp_path):
    run = page_run(tmp_path / "run", 5)
    code, out, err = harness("report", run.path, "--output", tmp_path)

    assert (code, out) == (2, "")
    assert err == f"Error: --output {tmp_path} is a folder; it needs a file.\n"


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path):
    run = page_run(tmp_path / "run", 2)
    (tmp_path / "file").write_text("")

    with pytest.raises(HarnessError, match="Cannot write"):
        write_report(run, tmp_path / "file" / "page.html", PageOptions(draws=0))


def test_an_index_of_panels_without_pictures_is_read(tmp_path):
    run = page_run(tmp_path / "run", 2)
    (run.path / "panels").mkdir()
    write_index(run.path / "panels", [])

    assert read_index(run.path / "panels") == ()
    assert "made without pictures" in read(build_page(run, PageOptions(draws=0))).text
