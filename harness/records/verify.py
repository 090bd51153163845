"""Whether a run directory is whole: every file held against the manifest and its checksums.

What is found is what reading would refuse, all of it at once, and what reading would pass over:
files that belong to no cell, leftovers of kills, cached numbers that the records do not give.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, UserError
from harness.plugins.record import Record
from harness.records.checksums import has_stamp, read_stamped
from harness.records.record_file import DAMAGED, RecordFile
from harness.records.run_directory import COPY, RunDirectory
from harness.records.schema import Manifest

CACHES = ("metrics", "statistics")
"""Folders of numbers that are computed again when they are not there."""

_TURNS = 3
"""How often a directory is looked at while it is mended."""


@dataclass(frozen=True)
class Finding:
    """Something wrong in a run directory.

    Attributes:
        path: the file.
        what: what is wrong with it, a clause.
        repair: mends or removes it; None where nothing can be done here.
    """

    path: Path
    what: str
    repair: Callable[[], None] | None = None


@dataclass(frozen=True)
class Verified:
    """What was looked at.

    Attributes:
        records: how many were read.
        unstamped: how many of them are of versions that wrote no checksums.
        findings: what is wrong.
    """

    records: int
    unstamped: int
    findings: tuple[Finding, ...]


def verify(directory: RunDirectory) -> Verified:
    """Look at everything in a run directory; nothing is changed.

    Raises:
        UserError: it is no run directory.
    """
    try:
        manifest = directory.manifest()
    except (UserError, HarnessError) as error:
        if not (directory.path / "records").is_dir() and not directory.copy_path.exists():
            raise
        return Verified(0, 0, (_lost_manifest(directory, str(error)),))
    records = unstamped = 0
    findings: list[Finding] = []
    expected: set[Path] = set()
    for cell in manifest.cells:
        try:
            file = directory.record_file(cell)
        except HarnessError as error:
            findings.append(Finding(directory.path / "records" / cell.key, str(error)))
            continue
        expected |= {file.plain, file.compact}
        read = _Reader(file, manifest)
        findings += read.findings()
        records, unstamped = records + read.records, unstamped + read.unstamped
    findings += [*_truths(directory, manifest), *_strays(directory, expected)]
    return Verified(records, unstamped, tuple(findings))


class _Reader:
    """One cell's records, line by line."""

    def __init__(self, file: RecordFile, manifest: Manifest) -> None:
        self.file, self.ids = file, manifest.data_set.known
        self.records = self.unstamped = 0

    def findings(self) -> list[Finding]:
        if self.file.compact.exists():
            return self._compact()
        return self._plain() if self.file.plain.exists() else []

    def _compact(self) -> list[Finding]:
        try:
            kept = self.file.read()
        except HarnessError as error:
            what = str(error).partition(" (")[2].partition("). '")[0]
            return [Finding(self.file.compact, what, _remover(self.file.compact))]
        self.records = len(kept)
        if not self.file.stamped():
            self.unstamped = len(kept)
        strays = [image for image in kept if self.ids and image not in self.ids]
        if not strays:
            return []
        mended = [record for image, record in kept.items() if image not in strays]
        what = f"{len(strays)} records of images that are not this run's ({strays[0]})"
        return [Finding(self.file.compact, what, lambda: self.file.replace(mended))]

    def _plain(self) -> list[Finding]:
        good: dict[str, Record] = {}
        wrong: list[str] = []
        if not self.file.plain.is_file():
            return [Finding(self.file.plain, "no file", _remover(self.file.plain))]
        lines = self.file.plain.read_bytes().split(b"\n")
        torn = lines.pop()
        for number, line in enumerate(lines, start=1):
            try:
                record = Record.from_json(read_stamped(line, self.file.cell))
            except DAMAGED as error:
                wrong.append(f"line {number}: {error}")
                continue
            if record.image in good:
                wrong.append(f"line {number}: a second record of the image {record.image}")
            elif self.ids and record.image not in self.ids:
                wrong.append(f"line {number}: {record.image} is no image of this run")
            else:
                good[record.image] = record
                self.unstamped += not has_stamp(line)
        self.records = len(good)
        if torn:
            wrong.append(f"line {len(lines) + 1}: cut short, as a kill leaves it")
        if not wrong:
            return []
        more = f" ({len(wrong)} such lines)" if len(wrong) > 1 else ""
        return [Finding(self.file.plain, wrong[0] + more, lambda: self.file.replace(good.values()))]


def _truths(directory: RunDirectory, manifest: Manifest) -> Iterator[Finding]:
    for task in dict.fromkeys(cell.task for cell in manifest.cells):
        try:
            path = directory.truth_path(task)
            if directory.truth(task) is None and task in manifest.truth:
                yield Finding(path, "missing; the next run writes it")
        except HarnessError as error:
            yield Finding(directory.path / "truth" / task, str(error), _remover(path))


def _strays(directory: RunDirectory, expected: set[Path]) -> Iterator[Finding]:
    for path in sorted((directory.path / "records").rglob("*")):
        if path not in expected and not path.is_dir():
            leftover = path.name.endswith(".tmp")
            what = "left by a kill" if leftover else "belongs to no cell of the manifest"
            yield Finding(path, what, _remover(path))


def _remover(path: Path) -> Callable[[], None]:
    def remove() -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    return remove


def _lost_manifest(directory: RunDirectory, why: str) -> Finding:
    copy = RunDirectory(directory.path)
    with suppress(UserError, HarnessError, OSError):
        copy.manifest(directory.copy_path)
        return Finding(
            directory.manifest_path,
            f"lost or damaged, its copy {COPY} is whole ({why})",
            lambda: _restore(directory),
        )
    again = "the same 'harness run' with this --output writes it again and keeps the records"
    if not directory.manifest_path.exists():
        return Finding(directory.manifest_path, f"lost, and so is its copy; {again}")
    return Finding(
        directory.manifest_path,
        f"lost or damaged, and so is its copy; with --repair it is put aside, and {again} ({why})",
        lambda: _put_aside(directory),
    )


def _restore(directory: RunDirectory) -> None:
    _put_aside(directory)
    shutil.copyfile(directory.copy_path, directory.manifest_path)


def _put_aside(directory: RunDirectory) -> None:
    with suppress(FileNotFoundError):
        directory.manifest_path.replace(directory.manifest_path.with_suffix(".json.damaged"))


def repair(
    directory: RunDirectory, found: Verified, tell: Callable[[Finding], None] = lambda finding: None
) -> tuple[int, list[Finding]]:
    """Mend what can be mended; cached numbers go, too.

    Against a manifest that came back, more may be wrong: that is mended as well.

    Args:
        directory: the run directory.
        found: what `verify` found in it.
        tell: told what is found besides.

    Returns:
        How many files were mended, and what is left.

    Raises:
        UserError: the directory is being written to.
    """
    mended = 0
    findings = list(found.findings)
    with directory.locked():
        for turn in range(_TURNS):
            wrong = [finding for finding in findings if finding.repair is not None]
            if turn:
                for finding in wrong:
                    tell(finding)
            for finding in wrong:
                assert finding.repair is not None
                finding.repair()
            mended += len(wrong)
            if not wrong:
                break
            for name in CACHES:
                shutil.rmtree(directory.path / name, ignore_errors=True)
            findings = list(verify(directory).findings)
    return mended, findings
