"""What one image leaves in a cell of the table: a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.plugins.types import Json


@dataclass(frozen=True, slots=True)
class Record:
    """The outcome of one image in one cell, or the sentence saying why there is none.

    Attributes:
        image: id of the image (`ImageRef.id`).
        error: why it failed, one sentence; None where it did not.
        height: of the image, pixels; None where it could not be read or restored, as below.
        width: of the image, pixels.
        bytes: size of the compressed file; of the uncompressed pixels where nothing compressed.
        bpp: the same in bits per pixel.
        predicted_qf: the quality factor that the restorer takes the file to have.
        tile: side of the tiles that it was restored in because memory ran out, pixels.
        fidelity: of the restored image to the original, by metric (``psnr`` in dB, ``ssim``...).
        outcome: what the task makes of the prediction (`Task.outcome`); None where it failed.
        seconds: wall time by stage: read, compress, restore, fidelity, predict, outcome.
    """

    image: str
    error: str | None = None
    height: int | None = None
    width: int | None = None
    bytes: int | None = None
    bpp: float | None = None
    predicted_qf: float | None = None
    tile: int | None = None
    fidelity: Mapping[str, float] = field(default_factory=dict)
    outcome: Json | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the image is in no number."""
        return self.error is not None

    @property
    def scored(self) -> Json:
        """The outcome of an image that did not fail.

        Raises:
            ValueError: it failed.
        """
        if self.outcome is None:
            raise ValueError(f"the record of {self.image} has no outcome: {self.error}")
        return self.outcome

    def to_json(self) -> Json:
        """What is written down: the fields that are known, in the order they come about."""
        known: Json = {"image": self.image}
        for name in ("height", "width", "bytes", "bpp", "predicted_qf", "tile"):
            if getattr(self, name) is not None:
                known[name] = getattr(self, name)
        if self.fidelity:
            known["fidelity"] = dict(self.fidelity)
        if self.outcome is not None:
            known["outcome"] = self.outcome
        if self.seconds:
            # Microseconds: what is finer is noise, and noise does not compress.
            known["seconds"] = {stage: round(time, 6) for stage, time in self.seconds.items()}
        if self.error is not None:
            known["error"] = self.error
        return known

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Record:
        """A record as `to_json` gave it; floats that JSON has not are strings (``inf``, ``nan``).

        Raises:
            KeyError: it names no image.
            TypeError: a field is of another kind.
            ValueError: likewise.
        """
        error, qf, bpp = written.get("error"), written.get("predicted_qf"), written.get("bpp")
        return cls(
            image=written["image"],
            error=None if error is None else str(error),
            height=written.get("height"),
            width=written.get("width"),
            bytes=written.get("bytes"),
            bpp=None if bpp is None else float(bpp),
            predicted_qf=None if qf is None else float(qf),
            tile=written.get("tile"),
            fidelity={name: float(score) for name, score in written.get("fidelity", {}).items()},
            outcome=written.get("outcome"),
            seconds={stage: float(time) for stage, time in written.get("seconds", {}).items()},
        )
