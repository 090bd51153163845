"""TorchScript files that do what they like."""

import torch


class Writing(torch.nn.Module):
    """Gives back its image, and writes the file ``ran`` into the current folder when opened."""

    def __init__(self):
        super().__init__()
        self.kept = torch.zeros(1)

    @torch.jit.export
    def __getstate__(self):
        return self.kept, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        torch.save(state[0], "ran")
        self.kept, self.training = state

    def forward(self, image: torch.Tensor):
        return image


def write_program(path):
    """A TorchScript file that writes a file of its own as soon as torch opens it."""
    torch.jit.script(Writing()).save(str(path))
    return path
