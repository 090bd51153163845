"""What `benchmarks/gpu.sh` needs besides the command: photographs cut small, recipes fit to a time.

Usage:
    python benchmarks/gpu_recipe.py metadata FOLDER
    python benchmarks/gpu_recipe.py photographs FOLDER SIDE SOURCE...
    python benchmarks/gpu_recipe.py fit RECIPE OUTPUT --seconds N --images FOLDER [--size medium]
        [--batch N] [--loaders N]
    python benchmarks/gpu_recipe.py end OUTPUT

``metadata`` writes what an installation of the project would: its version and the names of its
plugins. ``fit`` trains a few steps of every stage and writes ``OUTPUT.yaml``: the recipe with as
many steps as fit into the seconds, in its own proportions, and a checkpoint a minute. ``end`` ends
a training that ran out of time where its last checkpoint is: ``harness train OUTPUT.yaml --output
OUTPUT`` then writes the weights.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

STAGES = ("insensitive", "sensitive", "restoration")
PROBE = 4
"""Steps of a probe's log lines: the first line holds what only a start costs, the second counts."""

RESERVE = 0.8
"""Share of the time that steps may take: the rest goes to starts, validation and the weights."""

COMMAND = [sys.executable, "-c", "from harness.cli.main import main; main()"]


def metadata(folder: Path) -> None:
    """The installed project's version and entry points, as a folder on the path has them."""
    from importlib.metadata import distribution

    project = distribution("restoration-harness")
    target = folder / f"restoration_harness-{project.version}.dist-info"
    target.mkdir(parents=True, exist_ok=True)
    for name in ("METADATA", "entry_points.txt"):
        (target / name).write_text(project.read_text(name) or "", encoding="utf-8")


def photographs(folder: Path, side: int, sources: list[Path]) -> None:
    """The middle of every WebP file of the sources, ``side`` pixels square, lossless."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for path in (path for source in sources for path in sorted(source.glob("*.webp"))):
        with Image.open(path) as image:
            left, top = (image.width - side) // 2, (image.height - side) // 2
            middle = image.convert("RGB").crop((left, top, left + side, top + side))
        middle.save(folder / f"{path.stem}.webp", lossless=True, method=6)


def medium() -> dict[str, Any]:
    """The size of DAGN above `small`: every width doubled."""
    from restorers.architectures.dagn.config import SMALL

    wider: dict[str, Any] = {
        "widths": tuple(2 * width for width in SMALL.widths),
        "encoder_width": 2 * SMALL.encoder_width,
    }
    if hasattr(SMALL, "fusion"):
        wider["fusion"] = 2 * SMALL.fusion
    return asdict(replace(SMALL, **wider))


def with_steps(recipe: dict[str, Any], steps: dict[str, int]) -> dict[str, Any]:
    """The recipe with other numbers of steps; the float32 steps stay the same share."""
    changed = dict(recipe)
    for stage, count in steps.items():
        before = recipe[stage]
        share = before.get("float32_steps", 0) / before["steps"]
        changed[stage] = {**before, "steps": count, "float32_steps": round(share * count)}
    return changed


def fit(arguments: argparse.Namespace) -> None:
    """Write the recipe that fits into the time; see the module."""
    import torch

    began = time.monotonic()
    recipe = yaml.safe_load(arguments.recipe.read_text(encoding="utf-8"))
    recipe.pop("measure", None)
    if arguments.size == "medium":
        recipe |= {"name": recipe["name"].replace("small", "medium"), "size": medium()}
    recipe["images"] = [{"path": str(arguments.images)}]
    recipe["validation"] = {"path": str(arguments.images), "limit": 8}
    recipe |= {"loaders": arguments.loaders, "accelerator": "auto", "cache_gib": 1.0}
    for stage in STAGES:
        batch = arguments.batch or recipe[stage]["batch_size"]
        recipe[stage] = {**recipe[stage], "batch_size": batch}
    if not torch.cuda.is_available():
        recipe["precision"] = "32-true"  # few CPUs have bfloat16
    seconds = probe(recipe)
    left = arguments.seconds - (time.monotonic() - began)
    if left <= 0:
        sys.exit(f"The probe of {recipe['name']} took all of its time. Give it more.")
    whole = sum(recipe[stage]["steps"] * seconds[stage] for stage in STAGES)
    factor = RESERVE * left / whole
    steps = {stage: max(1, round(factor * recipe[stage]["steps"])) for stage in STAGES}
    recipe = with_steps(recipe, steps)
    recipe["save_every"] = max(1, round(60 / seconds["restoration"]))
    recipe["validate_every"] = max(1, steps["restoration"] // 4)
    text = yaml.safe_dump(plain(recipe), sort_keys=False)
    Path(f"{arguments.output}.yaml").write_text(text, encoding="utf-8")
    rates = ", ".join(f"{stage} {steps[stage]} at {seconds[stage]:.3f} s" for stage in STAGES)
    print(f"{recipe['name']}: steps in {left:.0f} s: {rates}")


def probe(recipe: dict[str, Any]) -> dict[str, float]:
    """Seconds a step of every stage, start and first steps aside."""
    short = with_steps(recipe, dict.fromkeys(STAGES, 2 * PROBE))
    short |= {"save_every": PROBE, "validate_every": 1000}
    short["validation"] = {**recipe["validation"], "limit": 1}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.yaml"
        path.write_text(yaml.safe_dump(plain(short)), encoding="utf-8")
        done = subprocess.run([*COMMAND, "train", str(path), "--output", f"{folder}/run"])
        if done.returncode:
            sys.exit(f"The probe of {recipe['name']} failed: see above.")
        seconds = {}
        for stage in STAGES:
            with (Path(folder) / "run" / stage / "log.csv").open(newline="") as file:
                seconds[stage] = float(list(csv.DictReader(file))[-1]["seconds_per_step"])
    return seconds


def plain(value: Any) -> Any:
    """Tuples as lists, which YAML knows."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def end(output: Path) -> None:
    """Set the steps of a training's last stage to those of its last checkpoint."""
    from harness.plugins.training_loop import read_checkpoint

    checkpoint = output / STAGES[-1] / "last.pt"
    if not checkpoint.is_file():
        sys.exit(f"{output} has no checkpoint of the stage {STAGES[-1]}: there is nothing to end.")
    held = output / "recipe.yaml"
    recipe = yaml.safe_load(held.read_text(encoding="utf-8"))
    reached = int(read_checkpoint(checkpoint)["step"])
    text = yaml.safe_dump(with_steps(recipe, {STAGES[-1]: reached}), sort_keys=False)
    for path in (held, Path(f"{output}.yaml")):
        path.write_text(text, encoding="utf-8")
    print(f"{recipe['name']} ends after {reached} of {recipe[STAGES[-1]]['steps']} steps")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Photographs and recipes for benchmarks/gpu.sh.")
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("metadata").add_argument("folder", type=Path)
    cutting = commands.add_parser("photographs")
    cutting.add_argument("folder", type=Path)
    cutting.add_argument("side", type=int)
    cutting.add_argument("sources", type=Path, nargs="+")
    fitting = commands.add_parser("fit")
    fitting.add_argument("recipe", type=Path)
    fitting.add_argument("output", type=Path)
    fitting.add_argument("--seconds", type=float, required=True)
    fitting.add_argument("--images", type=Path, required=True)
    fitting.add_argument("--size", choices=["small", "medium"], default="small")
    fitting.add_argument("--batch", type=int, default=0)
    fitting.add_argument("--loaders", type=int, default=0)
    commands.add_parser("end").add_argument("output", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "metadata":
        metadata(arguments.folder)
    elif arguments.command == "photographs":
        photographs(arguments.folder, arguments.side, arguments.sources)
    elif arguments.command == "fit":
        fit(arguments)
    else:
        end(arguments.output)


if __name__ == "__main__":
    main()
