"""What training adds to a restorer that is trained in one stage: its start and its loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic

from torch import Tensor, nn

import restorers.architectures.dmcnn.network as dmcnn
import restorers.architectures.fbcnn.network as fbcnn
import restorers.architectures.ipt.network as ipt
import restorers.architectures.qgac.network as qgac
import restorers.architectures.swinir.network as swinir
from harness.errors import UserError
from restorers.architectures.dmcnn import DMCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.ipt import IPT
from restorers.architectures.qgac import QGAC
from restorers.architectures.swinir import SwinIR
from restorers.common.architecture import Config, Network
from restorers.common.pretrained import PretrainedRestorer
from restorers.training.batches import PatchBatch
from restorers.training.recipe import Precision

Losses = dict[str, Tensor]
"""What to descend, as ``loss``, and what else to log; scalars."""


def _as_built(network: nn.Module) -> None:
    """These return the decoded image until they are trained."""


@dataclass(frozen=True)
class Method(Generic[Config, Network]):
    """How a network is trained.

    Attributes:
        restorer: says everything else about it.
        loss: of a network, a batch and the step; networks may come wrapped.
        start: initialises the network so that it returns its input: a short training would spend
            itself on learning to copy.
        coefficients: its batches hold DCT coefficients.
        patch: the number of the size that ``patch_size`` must be, if there is one.
        precisions: in which it learns.
    """

    restorer: type[PretrainedRestorer[Config, Network]]
    loss: Callable[[nn.Module, PatchBatch, int], Losses]
    start: Callable[[Network], None] = _as_built
    coefficients: bool = False
    patch: str | None = None
    precisions: tuple[Precision, ...] = ("bf16-mixed", "32-true")

    def check(self, patch_size: int, numbers: Mapping[str, object], precision: Precision) -> None:
        """Refuse patches that the network cannot take, and a precision in which it does not learn.

        Args:
            patch_size: of the recipe, pixels.
            numbers: of the network, see `architecture.sized`.
            precision: of the recipe.

        Raises:
            UserError: it can only be trained on patches of another size, or in another precision.
        """
        if precision not in self.precisions:
            raise UserError(
                f"{self.restorer.name} does not learn in {precision}, which is what the recipe "
                f"says or leaves as the default: set precision to {self.precisions[0]}."
            )
        if self.patch is not None and patch_size != numbers[self.patch]:
            raise UserError(
                f"{self.restorer.name} of this size is trained on patches of "
                f"{numbers[self.patch]} pixels: set patch_size to that, not to {patch_size}."
            )


def flexible(network: nn.Module, batch: PatchBatch, step: int) -> Losses:
    """FBCNN: L1 and the predicted quality factor; every other step is told the true one."""
    # Without it the network would know the embeddings of its own predictions only.
    known = fbcnn.told(batch.qf) if step % 2 else None
    restored, predicted = network(batch.compressed, known)
    loss = fbcnn.flexible_loss(restored.float(), predicted, batch.clean, batch.qf)
    wrong = 100 * (predicted.detach().float() - fbcnn.told(batch.qf)).abs().mean()
    return {"loss": loss, "qf_error": wrong}


def charbonnier(network: nn.Module, batch: PatchBatch, step: int) -> Losses:
    """SwinIR: Charbonnier."""
    return {"loss": swinir.charbonnier_loss(network(batch.compressed).float(), batch.clean)}


def supervised(network: nn.Module, batch: PatchBatch, step: int) -> Losses:
    """IPT: L1, on patches of the transformer's size."""
    restored = network(batch.compressed * ipt.RANGE).float() / ipt.RANGE
    return {"loss": ipt.reconstruction_loss(restored, batch.clean)}


def multi_scale(network: nn.Module, batch: PatchBatch, step: int) -> Losses:
    """DMCNN: squared errors of all scales and of the DCT domain's estimate."""
    restored = network(batch.planes, batch.compressed)
    scales = [scale.float() for scale in restored.scales]
    whole = dmcnn.DMCNNOutput(restored.image.float(), restored.spectral.float(), scales)
    return {"loss": dmcnn.multi_scale_loss(whole, batch.clean)}


def correction(network: nn.Module, batch: PatchBatch, step: int) -> Losses:
    """QGAC: L1 less a part of the structural similarity."""
    restored = network(batch.planes, batch.compressed).float()
    return {"loss": qgac.correction_loss(restored, batch.clean)}


METHODS: Mapping[str, Method[Any, Any]] = MappingProxyType(
    {
        "fbcnn": Method(FBCNN, flexible, fbcnn.start_at_identity),
        "swinir": Method(SwinIR, charbonnier, swinir.start_at_identity),
        "ipt": Method(IPT, supervised, ipt.start_at_identity, patch="patch"),
        "dmcnn": Method(DMCNN, multi_scale, coefficients=True),
        # In bfloat16 what it has to learn is lost in rounding.
        "qgac": Method(QGAC, correction, coefficients=True, precisions=("32-true",)),
    }
)
"""The networks trained in one stage, by name."""
