"""Vision models in exported files (ONNX, TorchScript), described by a card."""
