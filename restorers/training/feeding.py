"""The batches of a training, on the process's device; other processes may make them ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader, Dataset

from harness.errors import HarnessError
from restorers.training.batches import PatchBatch, PatchBatches
from restorers.training.recipe import Training

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class BatchFeeder:
    """The batches of a training, one a step, on the process's device.

    Args:
        batches: makes them.
        training: their size and number.
        fabric: the device, and which process this is.
        loaders: processes that make them; 0: this one.
    """

    def __init__(
        self, batches: PatchBatches, training: Training, fabric: Fabric, loaders: int
    ) -> None:
        self._batches, self._size, self._fabric = batches, training.batch_size, fabric
        self._steps, self._loaders = training.steps, loaders
        self._next = -1
        self._stream: Iterator[PatchBatch] = iter(())

    def __call__(self, step: int) -> PatchBatch:
        """The batch of ``step``; fastest when steps come in order."""
        if step != self._next:
            self._stream = self._from(step)
        self._next = step + 1
        return next(self._stream).to(self._fabric.device)

    def _from(self, step: int) -> Iterator[PatchBatch]:
        rank = self._fabric.global_rank
        work = _Steps(
            batches=self._batches, size=self._size, rank=rank, first=step, steps=self._steps
        )
        if not self._loaders:
            return (_delivered(work[index]) for index in range(len(work)))
        # Batches are a function of the step, so processes may make them in advance. Without a
        # generator of its own the loader would draw from torch's, which drop path draws from.
        loader = DataLoader(
            work, batch_size=None, num_workers=self._loaders, generator=torch.Generator()
        )
        return map(_delivered, loader)


class _Steps(Dataset["PatchBatch | HarnessError"]):
    def __init__(self, batches: PatchBatches, size: int, rank: int, first: int, steps: int) -> None:
        self._batches, self._size, self._rank = batches, size, rank
        self._first, self._count = first, max(steps - first, 1)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> PatchBatch | HarnessError:
        try:
            return self._batches.batch(self._first + index, self._size, self._rank)
        except HarnessError as error:
            return error  # raised in a loader's process, it would come with a traceback as message


def _delivered(made: PatchBatch | HarnessError) -> PatchBatch:
    if isinstance(made, HarnessError):
        raise made
    return made
