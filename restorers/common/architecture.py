"""What a restorer says of its network: its sizes, how one is built and called, what it costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from harness.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from harness.plugins import Cost
    from restorers.common.complexity import Example

Config = TypeVar("Config")
"""The size of a network: a frozen dataclass, or a number."""

Network = TypeVar("Network", bound="nn.Module")


class Architecture(ABC, Generic[Config, Network]):
    """A network in several sizes.

    Attributes:
        name: registry name of its restorer.
        sizes: by name, ``published`` among them; each a `Config`.
    """

    name: str
    sizes: ClassVar[Mapping[str, object]]

    @classmethod
    @abstractmethod
    def untrained(cls, config: Config) -> Network:
        """A network of a size, a value of ``sizes``, with random weights."""

    @classmethod
    def presets(cls) -> dict[str, Config]:
        """Its sizes by name, ``published`` among them."""
        return cast("dict[str, Config]", dict(cls.sizes))

    @classmethod
    def build(cls, config: Config | Mapping[str, object]) -> Network:
        """An untrained network of a size: a value of `presets`, or its fields in a mapping."""
        if isinstance(config, Mapping):
            config = configured(cls.presets()["published"], config)
        return cls.untrained(config)

    @classmethod
    def example(cls, height: int, width: int) -> Example:
        """What its network takes for one image of noise, for counting and timing.

        Args:
            height: of the image, pixels.
            width: of the image, pixels.

        Returns:
            Here the image alone; on torch's default device.
        """
        import torch

        from restorers.common.complexity import Example

        return Example(torch.rand(1, 3, height, width))

    @classmethod
    def call(cls, network: Network, example: Example) -> object:
        """One restoration, padding and patches included: here a single call of the network.

        Args:
            network: of `build`, in evaluation mode, on any device, ``meta`` too.
            example: of `example`, on the same.
        """
        return network(example.image)

    @classmethod
    def counted(cls, network: Network) -> list[nn.Module]:
        """The modules whose parameters count, being what a restoration depends on: here all."""
        return [network]

    @classmethod
    def cost(cls, preset: str, height: int, width: int) -> Cost:
        """Parameters and multiply-accumulates of one restoration, counted without any arithmetic.

        Args:
            preset: a key of `presets`.
            height: of the image, pixels.
            width: of the image, pixels.
        """
        import torch

        from harness.plugins import Cost
        from restorers.common.complexity import count_macs, count_parameters, weightless

        config = cls.presets()[preset]
        network = weightless(lambda: cls.build(config)).eval()
        with torch.device("meta"):
            example = cls.example(height, width)
            macs = count_macs(cls.call, network, example)
            by_output = count_macs(cls.call, network, example, transposed_by_output=True)
        return Cost(count_parameters(cls.counted(network)), macs, by_output)

    @classmethod
    def trial(cls, preset: str, height: int, width: int, device: str) -> Callable[[], object]:
        """One restoration with random weights, ready to be called again and again.

        What a call costs does not depend on the weights' values, nor on the image's. It goes from
        tensors to a tensor: reading the file is not in it, nor rounding to 8 bits.

        Args:
            preset: a key of `presets`.
            height: of the image, pixels.
            width: of the image, pixels.
            device: ``cpu`` or ``cuda``.
        """
        import torch

        network = cls.build(cls.presets()[preset]).eval().requires_grad_(False)
        # Laid out as `PretrainedRestorer.load` does.
        network = network.to(device).to(memory_format=torch.channels_last)
        with torch.device(device):
            example = cls.example(height, width)

        def call() -> object:
            with torch.inference_mode():
                return cls.call(network, example)

        return call


Size = TypeVar("Size")


def configured(like: Size, numbers: Mapping[str, object]) -> Size:
    """A size from its fields, as JSON and YAML have them: lists for tuples, mappings for parts.

    Args:
        like: a size of the same kind.
        numbers: its fields; those left out are the published ones, which are the defaults.

    Raises:
        TypeError: it has no such field.
    """
    fields: dict[str, object] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            value = configured(getattr(like, name), value)
        fields[name] = tuple(value) if isinstance(value, list) else value
    build: Callable[..., Size] = type(like)
    return build(**fields)


def sized(
    architecture: type[Architecture[Config, Network]], size: str | Mapping[str, object]
) -> dict[str, object]:
    """The fields of a network's config.

    Args:
        architecture: whose sizes are meant.
        size: one of its presets by name, or the numbers in which it differs from ``published``.

    Raises:
        UserError: there is no such preset or number.
    """
    presets = {name: _fields(config) for name, config in architecture.presets().items()}
    if not isinstance(size, str):
        return _changed(presets["published"], size, architecture.name)
    if size not in presets:
        raise UserError(f"{architecture.name} has no size '{size}'; it has: {', '.join(presets)}.")
    return presets[size]


def _fields(config: object) -> dict[str, object]:
    assert is_dataclass(config) and not isinstance(config, type)
    return asdict(config)


def _changed(
    numbers: Mapping[str, object], changes: Mapping[str, object], what: str
) -> dict[str, object]:
    if unknown := changes.keys() - numbers.keys():
        raise UserError(
            f"The size of {what} has no {', '.join(sorted(map(str, unknown)))}; "
            f"it has: {', '.join(numbers)}."
        )
    changed = dict(numbers)
    for key, value in changes.items():
        part = numbers[key]
        if isinstance(value, Mapping) and isinstance(part, Mapping):
            value = _changed(part, value, f"{what}'s {key}")
        changed[key] = value
    return changed


def built(architecture: type[Architecture[Config, Network]], numbers: dict[str, object]) -> Network:
    """An untrained network, channels last: the layout convolutions are fastest with.

    Raises:
        UserError: the numbers do not make a network.
    """
    import torch

    try:
        network = architecture.build(numbers)
    except (TypeError, ValueError, LookupError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()) or "they contradict each other"
        raise UserError(f"The size {numbers} makes no {architecture.name}: {reason}.") from error
    return network.to(memory_format=torch.channels_last)
