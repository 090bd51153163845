"""How much memory a network's activations take: counted, on tensors that hold nothing."""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Activations(TorchDispatchMode):
    """Counts the bytes of all tensors made inside that are alive at a time.

    Attributes:
        peak: the most there were.
    """

    def __init__(self):
        super().__init__()
        self.peak = self._alive = 0
        self._known = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in self._known:
                    self._known[key] = storage.nbytes()
                    self._alive += storage.nbytes()
                    self.peak = max(self.peak, self._alive)
                    weakref.finalize(storage, self._gone, key)
        return result

    def _gone(self, key):
        self._alive -= self._known.pop(key)
