"""Work in somebody else's process: one piece at a time, and everything as it was afterwards."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from harness.errors import UserError

_ONE_AT_A_TIME = threading.Lock()
"""Seeds and thread counts are the process's."""


@contextlib.contextmanager
def preserve_process_state() -> Iterator[None]:
    """Wait for the other's turn, then give back random generators, threads, choice of algorithms.

    Raises:
        UserError: it was asked for by a restorer of the work that it would wait for.
    """
    import numpy as np
    import torch

    if threading.current_thread().name.startswith("worker-"):
        raise UserError("The harness was called by a restorer: it would wait for itself.")
    with _ONE_AT_A_TIME:
        numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()
        threads = torch.get_num_threads()
        exact = torch.are_deterministic_algorithms_enabled()
        lenient = torch.is_deterministic_algorithms_warn_only_enabled()
        filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            torch.set_rng_state(torch_state)
            torch.use_deterministic_algorithms(exact, warn_only=lenient)
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
            torch.set_num_threads(threads)
