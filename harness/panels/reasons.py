"""Why an image is shown, in words."""

from __future__ import annotations

import math

from harness.analysis.metrics import printed
from harness.panels.changes import Changes


def asked(changes: Changes, image: str, between: tuple[str, str]) -> str:
    """What is said of an image that the user named."""
    if image not in changes.images:
        return f"Asked for; {between[0]} and {between[1]} are not both recorded for it."
    condition = changes.images.index(image)
    return f"Asked for; from {between[0]} to {between[1]} its {values(changes, condition)}."


def values(changes: Changes, condition: int) -> str:
    """Both values of the image at a place of ``changes``, and which way they go."""
    a, b = float(changes.a[condition]), float(changes.b[condition])
    left, right = printed(a, changes.digits), printed(b, changes.digits)
    if a == b or math.isnan(a) or math.isnan(b):
        return f"{changes.metric} goes from {left} to {right}"
    return f"{changes.metric} {'rises' if b > a else 'falls'} from {left} to {right}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th..."""
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
