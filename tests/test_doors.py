"""The doors between the packages, and that names are listed without heavy imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "mmseg", "mmengine", "pycocotools", "matplotlib", "cv2", "scipy")


def test_the_import_contracts_are_kept():
    linter = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["run", "--help"]])
def test_listing_and_help_import_nothing_heavy(arguments):
    code = f"""
import sys
sys.argv = ["harness", *{arguments!r}]
from harness.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    "module",
    [
        "restorers.reference",
        "restorers.arcnn",
        "restorers.dagn",
        "restorers.dmcnn",
        "restorers.fbcnn",
        "restorers.files.mat",
        "restorers.files.onnx",
        "restorers.files.own",
        "restorers.files.spandrel",
        "restorers.files.torchscript",
        "restorers.ipt",
        "restorers.qgac",
        "restorers.swinir",
        "tasks.detection",
        "tasks.detection.faster_rcnn",
        "tasks.segmentation",
        "tasks.segmentation.pspnet",
        "tasks.detection.torchvision_models",
        "tasks.detection.detectron2_models",
        "tasks.segmentation.torchvision_models",
        "tasks.segmentation.mmseg_models",
        "tasks.classification",
        "tasks.classification.torchvision_models",
        "tasks.classification.scenes_things",
        "tasks.model_files",
        "tasks.datasets.coco",
        "tasks.datasets.coco_voc",
        "tasks.datasets.voc",
        "tasks.datasets.masks",
        "tasks.auto",
        "tasks.fidelity",
        "tasks.folder",
        "tasks.scenes",
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
