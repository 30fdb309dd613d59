"""What is shared between windows follows from the published networks' geometry."""

from __future__ import annotations

import pytest
from any_network import narrow

from basenji_kipoi.models.incremental.cuts import split
from basenji_kipoi.models.incremental.steps import lower
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.operations import affected_by
from basenji_kipoi.models.networks.presets.presets import read_preset


@pytest.mark.parametrize("name", ["basenji2018", "basenji2", "small"])
def test_what_a_bin_depends_on_is_what_the_architecture_says(name):
    architecture = read_preset(name)
    content = architecture.model_dump()
    pools = [i for i, step in enumerate(content["trunk"]) if step["op"] == "pooling"]
    steps = lower_geometry(architecture)
    parts = split(steps)
    end = pools[-1] + 1
    if name == "basenji2018":
        end += 3  # a convolution that reaches the next bins, its normalisation and activation
        assert (parts.before, parts.behind) == (222, 265)
    tower = architecture.trunk[:end]
    counts = []
    for base in range(10 * parts.bin, 11 * parts.bin):
        first, last = affected_by(tower, base, base + 1)
        assert first >= (base - parts.behind) // parts.bin
        assert last <= (base + parts.before) // parts.bin + 1
        counts.append(last - first)
    assert parts.reached(1) == max(counts)


def lower_geometry(architecture):
    """Lower a network of the same geometry with few filters."""
    thin = narrow(architecture, 64)
    heads = next(iter(thin.heads))
    return lower(thin, build_network(thin, head=heads)).steps
