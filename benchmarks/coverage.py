"""How often the 95 % intervals hold the truth, and how often p < 0.05 where nothing differs.

Usage: python benchmarks/coverage.py [--simulations 2000] [--draws 1000] [--images 30 128]
       python benchmarks/coverage.py --run results/embedded [--cells A B] [--metric mAP]

Data sets are simulated of which the truth is known, for each of several metrics and sizes. Printed
are the coverage of several bootstrap intervals, in percent, and the share of tests that reject a
difference that is none; both are to be read with the simulation's own error, printed last.
With ``--run`` the images of a run are the population, and data sets are drawn from them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from harness.analysis.inference import interval, p_value
from harness.analysis.resampling import resample_weights
from harness.plugins import registry
from harness.records.run_directory import RunDirectory

Values = NDArray[np.float64]
Metric = Callable[[NDArray[np.int32]], Values]
"""(draws, images) counts to (draws,) values."""

Maker = Callable[[np.random.Generator, int], list[Metric]]
"""Draws a data set of so many images and gives the metric of two systems on it."""

POPULATION = 200_000
CLASSES = 5


def means(kind: str) -> Maker:
    """Two systems whose metric is a mean over the images, correlated between the systems."""

    def make(generator: np.random.Generator, images: int) -> list[Metric]:
        shared = generator.normal(size=images)
        found = []
        for _ in range(2):
            value = 0.8 * shared + 0.6 * generator.normal(size=images)
            if kind == "skewed":
                value = np.exp(value)
            if kind == "Bernoulli":
                value = (value < norm.ppf(0.9)).astype(float)
            found.append(lambda weights, value=value: weights @ value / weights.sum(axis=1))
        return found

    return make


def iou(generator: np.random.Generator, images: int) -> list[Metric]:
    """Mean IoU of classes, each a ratio of sums over the images; a class is in half of them."""
    there = generator.random((images, CLASSES)) < 0.5
    area = there * generator.gamma(1.0, 1.0, (images, CLASSES))
    hard = generator.normal(size=(images, 1))
    found = []
    for _ in range(2):
        noise = generator.normal(size=(images, CLASSES))
        right = area / (1 + np.exp(-1.0 - hard - 0.5 * noise))
        union = area + 0.2 * generator.gamma(0.5, 1.0, (images, CLASSES))
        found.append(lambda w, i=right, u=union: np.nanmean((w @ i) / (w @ u), axis=1))
    return found


def average_precision(generator: np.random.Generator, images: int) -> list[Metric]:
    """Mean AP of classes of unequal frequency, under the envelope of precision over recall."""
    rate = np.geomspace(0.2, 2.0, CLASSES)
    objects = generator.poisson(rate, (images, CLASSES))
    hard = 0.5 * generator.normal(size=images)
    found = []
    for _ in range(2):
        ranked = []
        for k in range(CLASSES):
            owner = np.repeat(np.arange(images), objects[:, k])
            strength = 1.0 + hard[owner] + generator.normal(size=len(owner))
            hit = strength > 0  # the rest is missed
            false = np.repeat(np.arange(images), generator.poisson(0.6 * rate[k], images))
            scores = np.concatenate([strength[hit], generator.normal(size=len(false))])
            order = np.argsort(-scores, kind="stable")
            image = np.concatenate([owner[hit], false])[order]
            true = np.concatenate([np.ones(hit.sum()), np.zeros(len(false))])[order]
            ranked.append((image, true, objects[:, k]))
        found.append(lambda w, ranked=ranked: np.nanmean([_ap(w, *r) for r in ranked], axis=0))
    return found


def _ap(weights: NDArray[np.int32], image: Values, true: Values, objects: Values) -> Values:
    each = weights[:, image].astype(np.float32)
    right = each * true
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.cumsum(right, axis=1) / np.maximum(np.cumsum(each, axis=1), 1e-9)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        return (envelope * right).sum(axis=1) / (weights @ objects)


METRICS = {
    "mean, normal": means("normal"),
    "mean, skewed": means("skewed"),
    "mean, 0 or 1 (90 %)": means("Bernoulli"),
    "IoU-like": iou,
    "AP-like": average_precision,
}


def ends(draws: Values, value: float, images: int) -> dict[str, tuple[float, float]]:
    """The intervals compared, by name; the harness's own are the two that are widened."""
    error = math.sqrt(images / (images - 1)) * draws.std(ddof=1) * t.ppf(0.975, images - 1)
    below = ((draws < value).mean() + (draws <= value).mean()) / 2
    shift = 2 * norm.ppf(np.clip(below, 1e-3, 1 - 1e-3))
    plain, corrected = (
        tuple(np.quantile(draws, norm.cdf([offset - 1.96, offset + 1.96])))
        for offset in (0.0, shift)
    )
    return {
        "percentile": plain,
        "widened": interval(draws, images),
        "BC": corrected,
        "BC widened": interval(draws, images, estimate=value),
        "t": (value - error, value + error),
    }


def truths_of(make: Maker) -> tuple[float, float]:
    """The metric of a simulated population; both systems are alike."""
    metric = make(np.random.default_rng(99), POPULATION)[0]
    value = float(metric(np.ones((1, POPULATION), np.int32))[0])
    return value, value


def of_records(run: Path, keys: list[str], metric: str) -> tuple[Maker, tuple[float, float]]:
    """Data sets drawn from the images of two cells, whose own values are the truth."""
    directory = RunDirectory(run)
    cells = {cell.key: cell for cell in directory.manifest().cells}
    samples = []
    for key in keys:
        records = directory.records(cells[key])
        task = registry.tasks().get(cells[key].task)()
        ordered = {image: records[image] for image in sorted(records)}
        samples.append(task.sample(ordered, directory.truth(cells[key].task)))
    count = len(samples[0].images)

    def make(generator: np.random.Generator, images: int) -> list[Metric]:
        chosen = np.eye(count, dtype=np.int32)[generator.integers(0, count, images)]
        return [lambda weights, one=one: one.aggregate(weights @ chosen)[metric] for one in samples]

    a, b = (float(one.aggregate(np.ones((1, count), np.int32))[metric][0]) for one in samples)
    return make, (a, b)


def study(
    make: Maker, truths: tuple[float, float], images: int, simulations: int, draws: int
) -> tuple[dict[str, float], dict[str, float], float, float]:
    """Coverage of a value and of a paired difference, by interval; rejections; bias in SEs."""
    generator = np.random.default_rng(0)
    ones = np.ones((1, images), np.int32)
    value: dict[str, list[bool]] = {}
    difference: dict[str, list[bool]] = {}
    rejected, values, errors = [], [], []
    for number in range(simulations):
        pair = make(generator, images)
        weights = resample_weights(images, draws, number)
        a, b = (float(metric(ones)[0]) for metric in pair)
        drawn, other = (metric(weights) for metric in pair)
        for name, (low, high) in ends(drawn, a, images).items():
            value.setdefault(name, []).append(low <= truths[0] <= high)
        for name, (low, high) in ends(other - drawn, b - a, images).items():
            difference.setdefault(name, []).append(low <= truths[1] - truths[0] <= high)
        rejected.append(p_value(b - a, other - drawn, images) < 0.05)
        values.append(a)
        errors.append(drawn.std())
    bias = (float(np.mean(values)) - truths[0]) / float(np.mean(errors))
    share = 100 * float(np.mean(rejected))
    return _percent(value), _percent(difference), share, bias


def _percent(held: dict[str, list[bool]]) -> dict[str, float]:
    return {name: 100 * float(np.mean(one)) for name, one in held.items()}


def show(
    name: str, make: Maker, truths: tuple[float, float], sizes: list[int], options: Any
) -> None:
    """Print two lines a size."""
    for images in sizes:
        value, difference, rejected, bias = study(
            make, truths, images, options.simulations, options.draws
        )
        null = f"{rejected:>10.1f}" if truths[0] == truths[1] else f"{'':>10}"
        for of, line, tail in (
            ("value", value, f"{'':>10}{bias:>11.2f}"),
            ("difference", difference, null),
        ):
            shares = "".join(f"{share:>12.1f}" for share in line.values())
            print(f"{name:<22}{images:>4} {of:<10}{shares}{tail}".rstrip(), flush=True)


def main() -> None:
    """Print two lines a metric and size: of the value, and of a paired difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--images", type=int, nargs="+", default=[30, 128])
    parser.add_argument("--run", type=Path, help="draw data sets from a run's images instead")
    parser.add_argument("--cells", nargs=2, default=["detection/jpeg-q20", "detection/dagn-q20"])
    parser.add_argument("--metric", default="mAP")
    options = parser.parse_args()
    heads = "".join(f"{name:>12}" for name in ends(np.arange(9.0), 4.0, 9))
    print(f"{'metric':<22}{'n':>4} {'of':<10}{heads}{'p < 0.05':>10}{'bias (SE)':>11}")
    if options.run is None:
        for name, make in METRICS.items():
            show(name, make, truths_of(make), options.images, options)
    else:
        found = of_records(options.run, options.cells, options.metric)
        show(f"{options.metric} of records", *found, options.images, options)
    print(f"error of 95 %: ±{196 * math.sqrt(0.95 * 0.05 / options.simulations):.1f}")


if __name__ == "__main__":
    main()
