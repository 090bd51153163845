"""DAGN, the Dual Awareness Guidance Network: one network for all quality factors.

Ma, Zhao, Peng, Tian: "Sensitivity Decouple Learning for Image Compression Artifacts Reduction",
IEEE Transactions on Image Processing 2024 (arXiv 2405.09291). Section and equation numbers in this
package are the paper's; `docs/dagn.md` says what was chosen where it is silent.

`config` is light; the other modules import torch.
"""
