"""Work in somebody else's process: one piece at a time, and everything as it was afterwards."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from harness.engine.determinism import settings_preserved
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
        gpu_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        try:
            with settings_preserved():
                yield
        finally:
            np.random.set_state(numpy_state)
            torch.set_rng_state(torch_state)
            if gpu_states:
                torch.cuda.set_rng_state_all(gpu_states)
