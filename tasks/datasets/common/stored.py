"""A data set of files that need not all be here, nor fit each other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from harness.errors import UserError
from harness.plugins import DataSet, ImageRef
from tasks.datasets.common.files import contents_sha256, present


class FileDataSet(DataSet):
    """Images in files, with annotations in others.

    `available` checks the images of a run, and `fingerprint` is of those alone, so that the first
    images of a large data set can be used when only they are here.
    """

    _chosen: tuple[ImageRef, ...] | None = None
    _sha256: tuple[int, str] | None = None

    @cached_property
    @abstractmethod
    def listed(self) -> tuple[ImageRef, ...]:
        """Every image of the data set, here or not, in order."""

    def available(self, limit: int | None = None) -> None:
        """Check that the images of a run are here and fit their annotations.

        To be called before `images`, which otherwise checks all.

        Args:
            limit: of only the first images.

        Raises:
            UserError: images are missing (how many, which first, what works instead), or do not
                fit their annotations.
        """
        wanted = self.listed[:limit]
        absent = [ref for ref in wanted if ref.path not in self._here]
        if absent:
            raise UserError(self._missing(wanted, absent))
        self.check(wanted)
        self._chosen = wanted

    def images(self) -> Sequence[ImageRef]:
        """All images, in order; checked by `available`.

        Raises:
            UserError: see `available`.
        """
        if self._chosen is None:
            self.available()
        return self.listed

    def check(self, refs: Sequence[ImageRef]) -> None:
        """Refuse images that do not fit their annotations, before any of them is used.

        Raises:
            UserError: which, and why.
        """

    def tell(self, *sentences: str) -> None:
        """Add to `notice` what it does not say yet."""
        said = self.notice.splitlines()
        added = [sentence for sentence in dict.fromkeys(sentences) if sentence not in said]
        self.notice = "\n".join([*said, *filter(None, added)])

    def files(self, ref: ImageRef) -> tuple[Path, ...]:
        """The files that an image's ground truth and pixels come from."""
        return (ref.path,)

    def identity(self) -> dict[str, str]:
        """What identifies the data besides the contents of `files`."""
        return {}

    def fingerprint(self) -> dict[str, str]:
        """`identity`, and the sha256 over ids and contents of the files that `available` checked.

        Files are read at the first call; later ones give the same answer.
        """
        if self._chosen is None:
            self.available()
        chosen = self._chosen or ()
        if self._sha256 is None or self._sha256[0] != len(chosen):
            sha256 = contents_sha256((ref.id, self.files(ref)) for ref in chosen)
            self._sha256 = len(chosen), sha256
        return {**self.identity(), "images": self._sha256[1]}

    def advice(self, limit: int | None) -> str:
        """What to do about missing images, as the end of a sentence."""
        return "put them there"

    @cached_property
    def _here(self) -> set[Path]:
        return present(ref.path for ref in self.listed)

    def _missing(self, wanted: Sequence[ImageRef], absent: Sequence[ImageRef]) -> str:
        part = len(wanted) < len(self.listed)
        leading = wanted.index(absent[0])
        instead = f", or run on the first {leading} with --limit {leading}" if leading else ""
        return (
            f"{self.name}: {len(absent)} of {'the first ' if part else 'its '}{len(wanted)} images "
            f"are missing, {absent[0].path} first: "
            f"{self.advice(len(wanted) if part else None)}{instead}."
        )
