"""Files in the layout of DAGN's authors: ``dagn.pth``, its ablations, ``is_`` and ``se_encoder``.

Source: github.com/LiMaPKU/DAGN, commit 50132cc. All their ablations hold the modules that they do
not use: what training has left as it began tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from restorers.architectures.dagn.config import PUBLISHED, DAGNConfig

_GUIDERS = {"qf_embed": "sensitive_guider", "is_embed": "insensitive_guider"}
_KINDS = {"s": "sensitive_guider", "i": "insensitive_guider"}
_FUSION = {"f_key": "key", "f_query": "query", "f_value": "value", "W": "out"}


def released_config(tensors: Mapping[str, Tensor]) -> DAGNConfig:
    """The size and the ablation of the network that weights in the authors' layout are of.

    Raises:
        LookupError: they are no DAGN's.
        ValueError: they are of a DAGN with other ways to change the scale.
    """
    blocks = _count(tensors, "m_body_encoder")
    strided = (f"m_down1.{blocks}.weight", f"m_up1.{2 * blocks}.res.0.weight")
    if any(name not in tensors for name in strided):
        raise ValueError("they change the scale by other means than strided convolutions")
    heads = ("m_head", "m_down2.0.res.0", "m_down3.0.res.0", "m_body_encoder.0.res.0")
    first, second, third, fourth = (tensors[f"{name}.weight"].shape[0] for name in heads)
    depths = [_count(tensors, f"se.layer{stage}") for stage in (1, 2, 3, 4)]
    fusion = tensors.get("fusion_block.stages.0.f_key.0.weight")
    cfm = fusion is not None
    cigm, csgm = _trained(tensors, "i"), _trained(tensors, "s")
    if _concatenates(tensors):
        cigm = csgm = False
    return replace(
        PUBLISHED,
        widths=(first, second, third, fourth),
        blocks=blocks,
        encoder_width=tensors["se.conv1.weight"].shape[0],
        encoder_depths=(depths[0], depths[1], depths[2], depths[3]),
        guider=(tensors["qf_embed.0.weight"].shape[0], tensors["qf_embed.2.weight"].shape[0]),
        fusion=PUBLISHED.fusion if fusion is None else fusion.shape[0],
        bottleneck=tensors["se.conv5.weight"].shape[0],
        qf=False,
        cigm=cigm,
        csgm=csgm,
        cfm=cfm,
    )


def from_released(tensors: Mapping[str, Tensor], config: DAGNConfig) -> dict[str, Tensor]:
    """Weights in the authors' layout under the names of `network.DAGNNetwork`.

    Args:
        tensors: by the authors' names.
        config: of the network; what its variant does not use is left out.
    """
    names = {name: renamed(name, config.blocks) for name in tensors}
    return {
        ours: tensors[name]
        for name, ours in names.items()
        if ours is not None and _used(ours, config)
    }


def renamed(name: str, blocks: int) -> str | None:
    """Our name for a tensor of the authors'; None: there is none.

    Args:
        name: as the authors' ``dagn.pth`` has it.
        blocks: residual blocks in a scale.
    """
    first, _, rest = name.partition(".")
    rest = rest.replace("res.", "body.", 1)
    if first in ("se", "ie"):
        return f"{'sensitive' if first == 'se' else 'insensitive'}_encoder.{rest}"
    if first in ("m_head", "m_tail"):
        return f"{'base_encoder.head' if first == 'm_head' else 'decoder.tail'}.{rest}"
    if first == "m_body_encoder":
        return f"base_encoder.scales.3.{rest}"
    if first == "m_body_decoder":
        return f"decoder.first.{rest}"
    if first in _GUIDERS:  # Linear, ReLU, Linear, ReLU
        layer, _, kind = rest.partition(".")
        return f"{_GUIDERS[first]}.shared{1 + int(layer) // 2}.{kind}"
    if found := re.fullmatch(r"to_(gamma|beta)_([123])_([si])", first):
        part = "scales" if found[1] == "gamma" else "biases"
        return f"{_KINDS[found[3]]}.{part}.{3 - int(found[2])}.{rest.removeprefix('0.')}"
    if found := re.fullmatch(r"m_(down|up)([123])", first):
        index, _, inner = rest.partition(".")
        return _scale(found[1], int(found[2]), int(index), inner, blocks)
    if found := re.match(r"stages\.0\.(f_key|f_query|f_value|W)\.", rest):
        return f"fusion.{_FUSION[found[1]]}.{rest[found.end() :]}"
    if rest.startswith("conv_bn_dropout."):
        return f"fusion.merge.{rest.removeprefix('conv_bn_dropout.')}"
    return None


def _scale(way: str, scale: int, index: int, rest: str, blocks: int) -> str:
    """Of the three scales of the base encoder (1 to 3) and of the decoder (3 to 1)."""
    if way == "down":
        if index == blocks:
            return f"base_encoder.downs.{scale - 1}.{rest}"
        return f"base_encoder.scales.{scale - 1}.{index}.{rest}"
    guided = f"decoder.guided.{3 - scale}"
    if index == 0:
        return f"{guided}.up.{rest}"
    kind, block = divmod(index - 1, blocks)
    return f"{guided}.{('sensitive', 'insensitive')[kind]}.{block}.{rest}"


def _used(name: str, config: DAGNConfig) -> bool:
    """Whether a network of that variant has the tensor of that name of ours."""
    part = name.partition(".")[0]
    if name.startswith("fusion.merge."):
        return config.concatenates
    return {
        "fusion": config.cfm,
        "insensitive_encoder": config.cigm or config.cfm,
        "insensitive_guider": config.cigm,
        "sensitive_encoder": config.csgm,
        "sensitive_guider": config.csgm,
    }.get(part, True)


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered modules there are under a name."""
    found = {m[1] for name in tensors if (m := re.match(rf"{re.escape(prefix)}\.(\d+)\.", name))}
    if not found:
        raise LookupError(prefix)
    return len(found)


def _trained(tensors: Mapping[str, Tensor], kind: str) -> bool:
    """Whether a guider (``s`` or ``i``) was used in training: its biases begin at zero."""
    return any(
        bool(tensors[f"to_{what}_{scale}_{kind}.0.bias"].any())
        for what in ("gamma", "beta")
        for scale in (1, 2, 3)
    )


def _concatenates(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the concatenating fusion was used in training: its normalization has seen batches."""
    batches = tensors.get("fusion_block.conv_bn_dropout.1.num_batches_tracked")
    return batches is not None and bool(batches > 0)
