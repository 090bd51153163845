"""Networks' sizes survive the way through a checkpoint's JSON."""

import json
from dataclasses import asdict

import pytest

from harness.plugins import registry
from restorers.common.architecture import configured

LEARNED = ("arcnn", "dmcnn", "ipt", "swinir", "qgac", "fbcnn", "dagn")


@pytest.mark.parametrize("name", [name for name in LEARNED if name != "arcnn"])
def test_every_size_comes_back_from_json(name):
    for size in registry.restorers().get(name).sizes.values():
        assert configured(size, json.loads(json.dumps(asdict(size)))) == size


def test_what_is_left_out_is_the_published_size():
    restorer = registry.restorers().get("dmcnn")
    published, small = restorer.sizes["published"], restorer.sizes["small"]

    mixed = configured(published, {"pixel": asdict(small.pixel)})

    assert mixed.pixel == small.pixel
    assert mixed.spectral == published.spectral


def test_a_number_it_does_not_have_is_refused():
    with pytest.raises(TypeError, match="depth"):
        configured(registry.restorers().get("qgac").sizes["published"], {"depth": 3})


@pytest.mark.parametrize("name", LEARNED)
def test_all_have_the_published_size(name):
    assert "published" in registry.restorers().get(name).sizes
