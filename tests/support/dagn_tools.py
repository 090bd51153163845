"""What the tests of DAGN share: a network small enough to run by the hundred."""

from dataclasses import replace

import torch
from torch.nn import functional as F

from restorers.architectures.dagn.config import VARIANTS, DAGNConfig

TINY = DAGNConfig(
    widths=(4, 6, 8, 10),
    blocks=1,
    encoder_width=2,
    encoder_depths=(1, 1, 1, 1),
    guider=(8, 6),
    fusion=5,
    bottleneck=0,
)


def of(variant):
    """The tiny network of a column of Table V."""
    cigm, csgm, cfm = VARIANTS[variant]
    return replace(TINY, cigm=cigm, csgm=csgm, cfm=cfm)


def awake(module, seed=0):
    """Every parameter random, those included that start at zero; evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def images(*shape, seed=0):
    """Noise, 0..1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def pair(seed=0, count=2):
    """Flat patches as originals; the compressed ones have a checkerboard on them."""
    generator = torch.Generator().manual_seed(seed)
    original = F.interpolate(torch.rand((count, 3, 2, 2), generator=generator), scale_factor=16)
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 - 0.5
    return (original + 0.3 * board).clamp(0, 1), original
