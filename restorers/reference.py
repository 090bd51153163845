"""The two columns that are no network: the uncompressed image, and the compressed one as it is."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.plugins import RGB, Compressed, Restorer

VERSION = "1"


class Original(Restorer):
    """The uncompressed image: what a perfect restorer would give back."""

    name = "original"
    reference = True

    def fingerprint(self, qf: int) -> dict[str, str]:
        """The same at every ``qf``: nothing was compressed."""
        return {"name": self.name, "version": VERSION}

    def restore(self, compressed: Compressed) -> RGB:
        """Always refused: a compressed file does not hold the original.

        Raises:
            HarnessError: always.
        """
        raise HarnessError(
            "The reference 'original' cannot restore a compressed file: hand the uncompressed "
            "image itself to the vision model where a restorer says reference = True."
        )


class JpegReference(Restorer):
    """No restoration: the decoded file, which every restorer has to beat."""

    name = "jpeg"
    thread_safe = True

    def fingerprint(self, qf: int) -> dict[str, str]:
        """The same at every ``qf``: what the codec did is the codec's fingerprint."""
        return {"name": self.name, "version": VERSION}

    def restore(self, compressed: Compressed) -> RGB:
        """The decoded pixels, unchanged: (height, width, 3) uint8 RGB."""
        return compressed.pixels
