"""What runs a file: torch's TorchScript interpreter, or ONNX Runtime on the CPU."""

from __future__ import annotations

import threading
import warnings
from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.assets.onnx_files import read_onnx
from harness.assets.programs import check_trusted
from harness.errors import UserError
from tasks.exported.card import ModelFile
from tasks.exported.geometry import placement

if TYPE_CHECKING:
    from torch import Tensor

# torch's engine for quantised networks is one setting of the whole process.
_ENGINE_LOCK = threading.Lock()


class ExportedNetwork(ABC):
    """A file ready to run.

    Args:
        path: of the file.
        card: how to use it.
        device: where to run it; `runs_on` says whether it can.

    Raises:
        UserError: the file is damaged, of another kind, or does not fit its card; or what runs it
            is missing.
    """

    def __init__(self, path: Path, card: ModelFile, device: str = "cpu") -> None:
        self.path, self.card, self.device = path, card, device

    @classmethod
    def runs_on(cls, device: str, card: ModelFile) -> bool:
        """Whether files of this kind run on a device."""
        return device == "cpu"

    def take_engine(self) -> None:  # noqa: B027 - most have no settings of the whole process
        """Make the process's settings those that the file needs.

        Raises:
            UserError: they cannot be had here.
        """

    @abstractmethod
    def run(self, image: Tensor) -> object:
        """What the network returns; called from several threads at once.

        Args:
            image: (3, H, W), as the card's ``input`` describes it.
        """


class TorchScriptNetwork(ExportedNetwork):
    """A scripted or traced network, as ``torch.jit.save`` writes it."""

    def __init__(self, path: Path, card: ModelFile, device: str = "cpu") -> None:
        super().__init__(path, card, device)
        import torch
        import torchvision  # noqa: F401 - detectors call its nms and roi_align

        check_trusted(path)
        with _ENGINE_LOCK:
            self.take_engine()
            try:
                with warnings.catch_warnings():  # torch would rather have files of another kind
                    warnings.simplefilter("ignore")
                    loaded = torch.jit.load(str(path), device)  # type: ignore[no-untyped-call]
            except (OSError, RuntimeError, ValueError) as error:
                raise UserError(
                    f"{path} is no TorchScript archive, a damaged one, or one that needs "
                    f"operators this machine lacks ({last_line(error)}). Write one with "
                    "torch.jit.script(network).save(path)."
                ) from error
        self._network = loaded.eval()
        if not card.quantized_engine and "quantized::" in str(self._network.inlined_graph):
            raise UserError(
                f"{path} is quantised, and its numbers are wrong on another engine than the one "
                "it was made for: say quantized_engine: qnnpack (phones), fbgemm or x86 in its "
                "card."
            )

    @classmethod
    def runs_on(cls, device: str, card: ModelFile) -> bool:
        """On any device, unless it is quantised for the CPU."""
        return device == "cpu" or not card.quantized_engine

    def take_engine(self) -> None:
        """Set torch's engine to the card's.

        Raises:
            UserError: this torch lacks it.
        """
        import torch

        engine, known = self.card.quantized_engine, torch.backends.quantized.supported_engines
        if engine and engine not in known:
            raise UserError(
                f"{self.card.name} needs torch's quantised engine {engine}, which this torch "
                f"lacks; it has {', '.join(known)}."
            )
        if engine:
            torch.backends.quantized.engine = engine

    def run(self, image: Tensor) -> object:
        """See `ExportedNetwork`.

        Raises:
            UserError: another model in this process has set another quantised engine.
        """
        import torch

        engine = torch.backends.quantized.engine
        if self.card.quantized_engine not in (None, engine):
            raise UserError(
                f"{self.card.name} needs torch's quantised engine {self.card.quantized_engine}, "
                f"and another model of this run set {engine}: run them in a study each."
            )
        image = image.to(self.device)
        given = [image] if self.card.input.layout == "chw-list" else _laid_out(image, self.card)
        # Unoptimised: otherwise the interpreter rewrites the graph after the first calls, and
        # the first image might be treated otherwise than the third. The switch is the thread's.
        unoptimised = torch.jit.optimized_execution(False)  # type: ignore[attr-defined]
        with torch.inference_mode(), unoptimised:
            answer: object = self._network(given)
        return answer if self.device == "cpu" else _on_cpu(answer)


class OnnxNetwork(ExportedNetwork):
    """An ONNX network with one input."""

    def __init__(self, path: Path, card: ModelFile, device: str = "cpu") -> None:
        super().__init__(path, card, device)
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError(
                f"{path} needs ONNX Runtime, which is not installed: pip install onnxruntime."
            ) from error
        data = read_onnx(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors have no class in common but this one
            raise UserError(
                f"{path} is no ONNX network that ONNX Runtime {onnxruntime.__version__} runs: "
                f"{last_line(error)}."
            ) from error
        self._names = [output.name for output in self._session.get_outputs()]
        self._check_input()

    def _check_input(self) -> None:
        """Compare the file's input with the card's, as far as the file fixes it."""
        inputs, wanted = self._session.get_inputs(), self.card.input
        axes = {"nchw": "NCHW", "nhwc": "NHWC"}.get(wanted.layout, "CHW")
        kind = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}[wanted.dtype]
        listed = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs) or "none"
        rank = len(inputs[0].shape) if len(inputs) == 1 and inputs[0].type == kind else None
        # What is not fixed in the file is no number.
        fixed = dict(zip(axes, inputs[0].shape, strict=True)) if rank == len(axes) else {"C": 0}
        fixed = {axis: side for axis, side in fixed.items() if isinstance(side, int)}
        # A width of three pixels is a file whose channels come last.
        if fixed.get("N", 1) != 1 or fixed.get("C", 3) != 3 or fixed.get("W") == 3:
            raise UserError(
                f"{self.path} does not fit its card: the card's input is one {kind} of {axes}, "
                f"N = 1 and C = 3, the file's is {listed}. Mend layout and dtype, or export the "
                "network again."
            )
        # Two sizes of image: a side that both give is one that every image gives.
        sizes = [placement(h, w, wanted).canvas for h, w in ((480, 640), (1000, 400))]
        given = {"H": {h for h, _ in sizes}, "W": {w for _, w in sizes}}
        if any(given[axis] != {fixed[axis]} for axis in given if axis in fixed):
            raise UserError(
                f"{self.path} does not fit its card: it takes {listed} ({axes}) only. Set "
                "input.size to height and width, or to letterbox, so that every image becomes "
                "one of that size, or export the network for any size (dynamic axes)."
            )

    def run(self, image: Tensor) -> object:
        """See `ExportedNetwork`; by name, in the order of the file."""
        given = _laid_out(image, self.card).numpy()
        outputs = self._session.run(None, {self._session.get_inputs()[0].name: given})
        return dict(zip(self._names, outputs, strict=True))


KINDS: dict[str, type[TorchScriptNetwork | OnnxNetwork]] = {
    "torchscript": TorchScriptNetwork,
    "onnx": OnnxNetwork,
}
"""Networks by the card's framework."""


def libraries(card: ModelFile) -> str:
    """The distributions, with their versions, that a prediction depends on."""
    names = ["torch", "torchvision" if card.framework == "torchscript" else "onnxruntime"]
    if card.input.size and card.input.resize_with != "torch":
        names.append({"pillow": "pillow", "opencv": "opencv-python"}[card.input.resize_with])
    return ", ".join(f"{name} {_version(name)}" for name in names)


def last_line(error: Exception) -> str:
    """The last line of what an error says: TorchScript puts its own traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300].rstrip(".")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _on_cpu(answer: object) -> object:
    """What a network returned, its tensors on the CPU."""
    import torch

    if isinstance(answer, torch.Tensor):
        return answer.cpu()
    if isinstance(answer, dict):
        return {name: _on_cpu(part) for name, part in answer.items()}
    if isinstance(answer, list | tuple):
        parts = [_on_cpu(part) for part in answer]
        return parts if isinstance(answer, list) else tuple(parts)
    return answer


def _laid_out(image: Tensor, card: ModelFile) -> Tensor:
    if card.input.layout == "nhwc":
        return image.permute(1, 2, 0)[None].contiguous()
    return image[None] if card.input.layout == "nchw" else image
