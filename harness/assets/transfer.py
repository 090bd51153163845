"""One answer of a web server, appended to the part of a file that is here already."""

from __future__ import annotations

import http.client
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from harness._version import __version__
from harness.assets.addresses import Redirects
from harness.assets.cards import megabytes
from harness.errors import HarnessError

Progress = Callable[[int, int | None], None]
"""Told the bytes that are here and how many there will be, if that is known."""

CHUNK = 1 << 18
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

LARGEST = 200 * 10**9
"""Bytes of a file whose size is not known beforehand, at most."""

SLOWEST = 20_000
"""Bytes a second: a download that takes longer than its size at this rate is ended."""

PATIENCE = 600.0
"""Seconds that any download may take, however small."""

WEB_PAGES = ("text/html", "application/xhtml+xml")
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""HTTP errors that another try may not meet."""


class BrokenError(Exception):
    """The connection failed in a way that another try may not meet."""


@dataclass(frozen=True)
class DownloadJob:
    """One file to download.

    Attributes:
        url: http or https.
        target: where the file goes.
        size: of the file, bytes, if known.
        sha256: lower-case hex, all of it or its beginning, or empty.
        progress: see `Progress`.
        md5: lower-case hex, or empty.
        setting: what names another place, for messages.
        began: when it was first asked for, `time.monotonic`.
    """

    url: str
    target: Path
    size: int | None
    sha256: str
    progress: Progress
    md5: str = ""
    setting: str = "HARNESS_CACHE"
    began: float = field(default_factory=time.monotonic)

    @property
    def limit(self) -> int:
        """Bytes that are taken at most."""
        return LARGEST if self.size is None else self.size

    def check_time(self, total: int | None) -> None:
        """End a download that trickles.

        Args:
            total: bytes of the whole file, if known.

        Raises:
            HarnessError: its time is up; what came is kept.
        """
        allowed = PATIENCE + (self.size or total or self.limit) / SLOWEST
        if time.monotonic() - self.began > allowed:
            raise HarnessError(
                f"{self.url} is too slow: after {allowed:.0f} s it has not all come. Run the same "
                f"command at another time: it goes on where it stopped; {self.by_hand}"
            )

    @property
    def part(self) -> Path:
        """What has come so far."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def tag(self) -> Path:
        """Which version of the remote file the part is of, so that two are never joined."""
        return self.target.with_name(self.target.name + ".part.tag")

    @property
    def by_hand(self) -> str:
        """The end of a sentence: what the user can always do."""
        return f"or download it with another program and put it at {self.target}."


def receive(job: DownloadJob, file: IO[bytes]) -> None:
    """Ask once, for what is missing, and append what comes.

    Args:
        job: what is wanted.
        file: its part, open for appending.

    Raises:
        BrokenError: the connection failed; ``file`` holds what came.
        HarnessError: the server has no such file, or another one; it is too large for the disk.
        OSError: ``file`` cannot be written.
    """
    have = file.tell()
    headers = {"User-Agent": f"restoration-harness/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if job.tag.is_file():
            headers["If-Range"] = job.tag.read_text(encoding="ascii")
    response = _opened(job, headers, file)
    if response is None:
        return
    with response:
        total = _place(job, response, file)
        first = file.tell() == 0
        while chunk := _read(response):
            if first and chunk.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
                raise _web_page(job)
            first = False
            if file.tell() + len(chunk) > job.limit:
                start_over(file)
                raise HarnessError(
                    f"{job.url} sends more than the {job.limit} bytes that are expected: it is "
                    f"another file, or none that ends. Nothing of it is kept; {job.by_hand}"
                )
            file.write(chunk)
            job.check_time(total)
            job.progress(file.tell(), total)
    if file.tell() == 0:
        raise HarnessError(f"{job.url} gave an empty file. Look at the address, {job.by_hand}")
    if total is not None and file.tell() < total:
        raise BrokenError(f"the connection closed after {file.tell()} of {total} bytes")


def start_over(file: IO[bytes]) -> None:
    """Forget what has come."""
    file.truncate(0)
    file.seek(0)


def _opened(job: DownloadJob, headers: dict[str, str], file: IO[bytes]) -> Any:
    """The server's answer; None: there is nothing more to come."""
    request = urllib.request.Request(job.url, headers=headers)
    try:
        return urllib.request.build_opener(Redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and "Range" in headers:
            if error.headers.get("Content-Range") == f"bytes */{file.tell()}":
                return None
            start_over(file)
            raise BrokenError("the server has less than was received before") from error
        if error.code in PASSING:
            raise BrokenError(f"the server answered {error.code} {error.reason}") from error
        raise HarnessError(
            f"Cannot download {job.url}: the server answered {error.code} {error.reason}. Look at "
            f"the address in a browser, {job.by_hand}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise HarnessError(
                f"Cannot download {job.url}: its certificate is not trusted "
                f"({reason.verify_message}). Behind a proxy that has a certificate of its own, "
                f"name its file in SSL_CERT_FILE, {job.by_hand}"
            ) from error
        raise BrokenError(f"{urlsplit(job.url).hostname} cannot be reached ({reason})") from error


def _place(job: DownloadJob, response: Any, file: IO[bytes]) -> int | None:
    """Go to where the answer belongs in the file, and say how long the whole will be."""
    if "Content-Type" in response.headers and response.headers.get_content_type() in WEB_PAGES:
        raise _web_page(job)
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status == 206:
        start, total = _range(response.headers.get("Content-Range", ""))
        if start != file.tell():
            start_over(file)
            raise BrokenError("the server sent another part of the file than it was asked for")
    else:
        start_over(file)
        strong = response.headers.get("ETag", "")
        tag = strong if strong.startswith('"') else response.headers.get("Last-Modified", "")
        job.tag.unlink(missing_ok=True)
        if tag and tag.isascii():
            job.tag.write_text(tag, encoding="ascii")
    if total is not None:
        _check_length(job, total, file.tell())
    return total


def _check_length(job: DownloadJob, total: int, have: int) -> None:
    """Refuse a file of the wrong length, or one that the disk cannot hold, before it comes."""
    if job.size is not None and total != job.size:
        raise HarnessError(
            f"{job.url} has another file than expected: {total} bytes instead of {job.size}. It "
            f"was changed where it comes from: look there for the one that is meant, {job.by_hand}"
        )
    if total > job.limit:
        raise HarnessError(
            f"{job.url} is a file of {megabytes(total)}; without a known size at most "
            f"{megabytes(job.limit)} are taken. Give its size in the card, {job.by_hand}"
        )
    free = shutil.disk_usage(job.target.parent).free
    if total - have > free:
        raise HarnessError(
            f"The disk is full: {job.target} needs {megabytes(total - have)} more, and "
            f"{megabytes(free)} are free. Free some space, or set {job.setting} to another disk."
        )


def _range(header: str) -> tuple[int, int | None]:
    """First byte and total length of a ``Content-Range: bytes 5-9/10``."""
    span, _, total = header.removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    return int(start) if start.isdecimal() else -1, int(total) if total.isdecimal() else None


def _read(response: Any) -> bytes:
    try:
        return bytes(response.read(CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise BrokenError(f"the connection broke ({str(error) or type(error).__name__})") from error


def _web_page(job: DownloadJob) -> HarnessError:
    return HarnessError(
        f"{job.url} gave a web page instead of the file: a proxy or a login may stand between. "
        f"Open it in a browser to see, {job.by_hand}"
    )
