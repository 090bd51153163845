"""Weights files as authors write them, of networks with random weights, and what runs them."""

import numpy as np
import torch
from pictures import textured

from harness.images.jpeg import Jpeg
from harness.plugins import Restored


def write_official(restorer, size, path, wrap=lambda state: state):
    """A file as its authors save it, from a network with random weights; its state dict."""
    torch.manual_seed(0)
    network = restorer.build(restorer.presets()[size])
    # Authors' files hold all buffers, those that the network computes for itself too.
    state = network.state_dict() | dict(network.named_buffers())
    torch.save(wrap(state), path)
    return {name: value.clone() for name, value in list(state.items())[:8]}


def restored(restorer, size, qf=10):
    compressed = Jpeg().compress(textured(1, size, size), qf)
    result = restorer.restore(compressed)
    pixels = result.pixels if isinstance(result, Restored) else result
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    return result
