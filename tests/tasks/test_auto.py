import pytest

from harness.errors import UserError
from harness.study.resolve import split_auto
from harness.study.study import Study


@pytest.mark.parametrize(
    ("alias", "names"),
    [
        ("coco", ["coco-val2017", "coco-val2017-voc"]),
        ("voc", ["voc2012-detection", "voc2012"]),
    ],
)
def test_an_alias_is_another_data_set_for_each_task(alias, names):
    parts = split_auto(Study(dataset=alias, task=("detection", "segmentation")))

    assert [study.dataset for study, _ in parts] == names
    assert [study.task for study, _ in parts] == [("detection",), ("segmentation",)]
    assert [notices for _, notices in parts] == [[f"{alias}: {name}."] for name in names]


def test_fidelity_goes_with_what_is_seen():
    ((study, _),) = split_auto(Study(dataset="voc", task=("segmentation", "fidelity")))

    assert (study.dataset, study.task) == ("voc2012", ("segmentation", "fidelity"))


def test_a_task_without_such_data_is_refused():
    with pytest.raises(UserError, match="nothing for classification"):
        split_auto(Study(dataset="coco", task=("classification",)))
