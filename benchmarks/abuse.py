"""Kills runs, damages their files, starves them and feeds them rubbish, for as long as one likes.

Usage: python benchmarks/abuse.py [--minutes 10] [--seed N] [--keep FOLDER]

Over and over one of four things happens to a small study:

    kill    the run, its watched process or both get a signal at a random moment, until it is done
    damage  a file of the finished run is changed, cut, emptied, doubled, exchanged or taken away;
            ``harness verify --repair`` and the same run mend it
    starve  no file may grow beyond a random size; the same run goes on without that limit
    feed    a study, annotations or an image with random bytes changed is read

After the first three the table must be that of the untouched run. Whatever happens, every command
ends within a minute or is killed, with an exit code of 0, 1, 2 or 130 and without a traceback.
Prints counts; exit code 1, and the folders of what went wrong are kept, if any of that fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

HARNESS = [sys.executable, "-c", "from harness.cli.entry import main; main()"]
STUDY = ["run", "--task", "fidelity", "--restorers", "jpeg,arcnn", "--qf", "10,20"]
PATIENCE = 60.0
"""Seconds that a command may take."""

CODES = (0, 1, 2, 130)


class PromiseError(Exception):
    """A promise that was not held."""


class Abuse:
    """A finished run to measure others by, and what is done to its likes.

    Attributes:
        counts: of everything that happened.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random = folder, random.Random(seed)
        self.counts: Counter[str] = Counter()
        noise = np.random.default_rng(seed)
        (folder / "photos").mkdir(parents=True)
        for number in range(12):
            coarse = noise.integers(0, 256, (8, 12, 3), np.uint8)
            picture = Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC)
            picture.save(folder / "photos" / f"{number}.png")
        _write_truth(folder / "truth.json", [f"{number}.png" for number in range(12)])
        (folder / "study.yaml").write_text("task: [fidelity]\nqf: [10, 20]\nrestorers: [jpeg]\n")
        self._whole = folder / "whole"
        self._call(self._run(self._whole))
        self._table = self._printed(self._whole)

    def _run(self, output: Path) -> list[str]:
        return [*STUDY, "--dataset", str(self._folder / "photos"), "--output", str(output)]

    def _call(self, command: Sequence[str], limit: int | None = None) -> str:
        """What a command printed.

        Raises:
            PromiseError: it took too long, ended with another code, or showed a traceback.
        """

        def starve() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        process = subprocess.Popen(
            [*HARNESS, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=starve,
        )
        try:
            printed = process.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise PromiseError(
                f"{' '.join(command)}: still at work after {PATIENCE:.0f} s"
            ) from error
        if process.returncode not in CODES or "Traceback (most recent" in printed:
            raise PromiseError(f"{' '.join(command)}: exit code {process.returncode}\n{printed}")
        self.counts["commands"] += 1
        return printed

    def _printed(self, output: Path) -> str:
        return self._call(["table", str(output), "--format", "csv", "--draws", "0"])

    def _compare(self, output: Path) -> None:
        if self._printed(output) != self._table:
            raise PromiseError(f"the table of {output} is another than that of {self._whole}")

    def kill(self, place: Path) -> None:
        """End a run at random moments until it is complete."""
        for _ in range(self._random.randint(1, 6)):
            process = subprocess.Popen(
                [*HARNESS, *self._run(place)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(self._random.uniform(0.05, 6.0))
            if process.poll() is None:
                self.counts["kills"] += 1
                number = self._random.choice(
                    [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
                )
                whole = self._random.random() < 0.5
                (os.killpg if whole else os.kill)(process.pid, number)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                raise PromiseError(
                    f"a run went on for {PATIENCE:.0f} s after its signal"
                ) from error
            self.counts["resumes"] += 1
        self._call(self._run(place))
        self._compare(place)

    def damage(self, place: Path) -> None:
        """Spoil a file of a finished run, and have it mended."""
        shutil.copytree(self._whole, place)
        kept = [f for part in ("records", "truth") for f in (place / part).rglob("*")]
        kept.append(place / "manifest.json")
        files = sorted(file for file in kept if file.is_file())
        file = self._random.choice(files)
        other = self._random.choice(files)
        name = self._random.choice([*_FAULTS])
        _FAULTS[name](file, other, self._random)
        self.counts[f"files {name}"] += 1
        self._call(["verify", str(place)])
        self._call(["verify", str(place), "--repair"])
        self._call(self._run(place))
        self._compare(place)

    def starve(self, place: Path) -> None:
        """Run with files that may not grow, then without that limit."""
        self._call(self._run(place), limit=int(10 ** self._random.uniform(1, 5)))
        self.counts["starved runs"] += 1
        if place.exists():
            self._call(["verify", str(place), "--repair"])
        self._call(self._run(place))
        self._compare(place)

    def feed(self, place: Path) -> None:
        """Read a file with random bytes in it."""
        place.mkdir()
        kind = self._random.choice(["study", "annotations", "image"])
        source = {"study": "study.yaml", "annotations": "truth.json", "image": "photos/0.png"}[kind]
        data = bytearray((self._folder / source).read_bytes())
        for _ in range(self._random.randint(1, 8)):
            at = self._random.randrange(len(data))
            data[at : at + self._random.randint(0, 3)] = self._random.randbytes(
                self._random.randint(0, 3)
            )
        file = place / Path(source).name
        file.write_bytes(data)
        output = ["--output", str(place / "run")]
        command = {
            "study": ["run", "--study", str(file), "--show-study"],
            "annotations": [
                *("run", "--task", "fidelity", "--restorers", "jpeg", "--qf", "10"),
                *("--dataset", str(file), "--images", str(self._folder / "photos"), *output),
            ],
            "image": [
                *("run", "--task", "fidelity", "--restorers", "jpeg", "--qf", "10"),
                *("--dataset", str(place), *output),
            ],
        }[kind]
        self._call(command)
        self.counts[f"{kind} fed"] += 1

    def once(self, number: int) -> Path:
        """One thing of the four, in a folder of its own, which it returns.

        Raises:
            PromiseError: see there.
        """
        place = self._folder / f"{number:05}"
        self._random.choice([self.kill, self.damage, self.starve, self.feed])(place)
        return place


def _write_truth(path: Path, names: Sequence[str]) -> None:
    """Small COCO instances, a box an image."""
    images = [
        {"id": n, "file_name": name, "width": 96, "height": 64}
        for n, name in enumerate(names, start=1)
    ]
    box = {"category_id": 1, "bbox": [5, 5, 20, 10], "area": 200, "iscrowd": 0}
    notes = [{"id": image["id"], "image_id": image["id"], **box} for image in images]
    categories = [{"id": 1, "name": "thing"}]
    whole = {"images": images, "annotations": notes, "categories": categories}
    path.write_text(json.dumps(whole))


Fault = Callable[[Path, Path, random.Random], object]


def _flip(file: Path, other: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def _cut(file: Path, other: Path, chance: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(len(data))])


def _exchange(file: Path, other: Path, chance: random.Random) -> None:
    one, two = file.read_bytes(), other.read_bytes()
    file.write_bytes(two)
    other.write_bytes(one)


_FAULTS: dict[str, Fault] = {
    "changed": _flip,
    "cut": _cut,
    "emptied": lambda file, other, chance: file.write_bytes(b""),
    "deleted": lambda file, other, chance: file.unlink(),
    "exchanged": _exchange,
    "doubled": lambda file, other, chance: shutil.copy(file, file.with_name(f"x{file.name}")),
}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--keep", type=Path, help="where folders of failures stay")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="abuse-"))
    print(f"seed {arguments.seed}, in {folder}")
    abuse = Abuse(folder, arguments.seed)
    end = time.monotonic() + 60 * arguments.minutes
    number = failures = 0
    while time.monotonic() < end:
        number += 1
        try:
            shutil.rmtree(abuse.once(number), ignore_errors=True)
        except PromiseError as failure:
            failures += 1
            print(f"{number:05}: {failure}")
        if number % 10 == 0:
            print(f"{number}: {dict(abuse.counts)}, differences and crashes: {failures}")
    counts = ", ".join(f"{name} {count}" for name, count in sorted(abuse.counts.items()))
    print(f"{number} times: {counts}; differences and crashes: {failures}")
    if not failures and arguments.keep is None:
        shutil.rmtree(folder)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
