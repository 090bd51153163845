import subprocess
import sys
import textwrap

import pytest

from harness.errors import UserError
from harness.plugins import registry
from harness.plugins.registry import Entry, Registry

PLAIN = Entry("plain", "collections:OrderedDict", "dist 1.0")


def test_names_are_known_without_importing_their_targets():
    lazy = Registry("thing", [Entry("broken", "no.such.module:x", "dist 1.0"), PLAIN])

    assert list(lazy) == ["broken", "plain"]
    assert "broken" in lazy
    assert lazy.get("plain").__name__ == "OrderedDict"


def test_an_unknown_name_is_answered_with_the_nearest_and_the_list():
    entries = [Entry(name, "collections:OrderedDict", "d 1") for name in ("arcnn", "jpeg")]

    with pytest.raises(UserError, match=r"Unknown restorer 'arcn'. Did you mean 'arcnn'\?") as got:
        Registry("restorer", entries).get("arcn")
    assert "Available: arcnn, jpeg" in str(got.value)


def test_a_long_list_is_cut_and_counted():
    entries = [Entry(f"n{i:02d}", "collections:OrderedDict", "d 1") for i in range(30)]

    with pytest.raises(UserError, match=r"… \(30\)"):
        Registry("thing", entries).get("zzz")


def test_two_different_targets_of_one_name_are_an_error_that_names_both_origins():
    twice = Registry(
        "restorer",
        [Entry("x", "a:A", "first 1.0"), Entry("x", "b:B", "second 2.0"), PLAIN],
    )

    with pytest.raises(UserError, match="a:A from first 1.0 and b:B from second 2.0"):
        twice.get("x")
    assert twice.get("plain")


def test_one_distribution_seen_twice_on_the_path_is_no_duplicate():
    assert Registry("thing", [PLAIN, PLAIN]).get("plain")


def test_a_plugin_that_fails_to_import_is_named_and_takes_nothing_down():
    both = Registry("thing", [Entry("broken", "no.such.module:x", "dist 1.0"), PLAIN])

    with pytest.raises(UserError, match="'broken' .no.such.module:x from dist 1.0. cannot be load"):
        both.get("broken")
    assert both.get("plain")


def test_a_third_party_restorer_is_found_by_declaring_an_entry_point(tmp_path):
    info = tmp_path / "other-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[harness.restorers]\nmine = other_pkg:Mine\n")
    (tmp_path / "other_pkg.py").write_text(
        "from harness.plugins import Restorer\nclass Mine(Restorer): pass\n"
    )
    code = """
        from harness.plugins import registry
        found = registry.restorers()
        print(found.entry("mine").origin, found.get("mine").__name__)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["other", "2.0", "Mine"]


@pytest.mark.parametrize(
    ("base", "target", "said"),
    [
        ("Restorer", "collections:OrderedDict", "is no harness.plugins.Restorer: derive it from"),
        ("Task", "harness.plugins:Restorer", "is no harness.plugins.Task: derive it from that cla"),
        ("Codec", "os:getcwd", "is no class, but a builtin_function.*harness.plugins.Codec"),
        (None, "os:sep", "is a str: name a function"),
    ],
)
def test_what_is_of_another_kind_is_told_so_by_name(base, target, said):
    things = Registry("thing", [Entry("x", target, "dist 1.0")], base)

    with pytest.raises(UserError, match=rf"^The thing 'x' \({target} from dist 1.0\) {said}"):
        things.get("x")


def test_what_derives_from_the_base_class_is_given_as_it_is():
    from restorers.reference import Original

    entry = Entry("x", "restorers.reference:Original", "dist 1.0")
    assert Registry("restorer", [entry], "Restorer").get("x") is Original


@pytest.mark.parametrize(
    "which",
    [
        *("restorers", "datasets", "formats", "tasks", "codecs", "checkpoints"),
        *("model_formats", "trainers", "auto"),
    ],
)
def test_every_built_in_name_can_be_imported(which):
    found = getattr(registry, which)()

    assert len(found) > 0
    for name in found:
        assert found.get(name) is not None


def test_every_built_in_model_says_its_task():
    for task in ("detection", "segmentation", "classification"):
        models = registry.models(task)
        assert len(models) > 0
        for name in models:
            assert models.get(name).task == task
