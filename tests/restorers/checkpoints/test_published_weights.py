"""Weights files of networks of published size, in the layout of their authors and in ours."""

import gc
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import load_file, save_file
from weights_tools import restored, write_official

from harness.errors import UserError
from harness.plugins import Restored
from restorers.architectures.arcnn import ARCNN
from restorers.architectures.dagn import DAGN
from restorers.architectures.dmcnn import DMCNN
from restorers.architectures.fbcnn import FBCNN
from restorers.architectures.ipt import IPT
from restorers.architectures.qgac import QGAC
from restorers.architectures.swinir import SwinIR
from restorers.checkpoints.format import Header, save
from restorers.checkpoints.sources import SHIPPED
from restorers.common.complexity import count_parameters

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("restorer", "side", "millions", "name", "wrap"),
    [
        (FBCNN, 16, 71.92, "fbcnn_color.pth", dict),
        (SwinIR, 8, 11.5, "SwinIR-M_jpeg10.pth", lambda state: {"params": state}),
        (IPT, 48, 114.0, "IPT_jpeg_q10.pt", dict),
    ],
    ids=["fbcnn", "swinir", "ipt"],
)
def test_a_file_of_the_official_layout_and_size_runs(
    restorer, side, millions, name, wrap, tmp_path
):
    path = tmp_path / name
    some = write_official(restorer, "published", path, wrap)
    loaded = restorer.make(str(path))

    result = restored(loaded, side)

    network = next(iter(loaded._networks.values()))
    found = network.state_dict()
    assert all(torch.equal(found[key], value) for key, value in some.items())
    assert count_parameters(network) / 1e6 == pytest.approx(millions, rel=0.02)
    assert isinstance(result, Restored) == (restorer is FBCNN)
    if restorer is FBCNN:
        assert isinstance(result.predicted_qf, float)
    else:
        with pytest.raises(UserError, match="no checkpoint for QF 20"):
            loaded.prepare(20)
    del loaded, network, found
    path.unlink()
    gc.collect()


@pytest.mark.parametrize(
    ("restorer", "size", "side"),
    [(ARCNN, "published", 16), (DMCNN, "published", 32), (QGAC, "small", 32),
     (DAGN, "published", 16)],
)  # fmt: skip
def test_our_own_file_at_published_size_runs(restorer, size, side, tmp_path):
    config = restorer.presets()[size]
    path = tmp_path / f"{restorer.name}.safetensors"
    torch.manual_seed(0)
    network = restorer.build(config)
    some = next(iter(network.state_dict().values())).clone()
    plain = config if isinstance(config, int) else asdict(config)
    save(path, network, Header(restorer.name, plain))
    del network

    loaded = restorer.make(str(path))
    restored(loaded, side)

    assert loaded.name == f"{restorer.name}:{restorer.name}"
    assert torch.equal(next(iter(loaded._networks[None].state_dict().values())), some)
    del loaded
    path.unlink()
    gc.collect()


def test_what_a_swinir_computes_is_not_stored_and_must_be_right_where_it_is(tmp_path):
    path, odd = tmp_path / "swinir.pth", tmp_path / "odd.pth"
    write_official(SwinIR, "small", path)
    state = torch.load(path, weights_only=True)
    computed = {name for name in state if name.endswith(("attn_mask", "relative_position_index"))}

    network = SwinIR().load(path)

    assert len(computed) == 6  # two layers of two blocks, of which one is shifted
    assert network.state_dict().keys() == state.keys() - computed
    own = tmp_path / "own.safetensors"
    save(own, network, Header("swinir", asdict(SwinIR.presets()["small"])))
    assert not computed & load_file(own).keys()
    for name, value in SwinIR().load(own).named_buffers():
        assert torch.equal(value, state[name]), name
    for change in ({min(computed): state[min(computed)] + 1}, {"another.attn_mask": torch.ones(1)}):
        torch.save(state | change, odd)
        with pytest.raises(UserError, match=next(iter(change))):
            SwinIR().load(odd)


def test_the_shipped_arcnns_load_as_those_without_a_header_do(tmp_path):
    """Files of earlier versions: float32, no header."""
    shipped = SHIPPED / "arcnn-q10.safetensors"
    plain = tmp_path / "plain.safetensors"
    network = ARCNN().load(shipped)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, plain)

    other = ARCNN().load(plain)

    assert load_file(shipped)["layers.0.weight"].dtype == torch.float16
    for key, value in network.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, other.state_dict()[key]), key
