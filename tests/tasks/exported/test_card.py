"""The card itself: what is read, what is refused, and what enters the fingerprint."""

import hashlib
from types import SimpleNamespace

import pytest
import yaml
from model_tools import CLASSIFIER, DETECTOR, SEGMENTER, opened, write_card
from paths import CONFIGS, DOCS

from harness.assets.cards import Card
from harness.errors import UserError
from harness.plugins import registry
from tasks.classes import COCO, COCO_IDS, VOC
from tasks.exported.card import KINDS
from tasks.exported.fields import Input, InputSize
from tasks.exported.model_card import ModelCard


def test_the_card_says_what_the_model_is(tmp_path):
    detector = opened(tmp_path, DETECTOR)
    assert (detector.name, detector.task, detector.classes) == (
        "found",
        "detection",
        ("cat", "dog"),
    )
    assert isinstance(detector.card, Card)  # so that it can be fetched as any other

    segmenter = opened(tmp_path, SEGMENTER)
    assert segmenter.task == "segmentation"
    assert segmenter.labels == ("background", "cat", "dog")
    assert opened(tmp_path, SEGMENTER, {"output.background": False}).labels == ("cat", "dog")
    assert opened(tmp_path, CLASSIFIER).task == "classification"


def test_classes_by_name_or_from_a_text_file(tmp_path):
    ids = {"classes": "coco-ids", "output.label_base": None}
    (tmp_path / "names.txt").write_text("hot dog\n  cold dog \n\n")

    assert opened(tmp_path, DETECTOR, {"classes": "coco"}).classes == COCO
    assert opened(tmp_path, DETECTOR, {"classes": "voc"}).classes == VOC
    assert opened(tmp_path, DETECTOR, ids).classes == COCO
    assert opened(tmp_path, DETECTOR, ids).card.output.ids == COCO_IDS
    assert opened(tmp_path, DETECTOR, {"classes": "names.txt"}).classes == ("hot dog", "cold dog")


INVALID = [
    ({"task": "pose"}, "'task' is one of detection, segmentation, classification, not 'pose'"),
    ({"task": None}, "'task' is one of"),
    ({"framework": "caffe"}, "'framework': should be 'torchscript' or 'onnx', not 'caffe'"),
    ({"file": None}, "'file' is missing"),
    ({"weights": "a.pt"}, "'weights' is no field of a card"),
    ({"input.colour": "rgb"}, "'input.colour' is no field of a card"),
    ({"input.order": None}, "'input.order' is missing"),
    ({"input.order": "brg"}, "'input.order': should be 'rgb' or 'bgr', not 'brg'"),
    ({"input.order": "brg", "input.range": 1}, "not 'brg' .and 1 more."),
    ({"input.layout": "hwc"}, "'input.layout': should be 'chw-list'"),
    ({"input.mean": [1, 2]}, "'input.mean.2' is missing"),
    ({"input.mean": [123.7, 116.3, 103.5]}, "'input': mean is in the units of range, here 0..1"),
    ({"input.std": [1, 0, 1]}, "'input': std is above 0"),
    ({"input.mean": [".nan", 0, 0]}, "'input.mean.0': should be a"),
    ({"input.dtype": "uint8"}, "'input': dtype uint8 goes with range byte"),
    ({"input.size": 640}, "'input.size': should be a valid dictionary"),
    ({"input.size": {"short": 800, "letterbox": 640}}, "'input.size': give short, or height"),
    ({"input.size": {"height": 800}}, "'input.size': give short, or height and width"),
    ({"input.size": {"letterbox": 640, "long": 800}}, "'input.size': long goes with short"),
    ({"input.size": {"short": 800, "long": 640}}, "'input.size': long is smaller than short"),
    ({"input.size": {"short": 0}}, "'input.size.short': should be greater than 0, not 0"),
    ({"input.size": {"short": 80, "crop": 64}}, "input.size.crop is of classifiers"),
    ({"input.size": {"short": 80, "crop": 96}}, "'input.size': crop is larger"),
    ({"input.pad": 256}, "'input.pad': should be less than or equal to 255, not 256"),
    ({"output.scores": None}, "'output': give boxes, scores and labels, or rows"),
    ({"output.rows": "0"}, "'output': give boxes, scores and labels, or rows"),
    ({"output.boxes": 1.10}, "'output.boxes': write it in quotes: '1.1'"),
    ({"output.box_units": None}, "'output.box_units' is missing"),
    ({"output.box_units": "percent"}, "'output.box_units': should be 'input', 'original' or"),
    ({"output.label_base": None}, "'output': give label_base .0 or 1., or ids, or classes"),
    ({"output.ids": [1, 2]}, "'output': give label_base .0 or 1., or ids, or classes"),
    ({"output.label_base": None, "output.ids": [1, 2, 3]}, "has 3 numbers for 2 classes"),
    ({"output.label_base": None, "output.ids": [1, 1]}, "'output': ids has a number twice"),
    ({"output.labels": None}, "'output': without labels, scores has one column a class"),
    ({"output.labels": None, "output.label_base": None}, "say from which score_threshold on"),
    ({"output.nms": 1.5}, "'output.nms': should be less than 1, not 1.5"),
    ({"output": "boxes"}, "'output': should be a valid dictionary"),
    ({"classes": []}, "'classes': tuple should have at least 1 item"),
    ({"classes": ["yes", False]}, "'classes.1': should be a valid string, not False"),
    ({"classes": "imagenet"}, "one of coco, coco-ids, voc, or a text file .*imagenet cannot be"),
    ({"classes": "coco-ids"}, "coco-ids says the labels: no ids, no label_base"),
    ({"sha256": "abc"}, "'sha256': not 64 hexadecimal digits"),
    ({"url": "https://example.org/a.pt", "file": "../a.pt"}, "file is a file name without a"),
    ({"framework": "onnx", "quantized_engine": "x86"}, "quantized_engine is of TorchScript files"),
    ({"quantized_engine": "tflite"}, "'quantized_engine': should be 'qnnpack'"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), INVALID)
def test_a_wrong_field_is_named_with_the_reason(tmp_path, changes, reason):
    with pytest.raises(
        UserError, match=f"^The model card .*card.yaml is not valid: .*{reason}"
    ) as e:
        opened(tmp_path, DETECTOR, changes)
    assert "\n" not in str(e.value)
    assert str(e.value).count("not valid") == 1


@pytest.mark.parametrize(
    ("card", "changes", "reason"),
    [
        (SEGMENTER, {"output.class_map": ""}, "'output': give logits or class_map"),
        (SEGMENTER, {"output.background": None}, "'output.background' is missing"),
        (SEGMENTER, {"classes": "coco-ids"}, "coco-ids is of detectors"),
        (CLASSIFIER, {"output.probabilities": ""}, "'output': give logits or probabilities"),
        (CLASSIFIER, {"output.box_units": "input"}, "'output.box_units' is no field of a card"),
        (CLASSIFIER, {"input.size": {"letterbox": 8, "crop": 8}}, "crop goes with short alone"),
    ],
)
def test_each_task_has_its_own_output(tmp_path, card, changes, reason):
    with pytest.raises(UserError, match=reason):
        opened(tmp_path, card, changes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: b: c", "card.yaml is no YAML: mapping values are not allowed here in line 1"),
        ("- a", "it holds no fields"),
        ("", "it holds no fields"),
        ("framework: mmseg", "of mmseg runs without a card: --model CONFIG.py:CHECKPOINT.pth"),
        ("framework: detectron2", "detectron2 runs without a card: --model CONFIG.yaml:CHECK"),
    ],
)
def test_what_is_no_card_is_said(tmp_path, text, reason):
    (tmp_path / "card.yaml").write_text(text)
    with pytest.raises(UserError, match=reason):
        ModelCard.open(tmp_path / "card.yaml")


def test_a_missing_card_a_folder_and_an_empty_line_are_said(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "names.txt").write_text("cat\n\ndog\n")
    for name in ("no.yaml", "folder.yaml"):
        assert ModelCard.accepts(tmp_path / name)
        with pytest.raises(UserError, match=rf"Cannot read the model card .*{name}: "):
            ModelCard.open(tmp_path / name)
    with pytest.raises(UserError, match="'classes': line 2 of names.txt is empty"):
        opened(tmp_path, DETECTOR, {"classes": "names.txt"})


def test_which_paths_are_cards(tmp_path):
    (tmp_path / "detectron2.yaml").write_text("_BASE_: base.yaml\nMODEL:\n  MASK_ON: false\n")
    for name, accepted in {"a.yml": True, "a.py": False, "folder": False, "net.onnx": True}.items():
        assert ModelCard.accepts(tmp_path / name) is accepted, name
    assert not ModelCard.accepts(tmp_path / "detectron2.yaml")
    assert ModelCard.accepts(write_card(tmp_path, DETECTOR))
    assert registry.model_formats().get("card") is ModelCard


def test_a_file_without_a_card_and_a_variant_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no vision model at .*net.onnx: check the path"):
        ModelCard.open(tmp_path / "net.onnx")
    (tmp_path / "net.onnx").touch()
    with pytest.raises(UserError, match=r"net.onnx does not say .* write a card"):
        ModelCard.open(tmp_path / "net.onnx")
    with pytest.raises(UserError, match="card.yaml has no variants, so not 'fast'"):
        ModelCard.open(write_card(tmp_path, DETECTOR), "fast")


def test_the_file_is_beside_the_card_at_home_or_in_the_cache(tmp_path, monkeypatch):
    cache, home = tmp_path / "cache" / "weights", tmp_path / "home"
    cards, elsewhere = tmp_path / "cards" / "files", tmp_path / "elsewhere"
    for folder in (cache, home, cards, elsewhere):
        folder.mkdir(parents=True)
        (folder / "net.pt").write_text(folder.name)
    monkeypatch.setenv("HARNESS_CACHE", str(cache.parent))
    monkeypatch.setenv("HOME", str(home))

    absolute = str(elsewhere / "net.pt")
    places = {"files/net.pt": cards, "net.pt": cache, "~/net.pt": home, absolute: elsewhere}
    for file, folder in places.items():
        model = opened(cards.parent, DETECTOR, {"file": file})
        expected = hashlib.sha256(folder.name.encode()).hexdigest()
        assert model.fingerprint()["weights"] == expected, file


def test_missing_and_other_files_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"names the file found.pt, but there is no .*found.pt"):
        opened(tmp_path, DETECTOR).prepare()

    remote = {"url": "https://example.org/found.pt", "size": 1_000_000}
    with pytest.raises(UserError, match=r"`harness fetch .*card.yaml`.*found.pt, 1.0 MB"):
        opened(tmp_path, DETECTOR, remote).prepare()

    (tmp_path / "found.pt").write_text("another")
    right = hashlib.sha256(b"another").hexdigest()
    for good in (right, right[:8].upper()):
        assert opened(tmp_path, DETECTOR, {"sha256": good}).fingerprint()["weights"] == right
    wrong = {"sha256": "0" * 64}
    with pytest.raises(UserError, match="is not the file its card describes: sha256 "):
        opened(tmp_path, DETECTOR, wrong).prepare()
    with pytest.raises(UserError, match=r"Delete it and `harness fetch .*card.yaml`"):
        opened(tmp_path, DETECTOR, {**wrong, **remote, "size": None} | {"size": 7}).prepare()


def test_the_fingerprint_covers_what_can_change_a_number_and_nothing_else(tmp_path):
    (tmp_path / "found.pt").write_text("weights")
    (tmp_path / "other.pt").write_text("other weights")
    base = opened(tmp_path, DETECTOR).fingerprint()

    for changes in (
        {"file": "other.pt"}, {"framework": "onnx"}, {"classes": ["dog", "cat"]},
        {"quantized_engine": "x86"}, {"input.order": "bgr"}, {"input.size": {"short": 8}},
        {"input.multiple_of": 32}, {"output.label_base": 0}, {"output.score_threshold": 0.1},
    ):  # fmt: skip
        assert opened(tmp_path, DETECTOR, changes).fingerprint() != base, changes
    for changes in ({"licence": "MIT"}, {"published": {"mAP": 20.0}}, {"notes": "none"}):
        assert opened(tmp_path, DETECTOR, changes).fingerprint() == base, changes
    pillow = {"input.size": {"short": 8}, "input.resize_with": "pillow"}
    assert "pillow 1" in opened(tmp_path, DETECTOR, pillow).fingerprint()["library"]
    assert all(isinstance(value, str) for value in base.values())


def test_the_published_score_feeds_the_clean_gate(tmp_path):
    published = {"published": {"mAP": 21.0}, "published_on": "coco-val2017", "tolerance": 0.3}
    model = opened(tmp_path, DETECTOR, {**published, "source": "its authors"})
    data_set = SimpleNamespace(name="coco-val2017")

    expected = model.expected(data_set, "mAP")
    assert (expected.value, expected.tolerance, expected.source) == (21.0, 0.3, "its authors")
    assert model.expected(data_set, "AP50") is None
    assert model.expected(SimpleNamespace(name="voc2012"), "mAP") is None


@pytest.mark.parametrize("path", sorted((CONFIGS / "models").glob("*.yaml")), ids=str)
def test_the_cards_in_configs_are_valid(path):
    card = ModelCard.open(path).card
    assert card.licence
    assert card.source
    assert len(card.sha256) == 64 or not card.url


def test_the_cards_in_the_documents_are_valid(tmp_path):
    text = (DOCS / "guides" / "model_cards.md").read_text()
    cards = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    (tmp_path / "imagenet_classes.txt").write_text("tench\ngoldfish\n")
    found = set()
    for card in cards:
        (tmp_path / "card.yaml").write_text(card)
        model = ModelCard.open(tmp_path / "card.yaml")
        found.add((model.task, model.card.framework))
    assert {task for task, _ in found} == {"detection", "segmentation", "classification"}
    assert {framework for _, framework in found} == {"torchscript", "onnx"}


def test_the_documents_name_every_field():
    text = (DOCS / "guides" / "model_cards.md").read_text()
    for kind in KINDS.values():
        fields = {**kind.model_fields, **Input.model_fields, **InputSize.model_fields}
        fields.update(kind.model_fields["output"].annotation.model_fields)
        assert [name for name in fields if f"`{name}`" not in text] == []


def test_the_documents_d2go_is_the_card():
    text = (DOCS / "guides" / "model_cards.md").read_text()
    shown = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    kept = yaml.safe_load((CONFIGS / "models" / "d2go.yaml").read_text())
    assert shown == {name: kept[name] for name in shown}
