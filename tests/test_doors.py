"""The doors between the packages, and that names are listed without heavy imports."""

import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

HEAVY = ("torch", "torchvision", "mmseg", "mmengine", "pycocotools", "matplotlib", "cv2", "scipy")


def test_the_import_contracts_are_kept():
    linter = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_command_line_loads_neither_arrays_nor_models_of_data():
    """They are half of the time that `harness --help` may take."""
    code = (
        "import sys, harness.cli.main; "
        "print([name for name in ('numpy', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["run", "--help"]])
def test_listing_and_help_import_nothing_heavy(arguments):
    code = f"""
import sys
sys.argv = ["harness", *{arguments!r}]
from harness.cli.main import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "restorers.reference",
        "restorers.architectures.arcnn",
        "restorers.architectures.dagn",
        "restorers.architectures.dmcnn",
        "restorers.architectures.fbcnn",
        "restorers.formats.mat",
        "restorers.formats.onnx",
        "restorers.formats.own",
        "restorers.formats.spandrel",
        "restorers.formats.torchscript",
        "restorers.architectures.ipt",
        "restorers.architectures.qgac",
        "restorers.architectures.swinir",
        "tasks.detection.task",
        "tasks.detection.models.faster_rcnn",
        "tasks.segmentation.task",
        "tasks.segmentation.models.pspnet",
        "tasks.detection.models.torchvision_models",
        "tasks.detection.models.detectron2_models",
        "tasks.segmentation.models.torchvision_models",
        "tasks.segmentation.models.mmseg_models",
        "tasks.classification.task",
        "tasks.classification.models.torchvision_models",
        "tasks.classification.scenes_things",
        "tasks.exported.model_card",
        "tasks.datasets.coco.coco_file",
        "tasks.datasets.coco.val2017",
        "tasks.datasets.voc.datasets",
        "tasks.datasets.folders.masks",
        "tasks.auto",
        "tasks.fidelity",
        "tasks.datasets.folders.images",
        "tasks.scenes.data_set",
    ],
)
def test_a_module_named_by_an_entry_point_imports_nothing_heavy(module):
    code = f"""
import sys
import {module}
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
