"""The types that every package speaks of: an image, a prediction, a JSON mapping."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar

RGB = NDArray[np.uint8]
"""An image: (height, width, 3), uint8, RGB, 0..255."""

Json = dict[str, Any]
"""A JSON-serialisable mapping."""

ClassMap = NDArray[np.integer[Any]]
"""A segmenter's prediction: (height, width), any integer type, index into the model's labels."""

ClassScores = NDArray[np.floating[Any]]
"""A classifier's prediction: (classes,), float16, 32 or 64; more is surer."""

Prediction = TypeVar("Prediction", default=Any)
"""What a vision model predicts and its task understands; whatever the two agree on."""
