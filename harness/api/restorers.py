"""Plain functions and torch modules as restorers, in three lines.

::

    def median(rgb):                       # (height, width, 3) uint8 in, the same out
        return cv2.medianBlur(rgb, 3)

    run = harness.evaluate(task="detection", qf=10, restorers=["jpeg", median])
"""

from __future__ import annotations

import math
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.api.adopted import adopt_restorer
from harness.api.arguments import check_name, whole
from harness.api.callables import check_image
from harness.errors import UserError
from harness.plugins import registry
from harness.plugins.codec import Compressed
from harness.plugins.restorer import Restored, Restorer
from harness.plugins.types import RGB
from harness.study.overrides import GIVEN
from harness.study.selection import ALL

if TYPE_CHECKING:
    from torch import nn


VERSION = "1"
"""Bumped whenever the same function or module can give other pixels."""


ONCE = "once"
"""The key that marks records which nothing will ever reuse."""

ASKED = ("name", "multi_model", "year", "reference", "prepare", "fingerprint", "restore")
"""What an object needs to be taken as a restorer as it is: see `harness.plugins.Restorer`."""


@dataclass(frozen=True, eq=False)
class OwnRestorer:
    """A function or a module with what the harness must know of it; made by `restorer`.

    Attributes:
        what: the function or the module.
        name: what tables print.
        version: what the caller says of the code; None: nothing.
        multiple: a module's images are padded to multiples of it.
        scale: what white is to a module.
        compressed: the function takes the compressed file.
    """

    what: Any
    name: str
    version: str | None = None
    multiple: int = 1
    scale: float = 1.0
    compressed: bool = False

    def ready(self) -> ReadyRestorer:
        """A restorer of what the function or module is at this moment.

        A module is copied, so that training may go on.

        Raises:
            UserError: the module cannot be copied.
        """
        fingerprint = {"name": self.name, GIVEN: f"as an object, version {VERSION}"}
        if _is_module(self.what):
            from harness.api.callables import ModuleRunner
            from harness.api.module_hash import describe_module

            run: Callable[[Compressed], Any] = ModuleRunner(
                self.what, self.name, self.multiple, self.scale
            )
            description = describe_module(self.what, self.version is None)
            fingerprint |= {"multiple": str(self.multiple), "scale": f"{self.scale:g}"}
        else:
            run = self.what if self.compressed else lambda file: self.what(file.pixels)
            description = None if self.version is None else {}
        if self.version is not None:
            fingerprint["code"] = self.version
        # Nothing tells whether the code is what it was, so no record made before is of it.
        fingerprint |= {ONCE: uuid.uuid4().hex} if description is None else description
        return ReadyRestorer(self.name, fingerprint, run, description is not None)


class ReadyRestorer(Restorer):
    """What the engine runs.

    Args:
        name: what tables print.
        fingerprint: the same at every QF.
        run: from the compressed file to pixels.
        reusable: records made with the same fingerprint before are of the same code.
    """

    multi_model = False

    def __init__(
        self,
        name: str,
        fingerprint: dict[str, str],
        run: Callable[[Compressed], Any],
        reusable: bool,
    ) -> None:
        self.name = name
        self.reusable = reusable
        self._fingerprint = fingerprint
        self._run = run

    def place(self, device: str) -> str:
        """A module's copy is moved; a function runs where it runs."""
        place = getattr(self._run, "place", None)
        return "cpu" if place is None else str(place(device))

    def fingerprint(self, qf: int) -> dict[str, str]:
        """The same at every ``qf``."""
        return dict(self._fingerprint)

    def restore(self, compressed: Compressed) -> RGB | Restored:
        """What the function or module makes of the image.

        Raises:
            HarnessError: that is no image.
        """
        restored = self._run(compressed)
        if isinstance(restored, Restored):
            return restored
        image = check_image(restored, compressed.pixels.shape, self.name)
        # torch takes neither negative strides nor read-only memory.
        return np.require(image, requirements=["C", "W"])


def restorer(
    what: Callable[..., Any] | nn.Module,
    *,
    name: str | None = None,
    version: str | None = None,
    multiple: int = 1,
    scale: float = 1.0,
    compressed: bool = False,
) -> OwnRestorer:
    """A plain function or a `torch.nn.Module` as a restorer, for ``restorers=[...]``.

    Both are called from several threads at once, one image each: a function keeps no state between
    calls. One without ``version`` is computed afresh in every `harness.evaluate`, because nothing
    tells whether its code is still the same.

    Args:
        what: a function of a (height, width, 3) uint8 RGB image that returns the same; or a module
            of a (1, 3, height, width) float32 RGB tensor in 0..1 that returns the same, or a tuple
            that begins with it. A module runs in float32, in evaluation mode, on one
            thread; a copy of it does, as it is when `harness.evaluate` is called.
        name: what tables print; the function's ``__name__`` or the module's class by default.
        version: to be changed whenever the function's result can change. Records of the same
            version are reused. A module's weights and code are hashed, so it needs none, unless
            its result depends on something else.
        multiple: pad a module's images, to the bottom and right, to multiples of this many pixels,
            and crop the result.
        scale: what white is to a module: 1.0, or 255.
        compressed: the function takes a `harness.plugins.Compressed` instead of pixels: the file's
            bytes (``data``), ``pixels``, ``qf``, ``codec`` and quantisation ``tables``.

    Raises:
        UserError: ``what`` cannot be called, or has no name that tables could print.
    """
    module = _is_module(what)
    if isinstance(what, OwnRestorer):
        raise UserError(f"{what.name} came from harness.restorer already: use it as it is.")
    if isinstance(what, type):
        raise UserError(
            f"{what.__name__} is a class: give a function, a module that was made of it, or, if "
            "it is a harness.plugins.restorer.Restorer, the class itself in restorers=[...]."
        )
    if not callable(what):
        raise UserError(
            f"{what!r} is no restorer: give a function of an RGB image, a torch.nn.Module, or a "
            "harness.plugins.restorer.Restorer."
        )
    multiple = whole(multiple, "multiple", 1)
    if not isinstance(scale, Real) or not 0 < scale < math.inf:
        raise UserError(f"Bad value for scale: {scale!r} is not a number above 0.")
    if compressed and module:
        raise UserError("A module takes pixels: give compressed=True with a function.")
    if not module and (multiple != 1 or scale != 1.0):
        raise UserError("Only a torch.nn.Module takes multiple and scale; a function has pixels.")
    return OwnRestorer(
        what=what,
        name=check_name(_callable_name(what) if name is None else name, ":/"),
        version=None if version is None else str(version),
        multiple=multiple,
        scale=scale,
        compressed=compressed,
    )


def as_restorer(what: Any) -> Restorer:
    """A restorer made of whatever stands in ``restorers=[...]`` and is no name.

    Raises:
        UserError: it is no restorer, or has a name that a registered one has.
    """
    if isinstance(what, OwnRestorer):
        adopted: Restorer = what.ready()
    elif not _is_module(what) and (hasattr(what, "restore") or hasattr(what, "fingerprint")):
        made = what.make() if isinstance(what, type) and hasattr(what, "make") else what
        missing = [part for part in ASKED if not hasattr(made, part)]
        if missing:
            called = getattr(what, "__name__", type(what).__name__)
            raise UserError(
                f"{called} is no restorer: it has no {', '.join(missing)}. Derive it from "
                "harness.plugins.restorer.Restorer, or give a function."
            )
        adopted = adopt_restorer(made)
    else:
        adopted = restorer(what).ready()
    name = check_name(adopted.name, "")
    if name in registry.restorers() or name == ALL:
        raise UserError(
            f"There is a restorer {name} already: give yours another name, such as "
            f"harness.restorer(..., name='my-{name}')."
        )
    return adopted


def _callable_name(what: object) -> str:
    if _is_module(what):
        return type(what).__name__
    name = getattr(what, "__name__", None)
    if name is None and not hasattr(what, "func"):  # an object with __call__; a partial is no name
        name = type(what).__name__
    return str(name or "")


def _is_module(what: object) -> bool:
    torch = sys.modules.get("torch")  # who has a module has imported it
    return torch is not None and isinstance(what, torch.nn.Module)
