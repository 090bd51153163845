"""The run directory: manifest, ground truth and one file of records a cell.

Layout::

    manifest.json            study, identity, environment, data set, cells and their fingerprints
    manifest.copy.json       the same, for when it is lost
    truth/<task>.json.gz     what a metric needs besides the records
    records/<task>/<restorer>-q10.<fingerprint>.jsonl      of a cell that is being computed
    records/<task>/<restorer>-q10.<fingerprint>.jsonl.xz   of a finished one, compacted
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import resource
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from harness.assets.disk import writing
from harness.assets.reading import load_json, read_gzip, within_bounds
from harness.errors import HarnessError, UserError
from harness.plugins.record import Record
from harness.plugins.types import Json
from harness.records.atomic import finite, write_atomic
from harness.records.record_file import RecordFile, record_line
from harness.records.schema import FORMAT, READABLE, CellFiles, Manifest
from harness.study.shard import is_shard_folder

COPY = "manifest.copy.json"
"""Name of the manifest's second copy."""

_RECORDS = re.compile(r"\.[0-9a-f]{12}\.jsonl(\.xz)?$")
"""The end of the name of a file of records."""

_HANDLES = 128
"""Record files kept open at once, at most: a large grid has more cells than that."""


def most_open_files() -> int:
    """Record files kept open: a quarter of what the process may, `_HANDLES` at most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _HANDLES if soft == resource.RLIM_INFINITY else max(1, min(_HANDLES, soft // 4))


class RunDirectory:
    """A study's records on disk.

    Args:
        path: the directory; created on the first write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: dict[Path, int] = {}
        self._listed: tuple[tuple[int, int], Manifest] | None = None

    # -- manifest ---------------------------------------------------------------------------

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.path / "manifest.json"

    def manifest(self, path: Path | None = None) -> Manifest:
        """The manifest.

        Args:
            path: another file that holds it.

        Raises:
            UserError: there is none, or it was written by a newer version.
            HarnessError: it is damaged, or names files outside the directory.
        """
        try:
            written = load_json((path or self.manifest_path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UserError(
                f"{self.path} is not a run directory: it has no manifest.json. {self._instead()}"
            ) from error
        except NotADirectoryError as error:
            raise UserError(f"{self.path} is a file, not a run directory.") from error
        except (OSError, ValueError, RecursionError) as error:
            raise self._unreadable(str(error)) from error
        if not isinstance(written, dict):
            raise self._unreadable("it is no JSON object")
        if written.get("format") not in READABLE:
            readable = " and ".join(map(str, READABLE))
            raise UserError(
                f"{self.path} was written in format {written.get('format')}, this version reads "
                f"{readable}. Use the version that wrote it, or another --output."
            )
        try:
            return Manifest.model_validate(written)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise self._unreadable(f"{where}: {first['msg']}") from error

    def _instead(self) -> str:
        """What to do where there is no manifest."""
        inner = [path.parent for path in sorted(self.path.glob("*/manifest.json"))]
        if not inner:
            return "Make one with 'harness run --output DIR'."
        if all(is_shard_folder(path.name) for path in inner):
            merge = f"'harness merge {self.path}/shard-* --output {self.path}'"
            return f"It holds {len(inner)} shards: put them together with {merge}."
        return f"It holds {len(inner)}, name one: {', '.join(map(str, inner[:5]))}."

    def _unreadable(self, why: str) -> HarnessError:
        return HarnessError(
            f"{self.manifest_path} cannot be read: {why}. "
            f"'harness verify {self.path} --repair' puts the last good one in its place."
        )

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest in one step, and then the copy that `verify` falls back on."""
        data = (json.dumps(finite(manifest.to_json()), indent=1) + "\n").encode()
        write_atomic(self.manifest_path, data)
        write_atomic(self.copy_path, data)

    @property
    def copy_path(self) -> Path:
        """Where a second copy of the manifest is."""
        return self.path / COPY

    def touch(self) -> None:
        """Mark the run as the latest."""
        with writing(self.manifest_path):
            os.utime(self.manifest_path)

    def foreign(self) -> list[str]:
        """What lies here and is not ours, sorted, where there is no manifest.

        Files of records show that a run lost its manifest: then all is ours. Before there are any,
        the lock, the ground truth and the manifest's copy are: a run that was killed while it wrote
        its first manifest leaves them. So are shards, which wait to be merged.
        """
        if any(self._record_paths()):
            return []
        ours = {".lock", "truth", "manifest.json.damaged"}
        ours |= {f"{name}{end}" for name in (self.manifest_path.name, COPY) for end in ("", ".tmp")}
        names = [path.name for path in self.path.iterdir()]
        return sorted(name for name in names if name not in ours and not is_shard_folder(name))

    def _record_paths(self) -> Iterator[Path]:
        for path in (self.path / "records").rglob("*.jsonl*"):
            if _RECORDS.search(path.name):
                yield path

    def sweep(self) -> int:
        """Remove what kills left half-written; how many files. Nothing else may be writing here."""
        left = [path for path in self.path.glob("*.tmp") if path.is_file()]
        for folder in ("records", "truth", "metrics", "statistics"):
            left += [path for path in (self.path / folder).rglob("*.tmp") if path.is_file()]
        for path in left:
            with writing(path):
                path.unlink(missing_ok=True)
        return len(left)

    # -- ground truth -----------------------------------------------------------------------

    def write_truth(self, task: str, truth: Json) -> str:
        """Keep what ``task``'s metric needs besides the records; returns its sha256.

        Raises:
            UserError: it is more than is read again.
        """
        try:
            text = within_bounds(json.dumps(truth, separators=(",", ":")).encode())
        except ValueError as error:
            raise UserError(
                f"The ground truth of {task} cannot be kept: {error}. Take fewer images (--limit)."
            ) from error
        write_atomic(self.truth_path(task), gzip.compress(text, 6, mtime=0))
        return hashlib.sha256(text).hexdigest()

    def truth_path(self, task: str) -> Path:
        """The file of a task's ground truth."""
        return self._within(self.path / "truth" / f"{task}.json.gz")

    def truth(self, task: str) -> Json | None:
        """What `write_truth` kept, or None.

        Raises:
            HarnessError: it is damaged, or not the one that the manifest has the hash of.
        """
        path = self.truth_path(task)
        if not path.is_file():
            return None
        try:
            text = read_gzip(path)
            wanted = self._manifest_read().truth.get(task)
            if wanted and hashlib.sha256(text).hexdigest() != wanted:
                raise ValueError("it is not what the manifest has the hash of")
            return dict(load_json(text))
        except (OSError, ValueError, EOFError, zlib.error) as error:
            raise HarnessError(
                f"{path} is damaged: {error}. Delete it and run the study again: it is rewritten."
            ) from error

    def _manifest_read(self) -> Manifest:
        """The manifest, read again only when it was written; an empty one where there is none."""
        try:
            status = self.manifest_path.stat()
        except OSError:
            return Manifest()
        state = (status.st_mtime_ns, status.st_size)
        if self._listed is None or self._listed[0] != state:
            self._listed = (state, self.manifest())
        return self._listed[1]

    def _within(self, path: Path) -> Path:
        """Refuse a link that leads out of the directory: a stranger may have put it there.

        Raises:
            HarnessError: ``path`` is outside.
        """
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise HarnessError(
                f"{path} is a link out of {self.path}, where nothing is read or written. "
                "Put a file or a folder in its place."
            )
        return path

    # -- records ----------------------------------------------------------------------------

    def record_file(self, cell: CellFiles) -> RecordFile:
        """The file of a cell's records."""
        stem = f"{cell.key}.{cell.fingerprint[:12]}"
        folder = self.path / "records"
        return RecordFile(
            plain=self._within(folder / f"{stem}.jsonl"),
            compact=self._within(folder / f"{stem}.jsonl.xz"),
            cell=cell.fingerprint,
        )

    def records(self, cell: CellFiles) -> dict[str, Record]:
        """The records of a cell by image id; see `RecordFile.read`.

        Raises:
            HarnessError: the file is damaged, or holds a record of an image that is not the run's.
        """
        return self._known(cell, self.record_file(cell).read())

    def resume(self, cell: CellFiles) -> dict[str, Record]:
        """The records of a cell, after mending what a kill left; see `RecordFile.resume`.

        Raises:
            HarnessError: as in `records`.
        """
        return self._known(cell, self.record_file(cell).resume())

    def _known(self, cell: CellFiles, records: dict[str, Record]) -> dict[str, Record]:
        ids = self._manifest_read().data_set.known
        if ids:
            strays = [image for image in records if image not in ids]
            if strays:
                raise HarnessError(
                    f"The records of {cell.key} hold {len(strays)} of images that are not this "
                    f"run's ({strays[0]}). 'harness verify {self.path} --repair' takes them out."
                )
        return records

    def append(self, cell: CellFiles, record: Record) -> None:
        """Add the record of one image, in one write."""
        file = self.record_file(cell)
        data = record_line(record, cell.fingerprint)
        with writing(file.plain):
            handle = self._handle(file)
            if os.write(handle, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def drop_failed(self, cell: CellFiles) -> None:
        """Forget the failed records of a cell, so that those images are tried again."""
        file = self.record_file(cell)
        records = file.resume().values()
        kept = [record for record in records if not record.failed]
        if len(kept) < len(records):
            file.replace(kept)

    def compact(self) -> int:
        """Compact the files of the cells that have all their records; how many there were.

        The manifest is raised to the present format first: an older harness would take the cells
        for empty. Nothing else may be writing here (see `locked`).
        """
        manifest = self.manifest()
        images = manifest.ids_here
        count = len(images) or manifest.data_set.images

        def finished(records: Collection[str]) -> bool:
            return len(records) >= count > 0 and all(image in records for image in images)

        self.close()
        files = [self.record_file(cell) for cell in manifest.cells]
        if manifest.format < FORMAT and any(finished(file.read()) for file in files):
            self.write_manifest(manifest)
        return sum(file.compact_if(finished, images) for file in files)

    def close(self) -> None:
        """Flush to the disk and close."""
        while self._open:
            self._close_oldest()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second writer out; records are flushed when done.

        Raises:
            UserError: another process is writing here.
        """
        import fcntl

        lock = self.path / ".lock"
        with writing(lock):
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise UserError(
                f"Another harness is writing to {self.path}. "
                "Wait for it, or choose another --output."
            ) from error
        except OSError as error:
            os.close(handle)
            raise UserError(
                f"Cannot lock {lock}: {error.strerror}. Choose an --output on another file system."
            ) from error
        try:
            yield
        finally:
            self.close()
            os.close(handle)

    def _handle(self, file: RecordFile) -> int:
        path = file.plain
        if path not in self._open:
            file.open_up()
            if len(self._open) >= most_open_files():
                self._close_oldest()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[path] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        return self._open[path]

    def _close_oldest(self) -> None:
        handle = self._open.pop(next(iter(self._open)))
        os.fsync(handle)
        os.close(handle)
