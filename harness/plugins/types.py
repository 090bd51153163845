"""The types that every package speaks of: an image, a JSON mapping."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
"""An image: (height, width, 3), uint8, RGB, 0..255."""

Json = dict[str, Any]
"""A JSON-serialisable mapping."""
