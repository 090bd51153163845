"""What a run should be cited with, as BibTeX: the harness, its method, restorers, models, data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from harness._version import __version__
from harness.errors import HarnessError
from harness.plugins import registry
from harness.records.schema import Manifest
from harness.report.page.provenance import METHOD, citation_line, used_assets

_LONG = re.compile(
    r"(?P<authors>[^:]+?): '?(?P<title>.+?)'?\. (?:(?P<venue>[^.]+?),? )?(?P<year>(?:19|20)\d\d)\b"
    r"(?: \((?P<arxiv>arXiv [\d.]+)\))?(?:, [^.:]*)?\.?\s*"
)
"""``Ren, He: 'Faster R-CNN'. NeurIPS 2015 (arXiv 1506.01497).``, perhaps several in a row."""

_SHORT = re.compile(
    r"(?P<authors>.+? et al\.|[^,]+? and [^,]+|(?:[A-Z][\w-]+, )*[A-Z][\w-]+), (?P<title>[^,]+), "
    r"(?:(?P<arxiv>arXiv [\d.]+), |(?P<venue>.+?) )(?P<year>\d{4})\.?"
)
"""``He et al., Deep Residual Learning for Image Recognition, CVPR 2016``."""

_DATA = {
    "coco": "Lin et al.: Microsoft COCO: Common Objects in Context. ECCV 2014 (arXiv 1405.0312).",
    "voc": "Everingham et al.: The Pascal Visual Object Classes Challenge: A Retrospective. "
    "International Journal of Computer Vision, 2015.",
}
"""By what a data set's name begins with."""

_PLAIN_WORDS = {"a", "an", "the", "on", "of", "for", "towards"}


class Reference(NamedTuple):
    """One entry.

    Attributes:
        key: unique among those of a run.
        fields: of the entry, in order, without braces.
    """

    key: str
    fields: tuple[tuple[str, str], ...]

    def text(self) -> str:
        """The entry."""
        lines = [f"  {name:<12} = {{{value}}}," for name, value in self.fields if value]
        return "\n".join([f"@misc{{{self.key},", *lines, "}"])


def bibtex(manifest: Manifest) -> str:
    """The entries of a run.

    Names of authors are as cards have them: surnames, or the first and "others".

    Args:
        manifest: of the run.

    Returns:
        An entry a reference; a comment for each restorer, model or data set without one.
    """
    entries = {"harness": _harness(manifest)}
    missing = []
    cited = [("the method", METHOD), *_papers(manifest)]
    for what, paper in cited:
        found = list(references(paper))
        for reference in found:
            entries.setdefault(reference.key, reference)
        if not found:
            missing.append(f"% {what}: no paper is known of it here.")
    return "\n\n".join([entry.text() for entry in entries.values()] + missing) + "\n"


def references(paper: str) -> Iterator[Reference]:
    """The references in what a card has as ``paper``."""
    text = " ".join(paper.split())
    found = list(_LONG.finditer(text)) or [
        match for part in text.split("; ") for match in _SHORT.finditer(part)
    ]
    for match in found:
        parts = match.groupdict()
        authors = _authors(parts["authors"])
        title, year = parts["title"], parts["year"]
        eprint = (parts["arxiv"] or "").removeprefix("arXiv ")
        yield Reference(
            _key(authors, title, year),
            (
                ("author", authors),
                ("title", f"{{{title}}}"),
                ("howpublished", parts["venue"] or ""),
                ("year", year),
                ("eprint", eprint),
                ("archiveprefix", "arXiv" if eprint else ""),
            ),
        )


def _authors(text: str) -> str:
    names = text.removesuffix(" et al.").replace(" and ", ", ").split(", ")
    others = ["others"] if text.endswith(" et al.") else []
    return " and ".join([*(f"{{{name}}}" if " " in name else name for name in names), *others])


def _key(authors: str, title: str, year: str) -> str:
    first = re.sub(r"\W", "", authors.split(" and ")[0]).lower()
    words = [word for word in re.findall(r"\w+", title.lower()) if word not in _PLAIN_WORDS]
    return f"{first}{year}{words[0] if words else ''}"


def _harness(manifest: Manifest) -> Reference:
    return Reference(
        "restoration-harness",
        (
            ("author", "{The restoration-harness authors}"),
            ("title", "{restoration-harness}"),
            ("version", manifest.harness or __version__),
            ("year", manifest.updated[:4]),
            ("note", citation_line(manifest)),
        ),
    )


def _papers(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """What is to be cited, and its reference as text."""
    for asset in used_assets(manifest):
        papers = dict.fromkeys(card.paper for card in asset.cards if card.paper)
        yield from ((asset.name, paper) for paper in papers)
        if not papers and asset.name not in _references():
            yield asset.name, _declared_paper(asset.name)
    name = manifest.data_set.name
    yield name, next((text for start, text in _DATA.items() if name.startswith(start)), "")


def _references() -> set[str]:
    """Restorers that are no method: nothing is cited for them."""
    known = registry.restorers()
    found = set()
    for name in known:
        try:
            if known.get(name).multi_model is None:
                found.add(name)
        except HarnessError:
            continue
    return found


def _declared_paper(name: str) -> str:
    """The paper of a restorer whose weights are the user's own."""
    known = registry.restorers()
    bare = name.partition(":")[0]
    return str(getattr(known.get(bare), "paper", "")) if bare in known else ""
