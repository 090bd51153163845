"""QGAC, quantization guided artifact correction: one network for all quality factors.

Ehrlich, Davis, Lim, Shrivastava: "Quantization Guided JPEG Artifact Correction", ECCV 2020 (arXiv
2004.09320). `docs/baselines.md` says what was chosen where the paper is silent.

`config` is light; the other modules import torch.
"""
