"""detectron2 through the harness is its own DefaultPredictor and COCOEvaluator."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from coco_tools import annotations, coco, figures, guesses, pictures

from harness.assets.cards import read_card
from harness.errors import UserError
from harness.images.io import read_image
from tasks.classes import COCO, COCO_IDS
from tasks.detection.models import detectron2_library as library
from tasks.detection.models.detectron2_models import (
    R50C4,
    R50DC5,
    R50FPN,
    R101FPN,
    X101FPN,
    Detectron2File,
    R50C4Long,
    R50FPNLong,
)
from tasks.detection.task import Detection, Detections

try:
    library.need()
except UserError as error:
    pytest.skip(f"detectron2 cannot be imported: {error.__cause__}", allow_module_level=True)

from detectron2 import model_zoo
from detectron2.data import MetadataCatalog
from detectron2.data.datasets import load_coco_json
from detectron2.data.detection_utils import read_image as detectron2_read
from detectron2.engine import DefaultPredictor
from detectron2.evaluation import COCOEvaluator
from detectron2.modeling import build_model
from detectron2.structures import Boxes, Instances

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

TINY = {
    "MODEL.RESNETS.DEPTH": 18,
    "MODEL.RESNETS.RES2_OUT_CHANNELS": 64,
    "MODEL.FPN.OUT_CHANNELS": 32,
    "MODEL.ROI_BOX_HEAD.FC_DIM": 64,
    "MODEL.WEIGHTS": "",
    "INPUT.MIN_SIZE_TEST": 200,
}


def tiny(**more):
    """The zoo's R50-FPN with a ResNet-18, fewer channels and small images."""
    config = library.zoo_config("faster_rcnn_R_50_FPN_1x")
    options = {**TINY, **more}
    config.merge_from_list([part for item in options.items() for part in item])
    return config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``tiny.yaml`` and random ``tiny.pkl``, ``tiny.pth`` that find many things in anything."""
    path = tmp_path_factory.mktemp("detectron2")
    torch.manual_seed(0)
    predictor = DefaultPredictor(tiny())
    heads = predictor.model.roi_heads
    seen = []
    heads.box_head.register_forward_hook(lambda _module, _given, out: seen.append(out))
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        for name, value in predictor.model.named_buffers():
            if name.endswith("running_var"):
                value.mul_(torch.empty_like(value).uniform_(0.5, 2))
        predictor(rng.integers(0, 256, (20, 20, 3), np.uint8).repeat(16, 0).repeat(16, 1))
        weight = heads.box_predictor.cls_score.weight
        weight *= 3 / ((seen[0] - seen[0].mean(0)) @ weight.T).std()
        heads.box_predictor.cls_score.bias.copy_(-weight @ seen[0].mean(0))
        heads.box_predictor.bbox_pred.weight.mul_(30)
    weights = predictor.model.state_dict()
    (path / "tiny.yaml").write_text(tiny().dump())
    torch.save({"model": weights, "iteration": 9}, path / "tiny.pth")
    arrays = {name: value.numpy() for name, value in weights.items()}
    zoo = {"model": arrays, "__author__": "tests"}
    (path / "tiny.pkl").write_bytes(pickle.dumps(zoo, protocol=2))
    return path


@pytest.fixture(scope="module")
def model(folder):
    made = Detectron2File.open(folder / "tiny.yaml", str(folder / "tiny.pkl"))
    made.prepare()
    return made


@pytest.fixture(scope="module")
def theirs(folder):
    config = tiny(**{"MODEL.WEIGHTS": str(folder / "tiny.pkl")})
    return DefaultPredictor(config)


def same(a, b):
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("boxes", "scores", "labels"))


@pytest.mark.parametrize("kind", ["pkl", "pth"])
def test_predictions_are_its_own_bit_for_bit(kind, folder, theirs):
    model = Detectron2File.open(folder / "tiny.yaml", str(folder / f"tiny.{kind}"))
    model.prepare()
    assert model.classes == COCO
    labels = set()
    for path in pictures("coco128", 4):
        ours = model.predict(read_image(path))
        found = theirs(detectron2_read(str(path), format="BGR"))["instances"]
        assert np.array_equal(ours.boxes, found.pred_boxes.tensor.numpy())
        assert np.array_equal(ours.scores, found.scores.numpy())
        assert np.array_equal(ours.labels, found.pred_classes.numpy() + 1)
        labels |= set(ours.labels.tolist())
        assert len(ours) > 20
    assert len(labels) > 5


def evaluated(name, predictions):
    """COCOEvaluator's figures in percent for ``predictions``, `Instances` by file name."""
    file, folder = annotations(name)
    load_coco_json(str(file), str(folder), f"harness-{name}")  # tells it the classes and ids
    MetadataCatalog.get(f"harness-{name}").json_file = str(file)
    evaluator = COCOEvaluator(
        f"harness-{name}", tasks=("bbox",), distributed=False, use_fast_impl=False
    )
    evaluator.reset()
    numbers = {image.file_name: image.id for image in coco(name).content.images}
    for image, instances in predictions.items():
        evaluator.process([{"image_id": numbers[image]}], [{"instances": instances}])
    return evaluator.evaluate(img_ids=[numbers[image] for image in predictions])["bbox"]


def agree(ours, theirs):
    theirs = {
        **{{"AP": "mAP"}.get(k, k): v for k, v in theirs.items() if not k.startswith("AP-")},
        **{k.replace("AP-", "AP/"): v for k, v in theirs.items() if k.startswith("AP-")},
    }
    assert len(theirs) == 6 + 80
    values = [[100 * ours[key] for key in theirs], list(theirs.values())]
    np.testing.assert_allclose(*values, rtol=0, atol=1e-9)


def test_the_evaluation_of_its_own_predictions_is_its_own(model, theirs):
    data_set, task = coco("tinycoco-train"), Detection()
    task.fit(model, data_set)
    references = data_set.images()[:6]
    ours = {ref.id: model.predict(read_image(ref.path)) for ref in references}
    found = {
        ref.id: theirs(detectron2_read(str(ref.path), format="BGR"))["instances"]
        for ref in references
    }
    agree(figures(task, data_set, ours), evaluated("tinycoco-train", found))


@pytest.mark.parametrize("name", ["coco128", "tinycoco-train"])
def test_the_evaluation_of_a_good_detector_is_its_own(name, model):
    """Random weights score next to nothing, so both get the same better boxes."""
    data_set, task = coco(name), Detection()
    task.fit(model, data_set)
    position = {number: k for k, number in enumerate(COCO_IDS)}
    ours, theirs = {}, {}
    for image, one in guesses(data_set.coco([r.id for r in data_set.images()]), 7).items():
        classes = np.array([position[k] for k in one.labels.tolist()], np.int64)
        ours[image] = Detections(one.boxes, one.scores, classes + 1)
        theirs[image] = Instances(
            (480, 640),
            pred_boxes=Boxes(torch.from_numpy(one.boxes)),
            scores=torch.from_numpy(one.scores),
            pred_classes=torch.from_numpy(classes),
        )
    result = figures(task, data_set, ours)
    assert 0.2 < result["mAP"] < 0.8
    agree(result, evaluated(name, theirs))


def test_threads_do_not_disturb_each_other(model):
    images = [read_image(path) for path in pictures("coco128", 4)]
    alone = [model.predict(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.predict, images * 2))
    assert all(same(a, b) for a, b in zip(alone * 2, together, strict=True))


@pytest.mark.parametrize("cls", [R50C4, R50C4Long, R50DC5, R50FPN, R50FPNLong, R101FPN, X101FPN])
def test_cards_and_configs_are_the_model_zoos(cls):
    config = f"COCO-Detection/{cls.name}.yaml"
    assert read_card(cls.cards()[0]).url == model_zoo.get_checkpoint_url(config)
    ours = cls()._config()
    assert (ours.MODEL.DEVICE, ours.INPUT.FORMAT) == ("cpu", "BGR")
    assert (ours.INPUT.MIN_SIZE_TEST, ours.INPUT.MAX_SIZE_TEST) == (800, 1333)
    assert ours.MODEL.ROI_HEADS.SCORE_THRESH_TEST == 0.05
    assert cls.classes == tuple(MetadataCatalog.get("coco_2017_val").thing_classes)


def test_own_weights_in_a_network_of_the_zoo(folder, model, monkeypatch):
    config = tiny()
    monkeypatch.setattr(library, "zoo_config", lambda name: config.clone())
    own = R50FPN.make(str(folder / "tiny.pth"))
    own.prepare()
    assert own.name == "faster_rcnn_R_50_FPN_1x:tiny"
    image = read_image(pictures("coco128", 1)[0])
    assert same(own.predict(image), model.predict(image))
    assert own.fingerprint()["weights"] != model.fingerprint()["weights"]  # another file
    assert own.fingerprint()["config"] == model.fingerprint()["config"]


def test_the_config_and_the_classes_are_in_the_fingerprint(folder, model, tmp_path):
    (tmp_path / "tiny.yaml").write_text(tiny(**{"INPUT.MIN_SIZE_TEST": 199}).dump())
    other = Detectron2File.open(tmp_path / "tiny.yaml", str(folder / "tiny.pkl"))
    (tmp_path / "classes.txt").write_text("\n".join([*COCO[1:], COCO[0]]))
    shuffled = Detectron2File.open(tmp_path / "tiny.yaml", str(folder / "tiny.pkl"))
    prints = [one.fingerprint() for one in (model, other, shuffled)]
    assert len({one["config"] for one in prints}) == 2
    assert len({one["classes"] for one in prints}) == 2
    assert len({one["weights"] for one in prints}) == 1
    assert shuffled.classes[-1] == "person"


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_a_pickle_with_code_is_refused_unrun(folder, capfd, tmp_path):
    for suffix, save in (
        (".pkl", lambda content, file: file.write_bytes(pickle.dumps(content))),
        (".pth", torch.save),
    ):
        path = tmp_path / f"evil{suffix}"
        save({"model": {"x": Evil()}, "__author__": "tests"}, path)
        with pytest.raises(UserError, match=r"print\), and loading that could run code"):
            Detectron2File.open(folder / "tiny.yaml", str(path)).prepare()
    assert capfd.readouterr().out == ""


def broken(path, weights, change):
    arrays = {name: value.numpy() for name, value in weights.items()}
    change(arrays)
    path.write_bytes(pickle.dumps({"model": arrays, "__author__": "tests"}))
    return str(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("backbone.fpn_output2.bias"), "lack 1 arrays, 'backbone.fpn_output2.b"),
        (lambda w: w.update(more=np.zeros(1)), "has no 'more'"),
    ],
)
def test_weights_of_another_network_are_refused(change, message, folder, tmp_path):
    weights = torch.load(folder / "tiny.pth", weights_only=True)["model"]
    path = broken(tmp_path / "w.pkl", weights, change)
    with pytest.raises(UserError, match=message):
        Detectron2File.open(folder / "tiny.yaml", path).prepare()


def test_what_older_versions_kept_among_the_weights_is_no_fault(folder, model, tmp_path):
    weights = torch.load(folder / "tiny.pth", weights_only=True)["model"]
    old = {
        "pixel_mean": np.zeros((3, 1, 1), np.float32),
        "proposal_generator.anchor_generator.cell_anchors.0": np.zeros((3, 4), np.float32),
    }
    path = broken(tmp_path / "w.pkl", weights, lambda w: w.update(old))
    image = read_image(pictures("coco128", 1)[0])
    assert same(
        Detectron2File.open(folder / "tiny.yaml", path).predict(image), model.predict(image)
    )
    unknown = broken(tmp_path / "zoo.pkl", weights, lambda w: w.update(more=np.zeros(1)))
    library.predictor(tiny(), Path(unknown), published=True)  # the zoo's own file


def test_weights_for_other_classes_and_damaged_ones_are_refused(folder, tmp_path):
    (tmp_path / "voc.yaml").write_text(
        tiny(**{"MODEL.ROI_HEADS.NUM_CLASSES": 20, "DATASETS.TEST": ("voc_2007_test",)}).dump()
    )
    voc = Detectron2File.open(tmp_path / "voc.yaml", str(folder / "tiny.pkl"))
    assert voc.classes[0] == "aeroplane" and len(voc.classes) == 20
    with pytest.raises(UserError, match=r"cls_score.*\[81, 64\], not \[21, 64\]; .*other classes"):
        voc.prepare()
    (tmp_path / "web.pkl").write_text("<html>")
    with pytest.raises(UserError, match="no pickle, or a damaged one"):
        Detectron2File.open(folder / "tiny.yaml", str(tmp_path / "web.pkl")).prepare()


def test_class_names_are_asked_for_when_nothing_says_them(folder, tmp_path):
    config = tmp_path / "five.yaml"
    config.write_text(tiny(**{"MODEL.ROI_HEADS.NUM_CLASSES": 5}).dump())
    weights = str(folder / "tiny.pkl")
    with pytest.raises(UserError, match=r"what the 5 classes of .* are called: .*classes\.txt"):
        Detectron2File.open(config, weights)
    (tmp_path / "classes.txt").write_text("a\nb\n")
    with pytest.raises(UserError, match=r"classes\.txt names 2 classes; .* has 5"):
        Detectron2File.open(config, weights)
    (tmp_path / "classes.txt").write_text("a\nb\n\nc\nd\ne\n")
    assert Detectron2File.open(config, weights).classes == ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MODEL:\n  SWIN: 3\n", "SWIN.*keys or networks of their own are not supported"),
        ("_BASE_: nowhere.yaml\n", "nowhere.yaml: No such file"),
        ("_BASE_: https://example.org/base.yaml\n", "builds on https.*download that"),
        ("_BASE_: own.yaml\n", "builds on itself"),
        ("MODEL: [\n", "Cannot read the detectron2 config"),
        ("MODEL: !!python/object/apply:print [run]\n", "Cannot read the detectron2 config"),
    ],
)
def test_configs_that_cannot_be_used_are_one_sentence(text, message, folder, tmp_path, capfd):
    (tmp_path / "own.yaml").write_text(text)
    assert Detectron2File.accepts(tmp_path / "own.yaml")
    with pytest.raises(UserError, match=message) as error:
        Detectron2File.open(tmp_path / "own.yaml", str(folder / "tiny.pkl"))
    assert "\n" not in str(error.value) and capfd.readouterr().out == ""


def test_a_config_that_builds_on_another(folder, tmp_path):
    (tmp_path / "own.yaml").write_text(
        f"_BASE_: {folder / 'tiny.yaml'}\nINPUT:\n  MIN_SIZE_TEST: 64\n"
    )
    model = Detectron2File.open(tmp_path / "own.yaml", str(folder / "tiny.pkl"))
    assert model._config().INPUT.MIN_SIZE_TEST == 64
    assert model._config().MODEL.RESNETS.DEPTH == 18


def test_a_network_that_detectron2_does_not_have(folder, tmp_path):
    (tmp_path / "own.yaml").write_text(tiny(**{"MODEL.META_ARCHITECTURE": "Mine"}).dump())
    model = Detectron2File.open(tmp_path / "own.yaml", str(folder / "tiny.pkl"))
    with pytest.raises(UserError, match="cannot build the network.*Mine"):
        model.prepare()


def test_a_network_that_finds_no_boxes(folder, tmp_path):
    config = tiny(**{"MODEL.META_ARCHITECTURE": "SemanticSegmentor"})
    (tmp_path / "own.yaml").write_text(config.dump())
    weights = build_model(config).state_dict()
    torch.save(weights, tmp_path / "w.pth")
    model = Detectron2File.open(tmp_path / "own.yaml", str(tmp_path / "w.pth"))
    with pytest.raises(UserError, match="no detector: it gives sem_seg, and no boxes"):
        model.prepare()
