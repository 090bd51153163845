"""Names of weights behind the prefixes that wrappers of training leave, such as ``module.``.

A prefix is taken away where the rest fits the network that it is for; where nothing fits, the
message names the prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

Weight = TypeVar("Weight")

WRAPPERS = ("module.", "_orig_mod.", "model.", "generator.", "net_g.", "netG.", "net.", "network.")
"""What parallel training, ``torch.compile``, Lightning and trainings of GANs put before names."""

HOLDERS = ("net_g", "netG", "generator", "generator_state_dict")
"""Under which keys a checkpoint of a GAN keeps the network that makes images."""

_DEEPEST = 4


def unwrapped(
    weights: Mapping[str, Weight], fits: Callable[[dict[str, Weight]], bool]
) -> dict[str, Weight]:
    """The weights, without the prefixes that keep them from fitting.

    Args:
        weights: by name.
        fits: whether weights of these names are what is wanted.

    Returns:
        The first of `candidates` that fits; the weights as they are if none does.
    """
    return next((one for one in candidates(weights) if fits(one)), dict(weights))


def candidates(weights: Mapping[str, Weight]) -> Iterator[dict[str, Weight]]:
    """The weights as they are, and without one prefix, two, ... up to four.

    What does not have a prefix goes with it: a discriminator beside the generator.
    """
    waiting = [dict(weights)]
    for _ in range(_DEEPEST + 1):
        yield from waiting
        waiting = [
            {name.removeprefix(prefix): w for name, w in one.items() if name.startswith(prefix)}
            for one in waiting
            for prefix in _prefixes(one)
        ]


def prefix_hint(names: Iterable[str]) -> str:
    """A sentence where all names begin alike, with a blank before it; nothing otherwise."""
    parts = [name.split(".")[:-1] for name in names]
    shared: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    if len(parts) < 2 or not shared:
        return ""
    prefix = ".".join(shared) + "."
    return f" All of its names begin with '{prefix}': if a wrapper put that there, save it without."


def _prefixes(weights: Mapping[str, Weight]) -> list[str]:
    """What may be taken away from some of the names, or from all of them."""
    heads = {name.partition(".")[0] for name in weights if "." in name}
    everywhere = [f"{head}." for head in heads if all(n.startswith(f"{head}.") for n in weights)]
    known = [prefix for prefix in WRAPPERS if any(name.startswith(prefix) for name in weights)]
    return list(dict.fromkeys([*known, *everywhere]))
