"""What the numbers were computed with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.study.device import CPU, Device

PACKAGES = (
    "restoration-harness",
    "torch",
    "torchvision",
    "onedl-mmsegmentation",
    "onedl-mmcv",
    "onedl-mmengine",
    "pycocotools",
    "numpy",
    "scipy",
    "pillow",
    "opencv-python",
    "spandrel",
    "jpeglib",
    "onnxruntime",
    "detectron2",
)


def versions() -> dict[str, str]:
    """Installed versions of the packages that can change a number."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def processor() -> str:
    """The processor's model name, as the system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a pseudo-file
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def environment(device: Device = CPU) -> dict[str, Any]:
    """Library and libjpeg versions, platform, processor, threads, instruction set, accelerator."""
    import torch
    from PIL import features

    return {
        "packages": versions(),
        "libjpeg_turbo": features.version_feature("libjpeg_turbo") or "absent",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": 1,  # of each model: see harness.engine.workers
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        **({"device": device.title} if device.title else {}),
    }
