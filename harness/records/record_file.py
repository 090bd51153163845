"""The records of one cell on disk: plain lines while it is computed, compact when it is finished.

A record is one line of JSON, appended in a single write. A kill can at worst leave a torn last
line, which is dropped and computed again. The compact file (`harness.records.columns`) is written
beside the plain one, put in place in one step, then the plain one is removed: where a kill leaves
both, the compact one counts. The way back is the same, the other way round.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.assets.disk import writing
from harness.errors import HarnessError
from harness.plugins.record import Record
from harness.records.atomic import finite, write_atomic
from harness.records.checksums import read_stamped, stamped
from harness.records.columns import (
    compress,
    content_hash,
    decompress,
    read_content_hash,
    read_header,
)

DAMAGED = (ValueError, LookupError, TypeError, AttributeError)
"""What reading something else than a record raises."""


def record_line(record: Record, cell: str) -> bytes:
    """The line of a record in the plain file of the cell with this fingerprint."""
    # ASCII, with escapes: file names, and so image ids, need not be valid Unicode.
    text = json.dumps(finite(record.to_json()), separators=(",", ":"))
    return stamped(text.encode(), cell) + b"\n"


@dataclass(frozen=True)
class RecordFile:
    """The file of a cell's records, in either form.

    Attributes:
        plain: where it is while the cell is computed.
        compact: where it is when the cell is finished.
        cell: the cell's fingerprint.
    """

    plain: Path
    compact: Path
    cell: str

    def read(self) -> dict[str, Record]:
        """The records by image id. A torn last line is left out.

        Raises:
            HarnessError: a line before the last is damaged, or the compact file is.
        """
        for _ in range(2):  # a run may be turning one file into the other
            with suppress(FileNotFoundError):
                return self._read_compact()
            with suppress(FileNotFoundError):
                return self._read_plain()[0]
        return {}

    def resume(self) -> dict[str, Record]:
        """The records, after mending what a kill left: a torn last line, a second file.

        Raises:
            HarnessError: as in `read`.
        """
        if self.compact.exists():
            records = self._read_compact()
            _remove(self.plain)
            return records
        try:
            records, whole, size = self._read_plain()
        except FileNotFoundError:
            return {}
        if whole < size:
            with writing(self.plain):
                os.truncate(self.plain, whole)
        return records

    def open_up(self) -> None:
        """Make a compact file plain, so that records can be added."""
        if self.compact.exists():
            self.replace(self.resume().values())

    def replace(self, records: Iterable[Record], finished: bool = False) -> None:
        """Put these records in place of all that are there.

        Args:
            records: each image once.
            finished: these are all there will be, in order: the file is compact.
        """
        records = list(records)
        lines = [record_line(record, self.cell) for record in records]
        if finished:
            with suppress(ValueError):  # so many that they would not be read again
                self._write_compact(records, content_hash(lines))
                return
        write_atomic(self.plain, b"".join(lines))
        _remove(self.compact)

    def compact_if(
        self, finished: Callable[[dict[str, Record]], bool], order: Sequence[str]
    ) -> bool:
        """Make a plain file compact.

        Args:
            finished: whether these records, by image id, are all there will be.
            order: image ids; the records are put in it.

        Returns:
            Whether it was plain and is compact now.
        """
        if self.compact.exists() or not self.plain.exists():
            return False
        records = self.resume()
        if not finished(records):
            return False
        places = {image: place for place, image in enumerate(order)}
        ordered = sorted(
            records.values(), key=lambda r: (places.get(r.image, len(places)), r.image)
        )
        try:
            self._write_compact(ordered, self.content_hash())
        except ValueError:  # so many that they would not be read again
            return False
        return True

    def _write_compact(self, records: Sequence[Record], content: str) -> None:
        written = [finite(record.to_json()) for record in records]
        write_atomic(self.compact, compress(written, content, self.cell))
        _remove(self.plain)

    def content_hash(self) -> str:
        """A hash of the records, the same before and after compaction; empty without any.

        Raises:
            HarnessError: the compact file is damaged.
        """
        for _ in range(2):  # as in `read`
            with suppress(FileNotFoundError):
                return self._read_content_hash()
            with suppress(FileNotFoundError):
                lines = self._plain_bytes().splitlines(keepends=True)
                return content_hash(line for line in lines if line.endswith(b"\n"))
        return ""

    def stamped(self) -> bool:
        """Whether a compact file has a checksum: those of earlier versions have none."""
        return b'"check"' in read_header(self.compact)

    def delete(self) -> None:
        """Remove what is there."""
        _remove(self.plain)
        _remove(self.compact)

    def _read_compact(self) -> dict[str, Record]:
        try:
            written = decompress(self.compact.read_bytes(), self.cell)
            records: dict[str, Record] = {}
            for record in map(Record.from_json, written):
                _add(record, records)
            return records
        except FileNotFoundError:
            raise
        except (*DAMAGED, OSError) as error:
            raise self._damaged(error) from error

    def _read_content_hash(self) -> str:
        try:
            return read_content_hash(self.compact)
        except FileNotFoundError:
            raise
        except (*DAMAGED, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> HarnessError:
        return HarnessError(
            f"{self.compact} is damaged ({error}). 'harness verify --repair' takes it out; then "
            "run the study again: its images are computed again."
        )

    def _plain_bytes(self) -> bytes:
        try:
            return self.plain.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise HarnessError(
                f"{self.plain} cannot be read: {error.strerror}. 'harness verify --repair' takes "
                "out what is no file."
            ) from error

    def _read_plain(self) -> tuple[dict[str, Record], int, int]:
        """Records by image, the length of the whole lines, and the length of the file."""
        data = self._plain_bytes()
        whole = data.rfind(b"\n") + 1
        records: dict[str, Record] = {}
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                _add(Record.from_json(read_stamped(line, self.cell)), records)
            except DAMAGED as error:
                raise HarnessError(
                    f"{self.plain}, line {number} is damaged ({error}). 'harness verify --repair' "
                    "takes it out; then run the study again: the image is computed again."
                ) from error
        return records, whole, len(data)


def _add(record: Record, records: dict[str, Record]) -> None:
    if record.image in records:
        raise ValueError(f"a second record of the image {record.image}")
    records[record.image] = record


def _remove(path: Path) -> None:
    with writing(path):
        path.unlink(missing_ok=True)
