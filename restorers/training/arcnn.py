"""Trains ARCNN: mean squared error, Adam, cosine decay, from the identity or another checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from harness.assets.cards import Card, checked_file, file_sha256, write_card
from harness.plugins import Json
from harness.plugins.training_loop import Loop, Stateful
from restorers.architectures.arcnn import ARCNN
from restorers.architectures.arcnn.network import (
    MARGIN,
    ARCNNNetwork,
    load,
    restore,
    start_at_identity,
)
from restorers.checkpoints.format import Header, fill, read_tensors, save
from restorers.common.complexity import count_parameters
from restorers.training.data import (
    ImagePair,
    Patches,
    PatchSource,
    copies_note,
    held_out,
    image_files,
    pairs,
    source_version,
    tell,
    unchanged_note,
    without_held_out,
)
from restorers.training.recipe import ImageSource, Recipe, checked
from restorers.training.validation import CROP, psnr

LICENCE = (
    "The project's licence (MIT). Trained on the images the recipe names; those of BSDS500 are "
    "for non-commercial research and education."
)
NOTES = (
    "9-7-1-5 as published, in RGB instead of luma, {count} parameters, starting at the identity "
    "or at another QF's checkpoint (recipe). Trained on images of BSDS500 train and val: a row on "
    "all of BSDS500 (the paper's 'BSD500') is not fair to other restorers; BSDS500 test and LIVE1 "
    "were not trained on. Validation: {validation} crops of the recipe's held-out images."
)
LOG_EVERY = 100
"""Steps between log lines, validations and checkpoints."""
WARM_UP = 100
"""Steps over which the learning rate rises: Adam's first estimates are wild."""


def train(recipe: Json, directory: Path, report: Callable[[str], None]) -> Path:
    """Train one checkpoint; the same call goes on where an interrupted run stopped.

    Args:
        recipe: see `Recipe`; paths in it are relative to the working directory.
        directory: receives ``log.csv``, ``last.pt``, ``<name>.safetensors`` and ``<name>.yaml``.
        report: receives progress lines.

    Returns:
        The card's path.

    Raises:
        UserError: the recipe is not valid, or what it names is missing.
    """
    plan = checked(recipe, Recipe)
    network, source = _initial(plan), _provenance(plan)
    files = image_files(plan.validation.path)
    validation_images = held_out(files, plan.validation.limit or len(files))
    validation, note = _telling(validation_images, plan.qf, CROP)
    tell(report, plan.name, note)
    sources: list[PatchSource] = []
    copies: dict[Path, Path] = {}
    for part in plan.images:
        chosen, found = _source(part, validation_images)
        sources.append(PatchSource(pairs(chosen, plan.qf), part.share))
        copies |= found
    tell(report, plan.name, copies_note(copies))
    report(f"{plan.name}: {sum(len(s.pairs) for s in sources)} training images compressed")
    patches = Patches(sources, plan.patch_size, plan.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.lr)
    latest = {"validation_gain": 0.0}

    def step(index: int) -> dict[str, float]:
        if index % LOG_EVERY == 0:
            before, after = mean_psnr(network, validation)
            latest["validation_gain"] = after - before
        batch = patches.batch(index, plan.batch_size)
        return {"loss": _train_on(network, optimizer, batch, plan, index), **latest}

    def line(row: dict[str, float]) -> None:
        values = ", ".join(f"{key} {value:.5g}" for key, value in row.items() if key != "step")
        report(f"{plan.name}: step {row['step']:.0f} of {plan.steps}: {values}")

    parts: dict[str, Stateful] = {"network": network, "optimizer": optimizer}
    Loop(
        step=step,
        state=parts,
        steps=plan.steps,
        directory=directory,
        save_every=LOG_EVERY,
        log_every=LOG_EVERY,
        report=line,
    ).run()
    return _finish(
        plan=plan,
        recipe=recipe,
        source=source,
        network=network,
        validation=validation,
        directory=directory,
        report=report,
    )


def mean_psnr(network: ARCNNNetwork, images: Sequence[ImagePair]) -> tuple[float, float]:
    """Mean PSNR over ``images``, dB, RGB pooled, peak 255: of JPEG and of the restored images."""
    restored = [restore(network, pair.compressed) for pair in images]
    before = [psnr(pair.clean, pair.compressed) for pair in images]
    after = [psnr(pair.clean, image) for pair, image in zip(images, restored, strict=True)]
    return float(np.mean(before)), float(np.mean(after))


def _train_on(
    network: ARCNNNetwork,
    optimizer: torch.optim.Optimizer,
    batch: tuple[torch.Tensor, torch.Tensor],
    plan: Recipe,
    index: int,
) -> float:
    """One step; the loss as mean squared error of 0..255 levels."""
    rate = min(1, (index + 1) / WARM_UP) * (1 + math.cos(math.pi * index / plan.steps)) / 2
    for group in optimizer.param_groups:
        group["lr"] = plan.lr * rate
    fast = index < plan.steps - plan.float32_steps
    compressed, clean = batch
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
        restored = network(compressed)
    inner = slice(MARGIN, -MARGIN)
    loss = F.mse_loss(restored.float(), clean[..., inner, inner])
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item() * 255**2


def _initial(plan: Recipe) -> ARCNNNetwork:
    if plan.init_from is not None:
        return load(checked_file(Path(plan.init_from))[1]).train()
    network = ARCNNNetwork().to(memory_format=torch.channels_last)
    start_at_identity(network, plan.seed)
    return network


def _provenance(plan: Recipe) -> str:
    """How the checkpoint was made, with the identity of everything it was made from."""
    sources = [f"{source.path} ({source_version(source.path)})" for source in plan.images]
    start = "the identity"
    if plan.init_from is not None:
        card, _ = checked_file(Path(plan.init_from))
        start = f"{card.name} (sha256 {card.sha256})"
    return f"Trained by this project (`harness train`) from {start} on {'; '.join(sources)}."


def _source(source: ImageSource, without: Sequence[Path]) -> tuple[list[Path], dict[Path, Path]]:
    """The files of a source, and the copies of validation images that are left out."""
    files = image_files(source.path)
    return without_held_out(held_out(files, source.limit or len(files)), without)


def _telling(files: Sequence[Path], qf: int, crop: int | None) -> tuple[list[ImagePair], str]:
    """The corners of images that JPEG changes, and what to say of the others."""
    corners = [
        ImagePair(pair.clean[:crop, :crop], pair.compressed[:crop, :crop])
        for pair in pairs(files, qf)
    ]
    changed = [not np.array_equal(pair.clean, pair.compressed) for pair in corners]
    unchanged = [file for file, other in zip(files, changed, strict=True) if not other]
    kept = [pair for pair, other in zip(corners, changed, strict=True) if other]
    return kept, unchanged_note(unchanged, len(files))


def _finish(
    plan: Recipe,
    recipe: Json,
    source: str,
    network: ARCNNNetwork,
    validation: Sequence[ImagePair],
    directory: Path,
    report: Callable[[str], None],
) -> Path:
    """Write the weights and their card; what is measured is what was written.

    In float16: the rows that pass the image through hold a 1 beside small changes, which 8 bits
    would lose.
    """
    weights = directory / f"{plan.name}.safetensors"
    save(weights, network, Header(ARCNN.name, network.colours), "float16")
    fill(network, read_tensors(weights), weights, ARCNN.name)
    measured = {"validation": mean_psnr(network, validation)}
    if plan.measure is not None and Path(plan.measure).is_dir():
        images, note = _telling(image_files(plan.measure), plan.qf, None)
        tell(report, plan.name, note)
        measured[Path(plan.measure).name] = mean_psnr(network, images)
    elif plan.measure is not None:
        report(f"{plan.name}: not measured on {plan.measure}: there is no such folder")
    figures: dict[str, float | str] = {}
    for name, (before, after) in measured.items():
        figures[f"{name}_psnr_jpeg"] = round(before, 3)
        figures[f"{name}_psnr"] = round(after, 3)
        report(f"{plan.name}: {name}: JPEG {before:.3f} dB, restored {after:.3f} dB")
    card = Card(
        name=plan.name,
        file=weights.name,
        sha256=file_sha256(weights),
        source=source,
        licence=LICENCE,
        paper=ARCNN.paper,
        recipe=recipe,
        measured=figures,
        notes=NOTES.format(count=count_parameters(network), validation=f"{CROP}×{CROP}"),
    )
    path = directory / f"{plan.name}.yaml"
    write_card(card, path)
    return path
