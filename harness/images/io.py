"""Image files in and out, without loss."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import UserError
from harness.plugins.image_files import VERSION, fingerprint, read_image

__all__ = ["VERSION", "fingerprint", "read_image", "write_png"]


def write_png(image: NDArray[np.uint8], path: Path) -> None:
    """Write an image losslessly; ``path`` holds the old file or the whole new one, never a part.

    Args:
        image: (height, width, 3) uint8 RGB, or (height, width) uint8 grey or class indices.
        path: a ``.png`` file; missing folders are made.

    Raises:
        UserError: the file cannot be written.
        ValueError: ``image`` is of another shape or type, or ``path`` no ``.png``.
    """
    grey, colour = image.ndim == 2, image.ndim == 3 and image.shape[-1] == 3
    if image.dtype != np.uint8 or not (grey or colour) or not image.size:
        raise ValueError(f"an image is (height, width, 3) uint8, not {image.shape} {image.dtype}")
    if path.suffix.lower() != ".png":
        raise ValueError(f"images are kept as PNG, not as {path.name}")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Level 2 takes a fifth of the default's time for a tenth more bytes.
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, "PNG", compress_level=2)
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"Cannot write {path}: {error.strerror or error}; check the folder's rights and free "
            "space."
        ) from error
    finally:
        with suppress(OSError):  # gone by now, unless something failed
            temporary.unlink()
