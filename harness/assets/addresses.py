"""Which addresses are downloaded from, and where they may lead on to.

Files come by https. A redirect may stay on its host or go to where that host is known to keep its
files: anything else is most likely a portal, a proxy or somebody else's file.
"""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.parse import urlsplit

from harness.errors import HarnessError, UserError

PLAIN_HOSTS = ("images.cocodataset.org", "host.robots.ox.ac.uk")
"""Hosts of data sets that have no https (of their own name)."""

LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")

STORES = {
    "github.com": ("githubusercontent.com", "codeload.github.com"),
    "huggingface.co": ("huggingface.co", "hf.co"),
    "zenodo.org": ("zenodo.org",),
    "host.robots.ox.ac.uk": ("robots.ox.ac.uk",),
    "drive.google.com": ("googleusercontent.com", "drive.usercontent.google.com"),
    "dl.fbaipublicfiles.com": ("fbaipublicfiles.com",),
    "download.pytorch.org": ("pytorch.org",),
    "download.openmmlab.com": ("openmmlab.com",),
}
"""Host to the domains where it keeps its files."""


def check_address(url: str, sha256: str = "") -> None:
    """Refuse an address that is not to be downloaded from.

    Args:
        url: of a file.
        sha256: of the file, if known: then plain http cannot pass another one off as it.

    Raises:
        UserError: it is no web address, or plain http where https is wanted.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"Cannot download {url}: give an address that begins with https://.")
    plain = parts.scheme == "http"
    if plain and not sha256 and parts.hostname not in (*PLAIN_HOSTS, *LOCAL_HOSTS):
        raise UserError(
            f"Cannot download {url}: plain http can be changed on its way. Give its https:// "
            "address, or its sha256 in the card."
        )


def leads_to(source: str, target: str) -> bool:
    """Whether a redirect from one address to another is one that is expected."""
    here, there = urlsplit(source), urlsplit(target)
    if there.scheme != "https" and (there.scheme, here.scheme) != ("http", "http"):
        return False
    if there.hostname == here.hostname:
        return True
    domains = STORES.get(here.hostname or "", ())
    return any(_of(there.hostname or "", domain) for domain in domains)


def _of(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows the redirects that `leads_to` expects."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """See the base class.

        Raises:
            HarnessError: the server sends on to somewhere else.
        """
        if not leads_to(req.full_url, newurl):
            raise HarnessError(
                f"{req.full_url} sends on to {newurl}, which is not where that host keeps its "
                "files: a proxy or a login may stand between. If the address is right, name it "
                "itself as the url."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)
