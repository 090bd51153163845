"""Restorers by name, by variant, by path, or all: who is made, and what is said of the others."""

from pathlib import Path

import pytest

from harness.assets.cards import Card, write_card
from harness.errors import UserError
from harness.plugins import Restorer, RestorerFormat, registry
from harness.study import selection as selection
from harness.study.selection import select_restorers
from harness.study.study import Study


class Plain(Restorer):
    """A plugin's class that knows nothing of variants."""

    name = "plain"
    multi_model = False
    reference = False
    year = 1990

    def fingerprint(self, qf):
        return {"name": self.name}

    def restore(self, compressed):
        return compressed.pixels


class Network(Plain):
    """One with variants, options, and checkpoints for some QFs, which it may ship."""

    name = "network"
    multi_model = True
    year = 2000
    qualities = (10, 20)
    urls = ("",)

    def __init__(self, variant=None, **options):
        self.name = "network" if variant is None else f"network:{variant}"
        self.options = options

    @classmethod
    def make(cls, variant=None, *, nearest_qf=False, tile=None):
        if variant == "unknown":
            raise UserError("network has no variant 'unknown'.")
        return cls(variant, nearest_qf=nearest_qf, tile=tile)

    @classmethod
    def cards(cls):
        folder = Path.cwd() / "cards"
        folder.mkdir(exist_ok=True)
        for number, url in enumerate(cls.urls):
            card = Card(name="w", file="w", sha256="0", source="test", licence="MIT", url=url)
            write_card(card, folder / f"{cls.name}-{number}.yaml")
        return sorted(folder.glob(f"{cls.name}-*.yaml"))

    def prepare(self, qf):
        if qf not in self.qualities:
            raise UserError(f"no checkpoint for QF {qf}")


class Bare(Network):
    """One whose weights have to be fetched."""

    name = "bare"
    urls = ("https://example.org/w",)
    qualities = ()

    def __init__(self, variant=None, **options):
        super().__init__(variant, **options)
        self.name = "bare"


class Opener(RestorerFormat):
    """A kind of weights file."""

    @classmethod
    def accepts(cls, path):
        return path.suffix == ".pth"

    @classmethod
    def open(cls, path, *, nearest_qf=False, tile=None):
        made = Plain()
        made.name, made.options = path.stem, {"nearest_qf": nearest_qf, "tile": tile}
        return made


@pytest.fixture(autouse=True)
def declared(monkeypatch, tmp_path):
    """Only the restorers and the kind of file above are registered, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    classes = {"plain": Plain, "network": Network, "bare": Bare}

    def fakes(kind, found):
        entries = [registry.Entry(name, f"{__name__}:{c.__name__}", "here") for name, c in found]
        made = registry.Registry(kind, entries)
        monkeypatch.setattr(made, "get", lambda name: (made.entry(name), dict(found)[name])[1])
        return made

    monkeypatch.setattr(registry, "restorers", lambda: fakes("restorer", classes.items()))
    monkeypatch.setattr(registry, "checkpoints", lambda: fakes("kind", [("pth", Opener)]))
    return tmp_path


def of(*restorers, qf=(10,), **options):
    return select_restorers(Study(restorers=restorers, qf=qf, **options))


def test_a_variant_stands_behind_the_first_colon():
    found = of("network:told:twice", "plain")

    assert list(found.restorers) == ["network:told:twice", "plain"]
    assert found.specs["network:told:twice"] == "network:told:twice"


def test_options_reach_whoever_can_take_them(declared):
    (declared / "mine.pth").touch()

    found = of("network", "plain", "mine.pth", nearest_qf=True, tile=64)

    for name in ("network", "mine"):
        assert found.restorers[name].options == {"nearest_qf": True, "tile": 64}


def test_a_variant_of_who_has_none_is_refused():
    with pytest.raises(UserError, match=r"plain has no variants, so not 'x'"):
        of("plain:x")
    with pytest.raises(UserError, match="network has no variant 'unknown'"):
        of("network:unknown")
    with pytest.raises(UserError, match=r"'network:' names no variant"):
        of("network:")


def test_a_path_opens_the_file_and_stands_in_the_study(declared):
    (declared / "sub").mkdir()
    (declared / "sub" / "mine.pth").touch()

    found = of("sub/mine.pth")

    assert found.specs == {"mine": "sub/mine.pth"}


def test_a_registered_name_is_not_looked_up_as_a_file(declared):
    (declared / "plain").touch()

    assert isinstance(of("plain").restorers["plain"], Plain)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("nowhere/mine.pth", "There are no weights at nowhere/mine.pth"),
        ("nowhere.safetensors", "There are no weights at nowhere.safetensors"),
        ("netwrk", "Unknown restorer 'netwrk'. Did you mean 'network'"),
        ("netwrk:told", "Unknown restorer 'netwrk'. Did you mean 'network'"),
        ("netwrk:some/file.pth", "Unknown restorer 'netwrk'. Did you mean 'network'"),
        ("folder", "is a folder: say whose weights it holds.* arcnn:folder"),
        ("odd.bin", r"odd.bin is in no known format of weights \(pth\)"),
        ("x" * 5000, "Unknown restorer"),
        ("~nobody-of-this-name/x.pth", "There are no weights at ~nobody"),
    ],
)
def test_what_is_no_restorer_is_one_sentence(declared, spec, sentence):
    (declared / "folder").mkdir()
    (declared / "odd.bin").touch()

    with pytest.raises(UserError, match=sentence):
        of(spec)


def test_two_files_of_one_name_are_refused(declared):
    for folder in ("a", "b"):
        (declared / folder).mkdir()
        (declared / folder / "mine.pth").touch()

    with pytest.raises(UserError, match=r"called mine .*: a/mine.pth and b/mine.pth. Rename one"):
        of("a/mine.pth", "b/mine.pth")


def test_all_leaves_out_who_has_no_weights_and_says_why():
    found = of("all", qf=(10, 20))

    assert list(found.restorers) == ["network", "plain"]
    assert found.left_out == ("no checkpoint for QF 10",)


def test_all_keeps_who_has_weights_for_another_qf():
    found = of("all", qf=(10, 55))
    elsewhere = of("all", qf=(55,))

    assert found.skipped == {("network", 55): "no checkpoint for QF 55"}
    assert "network" in elsewhere.restorers


def test_all_and_more(declared):
    (declared / "mine.pth").touch()

    assert list(of("all", "mine.pth", "network:told").restorers) == [
        "network",
        "network:told",
        "mine",
        "plain",
    ]


@pytest.mark.parametrize("specs", [("network",), ("all", "network"), ("all", "network:told")])
def test_what_the_user_named_must_run(specs):
    with pytest.raises(UserError, match="no checkpoint for QF 55"):
        of(*specs, qf=(10, 55))


def test_suffixes_of_weights_are_paths_even_without_a_folder():
    assert all(selection._looks_like_a_path(f"x{suffix}") for suffix in selection.SUFFIXES)
    assert not selection._looks_like_a_path("fbcnn")
