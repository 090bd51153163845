"""The settings of torch under which numbers come out the same again: the reference mode."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def deterministic(seed: int) -> None:
    """Seed the process's random generators and make torch prefer deterministic algorithms.

    On a GPU: float32 is not shortened to TF32, and no algorithm is chosen by how fast it was.
    """
    import numpy as np
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    # Nothing here reads memory before it is written; filling it is up to a tenth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextlib.contextmanager
def settings_preserved() -> Iterator[None]:
    """Give torch's threads, algorithms and precisions back as they were."""
    import torch
    from torch.backends import cudnn

    threads = torch.get_num_threads()
    exact = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    precision = torch.get_float32_matmul_precision()
    short, tuned = cudnn.allow_tf32, cudnn.benchmark
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact, warn_only=lenient)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.set_float32_matmul_precision(precision)
        cudnn.allow_tf32, cudnn.benchmark = short, tuned
