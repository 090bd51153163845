import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from restorers.common.complexity import count_macs, count_parameters, macs_at


def meta(*shape):
    return torch.empty(shape, device="meta")


@settings(max_examples=40, deadline=None)
@given(
    groups=st.sampled_from([1, 2]),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    size=st.tuples(st.integers(9, 20), st.integers(9, 20)),
    batch=st.integers(1, 3),
)
def test_convolutions_cost_what_their_definition_says(
    groups, inputs, outputs, kernel, stride, size, batch
):
    inputs, outputs = inputs * groups, outputs * groups
    taps = inputs * outputs * kernel**2 // groups
    after = [(side - kernel) // stride + 1 for side in size]
    by_input = batch * size[0] * size[1] * taps
    direct = nn.Conv2d(inputs, outputs, kernel, stride=stride, groups=groups, device="meta")
    back = nn.ConvTranspose2d(inputs, outputs, kernel, stride=stride, groups=groups, device="meta")
    image = meta(batch, inputs, *size)
    before = [(side - 1) * stride + kernel for side in size]

    for by_output in (False, True):
        macs = count_macs(direct, image, transposed_by_output=by_output)
        assert macs == batch * after[0] * after[1] * taps
    assert count_macs(back, image) == by_input
    assert (
        count_macs(back, image, transposed_by_output=True) == batch * before[0] * before[1] * taps
    )


@pytest.mark.parametrize(
    ("call", "inputs", "expected"),
    [
        (nn.Linear(5, 7, device="meta"), (meta(3, 5),), 3 * 5 * 7),
        (nn.Linear(5, 7, bias=False, device="meta"), (meta(2, 4, 5),), 2 * 4 * 5 * 7),
        (torch.matmul, (meta(4, 5), meta(5, 6)), 4 * 5 * 6),
        (torch.matmul, (meta(2, 4, 5), meta(2, 5, 6)), 2 * 4 * 5 * 6),
        (lambda a, b: torch.einsum("nij,njk->nik", a, b), (meta(2, 4, 5), meta(2, 5, 6)), 240),
        (F.scaled_dot_product_attention, (meta(1, 2, 8, 4),) * 3, 2 * 2 * 8 * 8 * 4),
        (nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.AvgPool2d(2)).to("meta").eval(),
         (meta(1, 3, 8, 8),), 0),
    ],
)  # fmt: skip
def test_products_cost_what_their_definition_says(call, inputs, expected):
    assert count_macs(call, *inputs) == expected


def test_two_by_two_upscaling_counts_fourfold_by_its_output():
    up = nn.ConvTranspose2d(6, 4, 2, stride=2, device="meta")
    by_output = count_macs(up, meta(1, 6, 5, 5), transposed_by_output=True)
    assert by_output == 4 * count_macs(up, meta(1, 6, 5, 5)) == 4 * 25 * 6 * 4 * 4


def test_a_shared_layer_has_its_parameters_once_but_costs_twice():
    layer = nn.Linear(3, 3)
    twice = nn.Sequential(layer, layer)
    assert count_parameters(twice) == count_parameters([layer, twice]) == 3 * 3 + 3
    assert count_macs(twice, torch.zeros(1, 3)) == 2 * 9


def test_frozen_parameters_count_and_buffers_do_not():
    assert count_parameters(nn.BatchNorm2d(5).requires_grad_(False)) == 10


def test_networks_are_counted_in_evaluation_mode_without_memory():
    class Training(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(200_000, 200_000, bias=False)  # 160 GB, were it real

        def forward(self, vector):
            assert not self.training
            assert vector.is_meta
            return self.layer(vector)

    assert macs_at(Training, (1, 200_000)) == 200_000**2


def test_fbcnn_costs_what_table_iii_says():
    """Table III counts transposed convolutions by their output: then FBCNN is met exactly."""
    fbcnn = pytest.importorskip(
        "spandrel.architectures.FBCNN", reason="spandrel, with FBCNN's network, is not installed"
    ).FBCNN
    with torch.device("meta"):
        assert count_parameters(fbcnn()) == 71_921_796
    macs = [macs_at(fbcnn, (1, 3, 512, 512), transposed_by_output=flag) for flag in (False, True)]
    assert [round(m / 1e9, 1) for m in macs] == [709.6, 728.9]
