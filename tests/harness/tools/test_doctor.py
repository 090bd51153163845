"""What ``harness doctor`` finds, in a small world of plugins of every kind of health."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from harness.assets.cards import Download
from harness.errors import HarnessError, UserError
from harness.images.jpeg import Jpeg
from harness.plugins import DataSet, Restorer, registry
from harness.plugins.registry import Entry, Registry
from harness.tools import doctor
from harness.tools import selftest as trials
from harness.tools.doctor import examine

HARNESS = Path(sys.executable).with_name("harness")
CARDS = {}
"""The cards of the fakes, by the fake's name."""


class Fine(Restorer):
    """A restorer that does nothing well."""

    name = "fine"

    def fingerprint(self, qf=None):
        return {}

    @classmethod
    def cards(cls):
        return CARDS.get(cls.__name__, [])

    def prepare(self, qf):
        if qf == 20:
            raise UserError("there is none for QF 20")

    def restore(self, compressed):
        return compressed.pixels


class Cropping(Fine):
    def restore(self, compressed):
        return compressed.pixels[1:]


class Fetched(Fine):
    """One whose weights its authors publish."""

    def prepare(self, qf=None):
        raise UserError("The weights are not on this machine: `harness fetch net`.")

    def predict(self, image):
        raise AssertionError("it has no weights")


class Changed(Fetched):
    """One whose shipped weights somebody has changed."""


class Needy(Fetched):
    """One that needs something else, too."""

    def prepare(self, qf=None):
        raise UserError("This model needs bricks; install them with: a trowel.")


class Seeing(Fine):
    """A vision model."""

    def prepare(self):
        pass

    def predict(self, image):
        assert image.shape == (32, 32, 3) and image.dtype == np.uint8
        return "a cat"


class Blinded(Seeing):
    def predict(self, image):
        raise UserError("no light")


class Broom(DataSet):
    name = "broom"

    def images(self):
        return []

    def fingerprint(self):
        return {}


class Sweepings(Broom):
    """A data set to be fetched; what comes second is known when the first is here."""

    @classmethod
    def downloads(cls, limit=None):
        yield Download("http://example.org/a", "a", size=3_000_000)
        raise UserError("the first is not here")

    @classmethod
    def prepared(cls):
        return False


class Missing(Jpeg):
    def __post_init__(self):
        raise UserError("no library for that")


class Lossy(Jpeg):
    def compress(self, image, qf):
        return SimpleNamespace(pixels=image[:3])


def entries(kind, **targets):
    return Registry(kind, [Entry(n, t if ":" in t else f"{__name__}:{t}", "fakes 1") for n, t in
                           targets.items()])  # fmt: skip


def card(path, content=b"weights", **fields):
    """A card, and its file beside it where there is content."""
    about = {
        "name": path.stem, "file": f"{path.stem}.bin", "licence": "MIT", "source": "here",
        "sha256": hashlib.sha256(b"weights").hexdigest(), **fields,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(about))
    if content is not None:
        path.with_suffix(".bin").write_bytes(content)
    return path


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """A registry of each kind, empty but for what the test puts there, and a place for cards."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.setattr(sys.modules[__name__], "CARDS", {})
    kinds = ("restorers", "codecs", "tasks", "datasets", "formats", "model_formats",
             "checkpoints", "trainers")  # fmt: skip
    held = dict.fromkeys(kinds, entries("thing"))
    held["codecs"] = entries("codec", jpeg="harness.images.jpeg:Jpeg")
    for kind in kinds:
        monkeypatch.setattr(registry, kind, lambda kind=kind: held[kind])
    models = {}
    monkeypatch.setattr(registry, "models", lambda task: models.get(task, entries("model")))
    return SimpleNamespace(held=held, models=models, folder=tmp_path)


def findings(quick=False):
    """The state and text of every line by heading and name, and whether all is well."""
    written = []
    well = examine(written.append, quick)
    found, heading = {}, ""
    for line in "".join(written).splitlines():
        if line.startswith("  "):
            name, state, text = line.strip().split(maxsplit=2)
            found[heading, name] = (state, text)
        else:
            heading = line
    return found, well


def test_a_restorer_is_run_at_the_qualities_it_has(fakes):
    fakes.held["restorers"] = entries("restorer", fine="Fine")
    found, well = findings()
    state, text = found["restorers", "fine"]
    assert state == "ok"
    assert text.startswith("32×32 restored at QF 10, 30, 40 in ")
    assert well


def test_what_makes_another_size_or_cannot_be_imported_is_broken_and_stops_nothing(fakes):
    fakes.held["restorers"] = entries(
        "restorer", a="Cropping", b="no_such_module:Thing", c=f"{__name__}:Fine"
    )
    found, well = findings()
    assert found["restorers", "a"] == ("broken", "It made uint8 (31, 32, 3) of an image of 32×32.")
    assert found["restorers", "b"][0] == "broken"
    assert "No module named 'no_such_module'" in found["restorers", "b"][1]
    assert found["restorers", "c"][0] == "ok"
    assert not well


def test_published_weights_that_are_not_here_are_absent_and_changed_shipped_ones_broken(fakes):
    url = "http://example.org/net.bin"
    CARDS["Fetched"] = [
        card(fakes.folder / f"net-q{qf}.yaml", None, url=url, size=2_500_000) for qf in (10, 20)
    ]
    CARDS["Changed"] = [card(fakes.folder / "own.yaml", b"weighty")]
    CARDS["Fine"] = [card(fakes.folder / "fine-small.yaml")]
    fakes.held["restorers"] = entries("restorer", net="Fetched", own="Changed", fine="Fine")
    for quick in (False, True):
        found, well = findings(quick)
        assert found["weights of restorers", "net"] == (
            "absent", "weights not on this machine, 5.0 MB: harness fetch net",
        )  # fmt: skip
        state, text = found["weights of restorers", "own"]
        assert (state, "is not the file its card describes" in text) == ("broken", True)
        assert found["weights of restorers", "fine-small"] == ("ok", "1 file as the card says")
        assert not well
    assert findings()[0]["restorers", "net"][0] == "absent"
    assert findings()[0]["restorers", "own"][0] == "broken"


def test_weights_that_were_fetched_are_looked_for_in_the_cache(fakes):
    there = fakes.folder / "cache" / "weights" / "net.bin"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"weights")
    CARDS["Fine"] = [card(fakes.folder / "net.yaml", None, url="http://example.org/net.bin")]
    fakes.held["restorers"] = entries("restorer", net="Fine")
    assert findings()[0]["weights of restorers", "net"][0] == "ok"
    there.write_bytes(b"half")
    found, well = findings()
    assert found["weights of restorers", "net"][0] == "broken"
    assert not well


def test_vision_models_are_listed_by_task_and_tried_if_their_weights_are_here(fakes):
    url = {"url": "http://example.org/net.bin", "size": 5_000_000}
    CARDS["Fetched"] = CARDS["Needy"] = [card(fakes.folder / "net.yaml", None, **url)]
    CARDS["Seeing"] = CARDS["Blinded"] = [card(fakes.folder / "eye.yaml")]
    fakes.held["tasks"] = entries("task", looking="Fine", judging="Fine")
    fakes.models["looking"] = entries(
        "model", eye="Seeing", net="Fetched", wall="Needy", mole="Blinded"
    )
    found, well = findings()
    here = {name: value for (heading, name), value in found.items() if heading == "looking models"}
    assert ("judging models", "eye") not in found
    assert here["eye"][0] == "ok" and here["eye"][1].startswith("32×32 seen in")
    missing = "weights not on this machine, 5.0 MB: harness fetch net"
    assert here["net"] == ("absent", missing)
    assert here["wall"] == ("absent", f"This model needs bricks; {missing}")
    assert here["mole"] == ("broken", "no light")
    assert not well

    quick, well = findings(quick=True)
    assert quick["looking models", "eye"] == ("ok", "not run")
    assert quick["looking models", "mole"] == ("ok", "not run")
    assert quick["looking models", "net"] == ("absent", missing)
    assert well


def test_data_sets_are_here_or_not_and_how_they_are_got(fakes, monkeypatch):
    monkeypatch.setenv("HARNESS_DATA", str(fakes.folder / "elsewhere"))
    fakes.held["datasets"] = entries("data set", broom="Broom", dust="Sweepings", gone="nowhere:X")
    found, _ = findings()
    assert found["data sets", "broom"] == ("ok", "needs no download")
    state, text = found["data sets", "dust"]
    assert state == "absent"
    assert text == f"not under {fakes.folder}/elsewhere: harness fetch dust (3.0 MB and more)"
    assert found["data sets", "gone"][0] == "broken"

    monkeypatch.setattr(Sweepings, "prepared", classmethod(lambda cls: True))
    assert findings()[0]["data sets", "dust"] == ("ok", f"under {fakes.folder}/elsewhere")


def test_a_codec_without_its_library_is_absent_and_one_that_crops_broken(fakes):
    fakes.held["codecs"] = entries(
        "codec", jpeg="harness.images.jpeg:Jpeg", none="Missing", less="Lossy"
    )
    found, well = findings()
    assert found["codecs", "none"] == ("absent", "no library for that")
    assert found["codecs", "less"][0] == "broken"
    assert found["codecs", "jpeg"][1].startswith("4:2:0, libjpeg")
    assert not well


def test_plugins_of_the_other_kinds_are_imported(fakes):
    fakes.held["formats"] = entries("format", a="Fine", b="Seeing")
    fakes.held["trainers"] = entries("trainer", a="Fine", c="no_such_module:Thing")
    found, well = findings()
    assert found["others", "formats"] == ("ok", "a, b")
    assert found["others", "tasks"] == ("ok", "none")
    assert found["others", "trainers"][0] == "broken"
    assert "The trainer 'c' (no_such_module:Thing from fakes 1)" in found["others", "trainers"][1]
    assert not well


def test_settings_that_cannot_be_read_are_broken(fakes):
    assert findings()[0]["folders", "settings"][0] == "absent"
    path = fakes.folder / "config" / "restoration-harness.yaml"
    path.parent.mkdir()
    path.write_text(f"data_root: {fakes.folder}/mine\n")
    found, _ = findings()
    assert found["folders", "settings"] == ("ok", f"{path}: data_root: {fakes.folder}/mine")
    assert found["folders", "data"][1].startswith(f"{fakes.folder}/mine, made when needed, ")
    path.write_text("colour: blue\n")
    found, well = findings()
    assert found["folders", "settings"][0] == "broken"
    assert found["codecs", "jpeg"][0] == "ok"
    assert not well


def test_a_cache_that_is_a_file_or_read_only_is_said(fakes, monkeypatch):
    assert findings()[0]["folders", "cache"][0] == "ok"
    assert not (fakes.folder / "cache").exists()  # looking makes none
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    found, well = findings()
    assert found["folders", "cache"][0] == "absent"
    assert (
        "cannot be written to; choose another with $HARNESS_CACHE" in found["folders", "cache"][1]
    )
    assert well  # what lies there already can be read
    (fakes.folder / "cache").write_text("")
    assert findings()[0]["folders", "cache"][0] == "broken"


def test_a_needed_package_that_is_missing_is_broken_and_an_optional_one_absent(fakes, monkeypatch):
    real = doctor.version

    def version(name):
        if name in ("scipy", "detectron2"):
            raise doctor.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", version)
    found, well = findings()
    assert found["python packages", "scipy"][0] == "broken"
    assert "pip install scipy" in found["python packages", "scipy"][1]
    assert found["python packages", "detectron2"][0] == "absent"
    assert "facebookresearch/detectron2" in found["python packages", "detectron2"][1]
    assert found["python packages", "numpy"] == ("ok", np.__version__)
    assert ("python packages", "pytest") not in found  # an extra's
    assert not well


def test_errors_of_several_lines_take_one(fakes, monkeypatch):
    def fail(self, compressed):
        raise RuntimeError("out of\n\n  memory")

    monkeypatch.setattr(Fine, "restore", fail)
    fakes.held["restorers"] = entries("restorer", fine="Fine")
    assert findings()[0]["restorers", "fine"] == ("broken", "RuntimeError: out of memory")


def test_a_trial_of_a_damaged_plugin_raises_what_the_doctor_calls_broken(fakes):
    with pytest.raises(HarnessError, match="cannot be loaded") as error:
        trials.data_set(entries("data set", gone="nowhere:X"), "gone")
    assert not isinstance(error.value, UserError)


def test_what_ships_works(tmp_path):
    """The command itself: every restorer and embedded model runs, nothing is downloaded."""
    done = subprocess.run(
        [HARNESS, "--offline", "doctor"],
        cwd=tmp_path,
        env={**os.environ, "HARNESS_CACHE": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines() if line.startswith("  ")]
    states = {(name, text.split(" in ")[0]): state for name, state, text in lines}
    for name in ("arcnn", "dmcnn", "qgac", "fbcnn", "swinir", "ipt", "dagn"):
        assert states[name, "32×32 restored at QF 10, 20, 30, 40"] == "ok"
    for name in ("faster_rcnn_scenes", "pspnet_scenes", "mobilenet_scenes"):
        assert states[name, "32×32 seen"] == "ok"
    assert "broken" not in states.values()
    assert done.stdout.endswith("Nothing is broken.\n")
