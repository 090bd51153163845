"""The class lists are COCO's and VOC's own, and names are matched as people mean them."""

from __future__ import annotations

import json

from coco_tools import annotations
from hypothesis import given
from hypothesis import strategies as st

from tasks.classes import COCO, COCO_IDS, VOC, canonical, places

NAMES = st.lists(st.sampled_from(["a", "A", "a b", "ab", "1.5", "15", "c++", "c", "+", "tv"]))


def test_coco_is_torchvisions_and_the_annotations():
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights as Weights

    categories = Weights.COCO_V1.meta["categories"]
    used = [k for k, name in enumerate(categories) if name not in ("__background__", "N/A")]
    assert tuple(used) == COCO_IDS
    assert tuple(categories[k] for k in used) == COCO
    listed = json.loads(annotations("coco128")[0].read_text())["categories"]
    assert {c["id"]: c["name"] for c in listed} == dict(zip(COCO_IDS, COCO, strict=True))


def test_voc_is_torchvisions():
    from torchvision.models.segmentation import FCN_ResNet50_Weights

    assert FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1.meta["categories"][1:] == list(VOC)


def test_every_class_of_voc_is_one_of_coco():
    found = places(VOC, COCO)
    assert sorted(found) == list(range(20))
    assert COCO[found[VOC.index("diningtable")]] == "dining table"
    assert COCO[found[VOC.index("motorbike")]] == "motorcycle"


def test_spelling_does_not_matter_until_it_does():
    assert canonical("Potted plant") == canonical("pottedplant") == canonical("potted-plant")
    assert places(["+", "-"], ["-", "+"]) == {0: 1, 1: 0}
    assert places(["15", "1.5"], ["1.5", "15"]) == {0: 1, 1: 0}
    assert places(["TV"], ["tvmonitor"]) == {0: 0}
    assert places(["tv", "tv"], ["tvmonitor", "tv"]) == {0: 1, 1: 0}


@given(NAMES, NAMES)
def test_pairs_are_one_to_one_equal_by_name_and_as_many_as_can_be(wanted, known):
    found = places(wanted, known)
    assert len(set(found.values())) == len(found)
    for ours, theirs in found.items():
        assert canonical(wanted[ours]) == canonical(known[theirs])
    for name in {canonical(n) for n in wanted}:
        counts = [[canonical(n) for n in names].count(name) for names in (wanted, known)]
        assert sum(canonical(wanted[k]) == name for k in found) == min(counts)
    for name in set(wanted):  # the same spelling is paired before a similar one
        count = sum(wanted[k] == name == known[v] for k, v in found.items())
        assert count == min(wanted.count(name), known.count(name))
