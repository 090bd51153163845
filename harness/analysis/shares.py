"""What share one number is of another, or why there is none."""

from __future__ import annotations

from harness.analysis.drawn import BootstrapStatistic
from harness.analysis.significance import BASELINE


def recovered(
    restored: BootstrapStatistic | None,
    jpeg: BootstrapStatistic | None,
    original: BootstrapStatistic | None,
    condition: str,
    why: str,
) -> tuple[BootstrapStatistic | None, str]:
    """The share of jpeg's loss given back, (restored - jpeg) / (original - jpeg).

    Args:
        restored: the metric of a restorer; None where it has no numbers.
        jpeg: that of the images as compressed, likewise.
        original: that of the uncompressed images, likewise.
        condition: where, for the reason: " at QF 20".
        why: the reason where ``restored`` or ``jpeg`` is missing.

    Returns:
        The share and "", or None and why there is none, a clause without a full stop.
    """
    if restored is None or jpeg is None:
        return None, why
    loss = None if original is None else original.minus(jpeg)
    return share(restored.minus(jpeg), loss, f"original - {BASELINE}{condition}", why)


def share(
    top: BootstrapStatistic | None, bottom: BootstrapStatistic | None, called: str, why: str
) -> tuple[BootstrapStatistic | None, str]:
    """``top / bottom``, refused where ``bottom`` may be 0.

    Args:
        top: the numerator; None where it is missing.
        bottom: the denominator; None where the uncompressed images are not scored.
        called: the name of the denominator, for the reason.
        why: the reason where ``top`` is missing.

    Returns:
        As those of `recovered`.
    """
    if bottom is None:
        return None, "the uncompressed images are not scored"
    if top is None:
        return None, why
    if not len(bottom.draws):
        return None, "without draws of the images nothing says whether its denominator is 0"
    if not bottom.above_zero():
        return None, f"{called} is not clearly above 0"
    return top.over(bottom), ""
