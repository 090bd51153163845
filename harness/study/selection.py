"""A study's restorers looked up: by name, by name and variant, by weights file, or all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.assets.cards import read_card
from harness.assets.programs import python_spec
from harness.errors import UserError
from harness.plugins import Restorer, registry
from harness.study.device import CPU, Device
from harness.study.overrides import NONE
from harness.study.plugin_checks import check_restorer
from harness.study.study import Study

ALL = "all"
SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".onnx", ".ts", ".mat")
"""What ends like this is a weights file, even one that is not there."""


@dataclass(frozen=True)
class Selection:
    """The restorers of a study.

    Attributes:
        restorers: by name, in table order.
        specs: what the study calls each: the same name, name and variant, or a path.
        skipped: why a restorer of ``all`` cannot run at a QF.
        left_out: why restorers of ``all`` cannot run at all.
        wanted: names of the restorers that the user named.
        unmoved: those that have a network and do not run on the device that was asked for.
    """

    restorers: dict[str, Restorer]
    specs: dict[str, str]
    skipped: dict[tuple[str, int | None], str]
    left_out: tuple[str, ...]
    wanted: frozenset[str] = frozenset()
    unmoved: tuple[str, ...] = ()

    def named(self, name: str) -> bool:
        """Whether the user named this restorer, rather than ``all``."""
        return name in self.wanted


def original_restorer() -> Restorer:
    """The restorer that gives back the uncompressed image, from the registry.

    Raises:
        UserError: nobody declares one.
    """
    known = registry.restorers()
    for name in known:
        with contextlib.suppress(UserError):  # a plugin that cannot be loaded is not it
            maker = known.get(name)
            if maker.reference:
                return maker.make()
    raise UserError(
        "No restorer gives the uncompressed image, which the sanity check needs: install the "
        "project again, or run with --no-sanity-check."
    )


def select_restorers(
    study: Study, overrides: Mapping[str, Restorer] = NONE, device: Device = CPU
) -> Selection:
    """The restorers of ``study``, ready for its QFs.

    ``all`` are the registered ones. One of them that cannot be loaded, or has no weights of its own
    and cannot run at any of the QFs, is left out; one without weights at some QF is unready there.
    What the user named must run.

    Args:
        study: names them.
        overrides: restorers by name that are taken as they are.
        device: where they are to run.

    Raises:
        UserError: an unknown name or variant, a file that nobody can open, no weights for a QF,
            two restorers that tables would call the same.
    """
    made: dict[str, Restorer] = {}
    specs: dict[str, str] = {}
    skipped: dict[tuple[str, int | None], str] = {}
    left_out = []
    unmoved: list[str] = []
    wanted = set()
    for spec, named in _specs(study):
        try:
            restorer = overrides[spec] if spec in overrides else _make(spec, study)
            check_restorer(spec, restorer)
            placed = restorer.place(device.name)
            reasons = _prepare(restorer, study.qf, named)
        except UserError as error:
            if named:
                raise
            left_out.append(str(error))
            continue
        if len(reasons) == len(study.qf) and not _ships_weights(restorer):
            left_out.append(next(iter(reasons.values())))
            continue
        name = restorer.name
        if name in made:
            raise UserError(
                f"Two restorers would be called {name} in the table: {specs[name]} and {spec}. "
                "Rename one of the files, or leave one out."
            )
        made[name], specs[name] = restorer, spec
        if placed != device.name and restorer.multi_model is not None:
            unmoved.append(name)
        if named:
            wanted.add(name)
        skipped |= {(name, qf): reason for qf, reason in reasons.items()}
    group = {None: 0, True: 1, False: 2}
    order = sorted(
        made.values(), key=lambda r: (group[r.multi_model], not r.reference, r.year, r.name)
    )
    ordered = {r.name: r for r in order}
    return Selection(
        restorers=ordered,
        specs=specs,
        skipped=skipped,
        left_out=tuple(left_out),
        wanted=frozenset(wanted),
        unmoved=tuple(unmoved),
    )


def _specs(study: Study) -> Iterator[tuple[str, bool]]:
    """What to make, and whether the user named it."""
    known = registry.restorers()
    if ALL in study.restorers:
        yield from ((name, name in study.restorers) for name in known)
    for spec in study.restorers:
        if spec != ALL and not (ALL in study.restorers and spec in known):
            yield spec, True


def _make(spec: str, study: Study) -> Restorer:
    """The restorer of ``NAME``, ``NAME:VARIANT`` or a path.

    Raises:
        UserError: there is no such name, variant or file, or nobody can open the file.
    """
    known = registry.restorers()
    name, colon, variant = spec.partition(":")
    if name in known:
        if colon and not variant:
            raise UserError(
                f"'{name}:' names no variant behind the colon. Name one, or leave it out."
            )
        return known.get(name).make(
            os.path.expanduser(variant) if colon else None,  # noqa: PTH111 - as below
            nearest_qf=study.nearest_qf,
            tile=study.tile,
        )
    path = Path(os.path.expanduser(spec))  # noqa: PTH111 - Path's raises where there is no home
    # Path.exists raises on a name that is too long. Code may have a name and weights behind it.
    if os.path.exists(path) or python_spec(spec):  # noqa: PTH110
        return _opened(path, study)
    if _looks_like_a_path(name if colon else spec):
        raise UserError(
            f"There are no weights at {spec}. Check the path, or name a restorer: "
            f"{', '.join(known)}."
        )
    known.entry(name)
    raise AssertionError("unreachable: the name is not in the registry")


def _opened(path: Path, study: Study) -> Restorer:
    kinds = registry.checkpoints()
    for kind in kinds:
        opener = kinds.get(kind)
        if opener.accepts(path):
            return opener.open(path, nearest_qf=study.nearest_qf, tile=study.tile)
    if path.is_dir():
        raise UserError(
            f"{path} is a folder: say whose weights it holds, one a QF, such as arcnn:{path}."
        )
    raise UserError(
        f"{path} is in no known format of weights ({', '.join(kinds) or 'none is installed'}). "
        f"Files of a restorer of this project are named with it, such as arcnn:{path}."
    )


def _looks_like_a_path(text: str) -> bool:
    return "/" in text or os.sep in text or text.lower().endswith(SUFFIXES)


def _prepare(restorer: Restorer, qfs: tuple[int, ...], named: bool) -> dict[int, str]:
    """Get a restorer ready for every QF: why it cannot be, by QF.

    Raises:
        UserError: it cannot be and the user named it.
    """
    reasons = {}
    for qf in qfs:
        try:
            restorer.prepare(qf)
        except UserError as error:
            if named:
                raise
            reasons[qf] = str(error)
    return reasons


def _ships_weights(restorer: Restorer) -> bool:
    return any(not read_card(path).url for path in restorer.cards())
