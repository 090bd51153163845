"""ONNX files, run by ONNX Runtime on the CPU, if it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.assets.onnx_files import read_onnx
from harness.errors import UserError
from restorers.common.tiling import SMALLEST
from restorers.formats.base import Loaded, NetworkFile, short

if TYPE_CHECKING:
    import onnxruntime
    from torch import Tensor


class OnnxRestorer(NetworkFile):
    """An ONNX network.

    Its one input is (1, C, H, W) float32 in 0..1, RGB or luma; its first output is the same. Where
    H and W are fixed in the file, images are restored in tiles of that size.
    """

    kind: ClassVar[str] = "onnx"
    library: ClassVar[str] = "onnxruntime"

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the file is named ``.onnx``."""
        return path.suffix.lower() == ".onnx"

    def place(self, device: str) -> str:
        """Always the CPU's."""
        return "cpu"

    def load(self) -> Loaded:
        """See `NetworkFile`.

        Raises:
            UserError: ONNX Runtime is missing, or the file is no network as the class describes.
        """
        try:
            import onnxruntime  # noqa: F401
        except ImportError as error:
            raise UserError(
                f"{self.path} needs ONNX Runtime, which is not installed: pip install onnxruntime."
            ) from error
        session = self._session()
        name, channels, size = self._input(session)
        output = session.get_outputs()[0].name

        def apply(image: Tensor) -> Tensor:
            import torch

            given = image.contiguous().numpy()
            return torch.from_numpy(session.run([output], {name: given})[0])

        return Loaded(apply, channels=channels, size=size)

    def _session(self) -> onnxruntime.InferenceSession:
        """The network with one thread: images are walked several at a time."""
        import onnxruntime

        data = read_onnx(self.path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no class in common but this one
            raise UserError(
                f"{self.path} is no ONNX network that ONNX Runtime {onnxruntime.__version__} "
                f"runs: {short(error)}."
            ) from error

    def _input(
        self, session: onnxruntime.InferenceSession
    ) -> tuple[str, int, tuple[int, int] | None]:
        """Name, channels and fixed height and width of the input."""
        inputs = session.get_inputs()
        shape = list(inputs[0].shape) if inputs else []
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(shape) != 4:
            described = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs) or "none"
            raise UserError(
                f"{self.path} must have one input of float32 (1, C, H, W); it has {described}. "
                "Export it so."
            )
        if shape[1] not in (1, 3) and shape[3] in (1, 3):
            raise UserError(
                f"{self.path} takes {shape}: export it with its channels first, as it is now it "
                "has its channels last."
            )
        # What is not fixed is a name or None here.
        batch, channels, *size = (side if isinstance(side, int) else None for side in shape)
        if batch not in (None, 1) or channels not in (None, 1, 3):
            raise UserError(
                f"{self.path} takes {shape}: it must take one image of 3 channels (RGB) or of 1 "
                "(luma) at a time."
            )
        if any(side is not None and side < SMALLEST for side in size):
            raise UserError(
                f"{self.path} takes images of {size[1]}×{size[0]} pixels only: export it for "
                f"{SMALLEST} pixels a side or more, or better for any size (dynamic axes)."
            )
        known = [side for side in size if side is not None]
        fixed = (size[0] or known[0], size[1] or known[0]) if known else None
        return inputs[0].name, channels or 3, fixed
