"""A restorer's card with its authors' figures is held against what is measured."""

import pytest
from runs import IMAGES, RunBuilder, fidelity_record

from harness.analysis.metrics import measure
from harness.analysis.published_fidelity import published_notes
from harness.report.tables.build import build_table

LIVE1 = tuple(f"image{index:02}" for index in range(29))
PUBLISHED = {10: 27.95, 20: 30.27, 30: 31.60, 40: 32.50}


def run(path, values, restorer="dagn:official", dataset="live1", images=LIVE1):
    built = RunBuilder(path, task="fidelity", dataset=dataset, ids=images)
    for qf, value in values.items():
        built.cell(restorer, qf, [fidelity_record(image, value) for image in images])
    return built.write()


def notes(directory):
    return published_notes(directory.manifest(), measure(directory))


def test_weights_that_score_what_their_authors_publish_are_said_to(tmp_path):
    directory = run(tmp_path, PUBLISHED)

    (note,) = notes(directory)

    assert note.startswith("published figures reached: dagn:official ± 0.02 dB, QF 10: 27.95 dB")
    assert "QF 40: 32.50 dB, published 32.50 (The authors' release" in note
    assert note in build_table(directory).notes


@pytest.mark.parametrize(
    ("change", "reached"), [(0.02, True), (-0.02, True), (0.03, False), (-0.03, False)]
)
def test_one_figure_out_of_tolerance_is_enough(tmp_path, change, reached):
    directory = run(tmp_path, {**PUBLISHED, 30: 31.60 + change})

    (note,) = notes(directory)

    assert note.startswith("published figures reached") == reached
    assert note.startswith("PUBLISHED FIGURES NOT REACHED") == (not reached)


@pytest.mark.parametrize(
    "more", [{"images": IMAGES}, {"dataset": "bsd500"}, {"images": LIVE1[:28]}]
)
def test_of_other_images_nothing_is_said(tmp_path, more):
    assert notes(run(tmp_path, PUBLISHED, **more)) == []


def test_nothing_is_said_of_a_qf_without_a_figure_or_of_other_weights(tmp_path):
    assert notes(run(tmp_path, {15: 20.0})) == []
    assert notes(run(tmp_path / "b", {10: 20.0}, restorer="dagn")) == []
