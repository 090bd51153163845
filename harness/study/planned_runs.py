"""The runs that a study stands for: each planned, with the directory it goes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.errors import UserError
from harness.plugins import registry
from harness.study.device import CPU, CPU_KIND, Device
from harness.study.overrides import NO_OVERRIDES, Overrides
from harness.study.plan import Plan, make_plan
from harness.study.resolve import model_task, split_auto
from harness.study.shard import Shard
from harness.study.study import Study, stable_hash


def default_directory(plan: Plan) -> Path:
    """Where a run lands without ``--output``: named by the study, or by data set and subset.

    Anything else that sets the study apart (model, codec, seed, data by path) adds a short hash.
    """
    study = plan.study
    name = study.name or plan.data_set.name
    if study.limit is not None:
        name += f"-n{study.limit}"
    if study.luma:
        name += "-luma"
    if plan.device.kind != CPU_KIND:
        name += f"-{plan.device.kind}"
    defaults = plan.data_set.default_models
    usual = {
        name: defaults.get(model_task(name, part.task), "") for name, part in plan.tasks.items()
    }
    plain = study.dataset in registry.datasets() and usual == plan.models
    usual_codec = Study.model_fields["codec"].default
    if not plain or study.codec != usual_codec or study.seed:
        name += "-" + stable_hash({**plan.identity, "models": plan.models})[:6]
    return Path("results") / "runs" / name


def make_plans(
    study: Study,
    output: Path | None,
    gate: bool,
    overrides: Overrides = NO_OVERRIDES,
    shard: Shard | None = None,
    device: Device = CPU,
) -> list[tuple[Plan, tuple[str, ...], Path]]:
    """A study planned, or the several that ``auto`` makes of it: plan, notices, run directory.

    Args:
        study: what is to be measured.
        output: run directory; the default one if None. Several get a folder each in it.
        gate: see `harness.study.plan.make_plan`.
        overrides: see `harness.study.plan.make_plan`.
        shard: the part of the images that is computed; it gets a folder of its own in the run
            directory, so that all shards can be given the same one.
        device: where restorers and vision models run.

    Raises:
        UserError: see `harness.study.plan.make_plan`; a shard without images.
    """
    # All are planned before one is run: a model missing from the last is said at once.
    parts = split_auto(study)
    plans = [(make_plan(one, gate, overrides, device), notices) for one, notices in parts]
    found = []
    for plan, notices in plans:
        path, told = output or default_directory(plan), list(notices)
        if len(plans) > 1 and (output or study.name):
            path = path / plan.data_set.name
        if shard is not None:
            plan, path = _sharded(plan, shard), path / shard.folder
            count = f"{len(plan.images_here)} of {len(plan.images)} images"
            told.append(f"Shard {shard} of {plan.data_set.name}: {count}.")
        found.append((plan, (*told, *plan.notices), path))
    return found


def _sharded(plan: Plan, shard: Shard) -> Plan:
    if shard.index > len(plan.images):
        raise UserError(
            f"--shard {shard} has no image: {plan.data_set.name} has {len(plan.images)} here."
        )
    return replace(plan, shard=shard)
