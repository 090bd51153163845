import re

import pytest
import yaml
from paths import ROOT

from harness.records.run_directory import RunDirectory
from harness.report.bibtex import bibtex, references

CARDS = [
    path
    for folder in ("restorers", "tasks")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
    if "paper:" in path.read_text()
]


def fields(reference):
    return dict(reference.fields)


def test_every_card_that_names_a_paper_is_understood_whole():
    assert len(CARDS) > 30
    for path in CARDS:
        paper = " ".join(yaml.safe_load(path.read_text())["paper"].split())
        found = list(references(paper))
        # Each reference has a year of its own, which no number of arXiv's is.
        years = re.findall(r"(?<![\d.])(?:19|20)\d\d(?![\d.]\d|s)", paper)
        assert [fields(one)["year"] for one in found] == years, path.name
        for one in found:
            assert re.fullmatch(r"[a-z]+\d{4}[a-z0-9]+", one.key), path.name
            assert re.match(r"\{.+\}$", fields(one)["title"]), path.name
            assert not re.search(r"[:;(]", fields(one)["author"]), path.name
        assert {fields(one)["eprint"] for one in found} - {""} == set(
            re.findall(r"arXiv (\d+\.\d+)", paper)
        )


@pytest.mark.parametrize(
    ("paper", "author", "title", "venue"),
    [
        (
            "Liang, Cao, Van Gool: SwinIR: Image Restoration. ICCV Workshops 2021 (arXiv 2108.1).",
            "Liang and Cao and {Van Gool}",
            "{SwinIR: Image Restoration}",
            "ICCV Workshops",
        ),
        ("Tan and Le, EfficientNet, ICML 2019", "Tan and Le", "{EfficientNet}", "ICML"),
        ("He et al., Deep Learning, CVPR 2016", "He and others", "{Deep Learning}", "CVPR"),
    ],
)
def test_authors_title_and_venue_are_told_apart(paper, author, title, venue):
    (found,) = references(paper)

    assert fields(found)["author"] == author
    assert fields(found)["title"] == title
    assert fields(found)["howpublished"] == venue


def test_a_run_cites_the_harness_its_restorers_and_models_once_each():
    text = bibtex(RunDirectory(ROOT / "results" / "embedded").manifest())

    keys = re.findall(r"^@misc\{(.+),$", text, re.M)
    assert len(keys) == len(set(keys))
    assert {"restoration-harness", "ma2024sensitivity", "jiang2021flexible", "ren2015faster",
            "zhao2017pyramid"} <= set(keys)  # fmt: skip
    assert "128 images (image list " in text
    assert "% scenes: no paper is known of it here." in text
    assert "jpeg:" not in text  # no method
    assert text.count("{") == text.count("}")
