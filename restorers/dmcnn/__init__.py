"""DMCNN, the dual-domain multi-scale network: one network a quality factor.

Zhang, Yang, Hu, Liu: "DMCNN: Dual-Domain Multi-Scale Convolutional Neural Network for Compression
Artifacts Removal", ICIP 2018 (arXiv 1806.03275). `docs/baselines.md` says what was chosen where
the paper is silent.

`config` is light; `network` imports torch.
"""
