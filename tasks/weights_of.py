"""Loading a vision model's weights through its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets import checked_file, read_card
from harness.errors import UserError

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Path(__file__).parent / "weights"
"""Where the checkpoints this project ships are."""


def load_weights(module: nn.Module, card: Path) -> None:
    """Load the weights a card describes into ``module`` and set it to evaluation.

    Raises:
        UserError: they are missing, are another file than the card describes, or do not fit.
    """
    from safetensors.torch import load_file

    _, path = checked_file(card)
    loaded = load_file(path)
    # Integer buffers (batch counters) are not stored: they do nothing in evaluation.
    wanted = {key for key, value in module.state_dict().items() if value.is_floating_point()}
    if set(loaded) != wanted:
        odd = sorted(wanted.symmetric_difference(loaded))[0]
        raise UserError(f"The weights {path} do not fit this network: '{odd}' is not in both.")
    try:
        module.load_state_dict(loaded, strict=False)
    except RuntimeError as error:
        raise UserError(f"The weights {path} do not fit this network: {error}.") from error
    module.eval()


def weights_fingerprint(card: Path, architecture: str) -> dict[str, str]:
    """What identifies a model: its weights' sha256 and its architecture's version."""
    return {"weights": read_card(card).sha256, "architecture": architecture, "precision": "fp32"}
