"""Codecs other than JPEG: WebP, AVIF and JPEG 2000, each by the library inside Pillow.

Every setting that can change a byte is fixed here and stands in the fingerprint with the versions
of the libraries. `docs/reference/codecs.md` says what each quality means and how the codecs
compare.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
import PIL
from PIL import Image, features

from harness.errors import UserError
from harness.images.jpeg import Jpeg
from harness.plugins.codec import Codec, Compressed, check_image, checked_qf
from harness.plugins.opening import open_own
from harness.plugins.types import RGB


@dataclass(frozen=True)
class PillowCodec(Codec):
    """A format that Pillow writes and reads.

    Raises:
        UserError: this Pillow was built without it.

    Attributes:
        title: the format's name, for messages.
        format: Pillow's name of it.
        feature: what Pillow calls the library in `PIL.features`.
        library: the library's own name.
        longest: the most pixels a side may have, written and read again.
    """

    title: ClassVar[str]
    format: ClassVar[str]
    feature: ClassVar[str]
    library: ClassVar[str]
    longest: ClassVar[int]

    def __post_init__(self) -> None:
        """Refuse a Pillow without the format, before any image is touched."""
        known = {*features.modules, *features.codecs}  # an older Pillow does not know AVIF
        if self.feature not in known or not features.check(self.feature):
            raise UserError(
                f"The codec {self.name} needs a Pillow with {self.title} ({self.library}), and "
                f"Pillow {PIL.__version__} here is built without it: "
                "pip install --upgrade --force-reinstall pillow, or name another codec."
            )

    @abstractmethod
    def options(self, image: RGB, qf: int) -> dict[str, Any]:
        """What Pillow's ``save`` is told.

        Args:
            image: (height, width, 3) uint8 RGB.
            qf: quality, 1..100.
        """

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """The fixed settings and the versions of other libraries at work, for the fingerprint."""

    def compress(self, image: RGB, qf: int) -> Compressed:
        """See `Codec.compress`; sides of 1 to ``longest`` pixels."""
        qf = checked_qf(qf)
        check_image(image, self.title, self.longest)
        buffer = BytesIO()
        options = self.options(image, qf)
        Image.fromarray(np.ascontiguousarray(image)).save(buffer, self.format, **options)
        data = buffer.getvalue()
        with open_own(data, self.format) as decoded:
            pixels = np.array(decoded, dtype=np.uint8)
        return Compressed(data, pixels, self.name, qf, {})

    def fingerprint(self) -> dict[str, str]:
        """Codec, settings, and the versions of Pillow and of the library inside it."""
        return {
            "codec": self.name,
            **self.settings(),
            "library": f"{self.library} {features.version(self.feature)}",
            "pillow": PIL.__version__,
        }


@dataclass(frozen=True)
class WebP(PillowCodec):
    """Lossy WebP (a VP8 key frame; chroma is always 4:2:0) by libwebp."""

    name: ClassVar[str] = "webp"
    quality: ClassVar[str] = "quality of libwebp"
    title: ClassVar[str] = "WebP"
    format: ClassVar[str] = "WEBP"
    feature: ClassVar[str] = "webp"
    library: ClassVar[str] = "libwebp"
    longest: ClassVar[int] = 16383  # WEBP_MAX_DIMENSION

    def options(self, image: RGB, qf: int) -> dict[str, Any]:
        """See `PillowCodec`."""
        return {"quality": qf, "method": 4, "lossless": False}

    def settings(self) -> dict[str, str]:
        """See `PillowCodec`."""
        return {"subsampling": "4:2:0", "method": "4"}


@dataclass(frozen=True)
class Avif(PillowCodec):
    """AVIF (an AV1 key frame of 8 bits) by libavif and the encoder aom, chroma 4:2:0.

    Raises:
        UserError: this Pillow was built without it, or without that encoder.
    """

    name: ClassVar[str] = "avif"
    quality: ClassVar[str] = "quality of libavif"
    title: ClassVar[str] = "AVIF"
    format: ClassVar[str] = "AVIF"
    feature: ClassVar[str] = "avif"
    library: ClassVar[str] = "libavif"
    longest: ClassVar[int] = 32768  # what libavif agrees to read, though AV1 goes to 65536

    def __post_init__(self) -> None:
        """Refuse a Pillow without the format or the encoder."""
        super().__post_init__()
        if _encoder_version("aom") is None:
            raise UserError(
                f"The codec {self.name} needs the encoder aom, and the AVIF of Pillow "
                f"{PIL.__version__} here is built without it: "
                "pip install --upgrade --force-reinstall pillow, or name another codec."
            )

    def options(self, image: RGB, qf: int) -> dict[str, Any]:
        """See `PillowCodec`."""
        # With more than one thread, or with tiles, aom writes other bytes.
        return {
            "quality": qf,
            "speed": 6,
            "codec": "aom",
            "subsampling": "4:2:0",
            "range": "full",
            "max_threads": 1,
            "autotiling": False,
        }

    def settings(self) -> dict[str, str]:
        """See `PillowCodec`."""
        return {
            "subsampling": "4:2:0",
            "speed": "6",
            "threads": "1",
            "encoder": f"aom {_encoder_version('aom')}",
        }


@dataclass(frozen=True)
class Jpeg2000(PillowCodec):
    """JPEG 2000, irreversible (9/7 wavelet, ICT), in as many bytes as JPEG takes at that QF.

    JPEG 2000 has no quality scale of its own: its encoders are told a size, or a PSNR. The size is
    here the one that `Jpeg`, 4:2:0, needs for the same image, so that a row of this codec and the
    row of ``jpeg`` at the same number compare two codecs at the same bits per pixel. Files come out
    within a few hundred bytes of that; at the highest QFs less is enough for every coefficient.
    """

    name: ClassVar[str] = "jpeg2000"
    quality: ClassVar[str] = "QF of the JPEG (4:2:0) of as many bytes"
    title: ClassVar[str] = "JPEG 2000"
    format: ClassVar[str] = "JPEG2000"
    feature: ClassVar[str] = "jpg_2000"
    library: ClassVar[str] = "OpenJPEG"
    longest: ClassVar[int] = 65500  # JPEG's, which sets the size

    def options(self, image: RGB, qf: int) -> dict[str, Any]:
        """See `PillowCodec`."""
        wanted = len(Jpeg().compress(image, qf).data)
        return {
            "quality_mode": "rates",
            "quality_layers": [max(1.0, image.size / wanted)],  # 1: all there is
            "irreversible": True,
            "mct": 1,
            # A level of the wavelet halves the image, which has to be there to be halved.
            "num_resolutions": min(6, min(image.shape[:2]).bit_length()),
        }

    def settings(self) -> dict[str, str]:
        """See `PillowCodec`."""
        jpeg = Jpeg().fingerprint()
        return {
            "wavelet": "9/7 wavelet",
            "resolutions": "6",
            "size": f"as large as JPEG {jpeg['subsampling']} by {jpeg['libjpeg']}",
        }


def _encoder_version(encoder: str) -> str | None:
    """The version of an AV1 encoder inside Pillow; None: it is not there."""
    from PIL import AvifImagePlugin

    version: str | None = AvifImagePlugin.get_codec_version(encoder)
    return version
