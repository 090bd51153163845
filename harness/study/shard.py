"""Every n-th image of a study: what one of n machines computes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.errors import UserError

T = TypeVar("T")


def is_shard_folder(name: str) -> bool:
    """Whether it is `Shard.folder` of some shard."""
    return re.fullmatch(r"shard-[0-9]+-of-[0-9]+", name) is not None


@dataclass(frozen=True)
class Shard:
    """The images at the places index - 1, index - 1 + count, ... of a data set's list.

    The shards of a count have all images together, and none twice, in numbers that differ by one at
    most. Not one stretch each: images of one kind often stand together in the list.

    Attributes:
        index: from 1 to ``count``.
        count: how many shards there are.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that ``i/n`` names.

        Raises:
            UserError: it names none.
        """
        numbers = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if numbers is None:
            raise UserError(f"--shard {text!r:.40} is not i/n, such as 1/4, the first of four.")
        index, count = map(int, numbers.groups())
        if not 1 <= index <= count:
            raise UserError(
                f"--shard {text}: shards are counted from 1/{count} to {count}/{count}."
            )
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def folder(self) -> str:
        """The name of its run directory."""
        return f"shard-{self.index}-of-{self.count}"

    def select(self, images: Sequence[T]) -> tuple[T, ...]:
        """Its images among all."""
        return tuple(images[self.index - 1 :: self.count])
