"""The end of a training: weights, their card, and what they measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.assets.cards import Card, file_sha256, write_card
from harness.plugins import Json
from restorers.checkpoints.format import Header, fill, read_tensors, save
from restorers.common.architecture import Config, Network
from restorers.common.complexity import count_parameters
from restorers.common.pretrained import PretrainedRestorer
from restorers.training.data import image_files, source_version
from restorers.training.recipe import Common
from restorers.training.validation import CROP, mean_psnr, quality_factors, restored, samples

LICENCE = "The project's licence (MIT). Trained on the images the recipe names"
BSDS500_LICENCE = "; those of BSDS500 are for non-commercial research and education"
NOTES = (
    "{count} parameters.{bsds500} Validation: {crop}×{crop} crops of the recipe's held-out images. "
    "The figures of a short training of a small network say nothing about the published one."
)
BSDS500_NOTES = (
    " Trained on images of BSDS500 train and val: a row on all of BSDS500 (the paper's 'BSD500') "
    "is not fair to other restorers; BSDS500 test and LIVE1 were not trained on."
)


def finish(
    plan: Common,
    recipe: Json,
    restorer: PretrainedRestorer[Config, Network],
    network: Network,
    numbers: Mapping[str, object],
    start: str,
    validation: Sequence[Path],
    directory: Path,
    report: Callable[[str], None],
) -> Path:
    """Write the weights and their card; what is measured is what was written, on the CPU.

    Args:
        plan: the recipe, checked.
        recipe: the recipe, as it goes on the card.
        restorer: that the weights are for.
        network: trained; it ends up on the CPU in evaluation mode.
        numbers: its size, as the restorer's ``build`` takes it.
        start: what the training began with, in words.
        validation: the images held out for it.
        directory: receives ``<name>.safetensors`` and ``<name>.yaml``.
        report: receives a line per measurement.

    Returns:
        The card's path.
    """
    weights = directory / f"{plan.name}.safetensors"
    save(weights, network, Header(restorer.name, numbers), plan.storage)
    network.to("cpu").eval()
    fill(network, read_tensors(weights), weights, restorer.name)
    sources = [f"{source.path} ({source_version(source.path)})" for source in plan.images]
    figures, left_out = _measured(plan, restorer, network, validation, report)
    bsds500 = any("bsds500" in source.path.lower() for source in plan.images)
    card = Card(
        name=plan.name,
        file=weights.name,
        sha256=file_sha256(weights),
        source=f"Trained by this project (`harness train`) from {start} on {'; '.join(sources)}.",
        licence=LICENCE + (BSDS500_LICENCE if bsds500 else "") + ".",
        paper=restorer.paper,
        recipe=recipe,
        measured=figures,
        notes=NOTES.format(
            count=count_parameters(network), bsds500=BSDS500_NOTES if bsds500 else "", crop=CROP
        )
        + "".join(f" {note[:1].upper()}{note[1:]}." for note in left_out),
    )
    path = directory / f"{plan.name}.yaml"
    write_card(card, path)
    return path


def _measured(
    plan: Common,
    restorer: PretrainedRestorer[Config, Network],
    network: Network,
    validation: Sequence[Path],
    report: Callable[[str], None],
) -> tuple[dict[str, float | str], list[str]]:
    """PSNR of JPEG and of the restored images, dB, by place and quality factor; and notes."""
    places: dict[str, tuple[Sequence[Path], int | None]] = {"validation": (validation, CROP)}
    if plan.measure is not None and Path(plan.measure).expanduser().is_dir():
        places[Path(plan.measure).name] = image_files(plan.measure), None
    elif plan.measure is not None:
        report(f"{plan.name}: not measured on {plan.measure}: there is no such folder")
    figures: dict[str, float | str] = {}
    left_out: list[str] = []
    for place, (files, crop) in places.items():
        for qf in quality_factors(*plan.qf):
            images, note = samples(files, qf, crop)
            left_out += [f"{place}, QF {qf}: {note}"] if note else []
            before, after = mean_psnr(lambda file: restored(restorer, network, file), images)
            figures[f"{place}_q{qf}_psnr_jpeg"] = round(before, 3)
            figures[f"{place}_q{qf}_psnr"] = round(after, 3)
            report(f"{plan.name}: {place}, QF {qf}: JPEG {before:.3f} dB, restored {after:.3f} dB")
    for note in left_out:
        report(f"{plan.name}: {note}")
    return figures, left_out
