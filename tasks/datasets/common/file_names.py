"""File names of annotations that are written a little otherwise than the files are called.

Backslashes, percent signs for other characters, capitals, the two ways in which Unicode writes an
accent, and folders that are there twice: where the mended name is that of one file, that file is
meant, and the user is told.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote


def leads_out(name: str) -> bool:
    """Whether a name of an annotation file, joined to a folder, may lead out of that folder."""
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or bool(PureWindowsPath(name).drive) or ".." in parts


def comparable(name: str) -> str:
    """A name whose capitals and Unicode form make no difference."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def alike(wanted: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Which name of ``known`` each of ``wanted`` is but for capitals and Unicode's form.

    Only pairs of which neither has another partner are in it.
    """
    ours, theirs = _by_form(wanted), _by_form(known)
    return {
        names[0]: theirs[form][0]
        for form, names in ours.items()
        if len(names) == 1 and len(theirs.get(form, ())) == 1
    }


def _by_form(names: Iterable[str]) -> dict[str, list[str]]:
    forms: dict[str, list[str]] = {}
    for name in names:
        forms.setdefault(comparable(name), []).append(name)
    return forms


class NameMender:
    """The files in a folder and below it, found by names that are nearly theirs.

    Args:
        folder: what names are relative to; only the folders on the way to a file are listed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listings: dict[Path, Mapping[str, list[str]]] = {}

    def find(self, name: str) -> str | None:
        """The path, relative to the folder, of the one file that a name can mean; None: none is.

        Args:
            name: relative, perhaps with folders in front that lead to the folder itself.
        """
        plain = name.replace("\\", "/")
        for written in dict.fromkeys((plain, unquote(plain))):
            parts = [part for part in written.split("/") if part not in ("", ".")]
            if ".." in parts:
                continue
            for start in range(len(parts)):
                found = self._follow(parts[start:])
                if found is not None:
                    return found
        return None

    def _follow(self, parts: list[str]) -> str | None:
        here, names = self._folder, []
        for part in parts:
            alike = self._listing(here).get(comparable(part), [])
            if part in alike:
                alike = [part]
            if len(alike) != 1:
                return None
            names.append(alike[0])
            here = here / alike[0]
        return "/".join(names) if names and not here.is_dir() else None

    def _listing(self, folder: Path) -> Mapping[str, list[str]]:
        if folder not in self._listings:
            names: dict[str, list[str]] = {}
            try:
                for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names suffice
                    names.setdefault(comparable(name), []).append(name)
            except OSError:
                names = {}
            self._listings[folder] = names
        return self._listings[folder]


def mend_names(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The files that names mean which are none: relative paths by the names.

    Names that would mean one file are left alone, and so are those that mean the file of another.

    Args:
        folder: see `NameMender`.
        names: those that no file has.
    """
    mender = NameMender(folder)
    meant = {name: found for name in names if (found := mender.find(name)) is not None}
    counts: dict[str, int] = {}
    for found in meant.values():
        counts[found] = counts.get(found, 0) + 1
    return {name: found for name, found in meant.items() if counts[found] == 1}


def difference(name: str, file: str) -> str:
    """In which way a name is not that of the file that it means, in a word or two."""
    kinds = []
    if "\\" in name and "\\" not in file:
        name = name.replace("\\", "/")
        kinds.append("backslashes")
    if "%" in name and "%" not in file:
        name = unquote(name)
        kinds.append("percent signs")
    if name.count("/") > file.count("/"):
        name = "/".join(name.split("/")[-1 - file.count("/") :])
        kinds.append("a folder too many")
    if comparable(name) != comparable(file):
        kinds.append("a suffix")
    elif unicodedata.normalize("NFC", name) != unicodedata.normalize("NFC", file):
        kinds.append("capitals")
    elif name != file:
        kinds.append("another Unicode form")
    return " and ".join(kinds)


def mended_notice(source: str, mended: Mapping[str, str], count: int) -> str:
    """What to tell about names that were mended, or nothing.

    Args:
        source: the file that has the names, for the message.
        mended: see `mend_names`.
        count: of all names.
    """
    if not mended:
        return ""
    name, file = next(iter(mended.items()))
    return (
        f"{source}: {len(mended)} of {count} file names are written otherwise than the files are "
        f"called, {name!a} first ({difference(name, file)}): taken for {file!a}."
    )
