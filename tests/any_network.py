"""Networks of any order of operations, for tests that hold for all of them."""

from __future__ import annotations

from typing import get_args

import numpy as np
from hypothesis import strategies as st

from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.operations import ActivationName

#: Largest error, relative to the largest value.
EXACT = {"float32": 1e-5, "float64": 1e-12}


def error(values, expected):
    return np.abs(values - expected).max() / np.abs(expected).max()


def narrow(architecture, divisor):
    """Give every layer fewer filters; the geometry stays."""
    content = architecture.model_dump()

    def shrink(operations):
        for operation in operations:
            if "filters" in operation:
                operation["filters"] = max(operation["filters"] // divisor, 8)
            shrink(operation.get("branch", []))

    shrink(content["trunk"])
    for head in content["heads"].values():
        head["tracks"] = 3
    return Architecture.model_validate(content)


WINDOW = 96


@st.composite
def pointwise(draw):
    """Draw up to three operations that treat positions alone, in any order."""
    functions = get_args(ActivationName)
    kinds = st.sampled_from(["normalisation", "dropout", *functions])
    operations = []
    for kind in draw(st.lists(kinds, max_size=3)):
        if kind == "normalisation":
            operations.append({"op": "normalisation"})
        elif kind == "dropout":
            operations.append({"op": "dropout", "rate": 0.5})
        else:
            operations.append({"op": "activation", "function": kind})
    return operations


@st.composite
def convolutions(draw, filters=None, rates=4):
    return {
        "op": "convolution",
        "filters": filters or draw(st.integers(2, 5)),
        "kernel": draw(st.integers(1, 7)),
        "dilation": draw(st.integers(1, rates)),
        "bias": draw(st.booleans()),
    }


def width_of(trunk):
    heads = {"a": {"tracks": 1}}
    return Architecture.model_validate(
        {"window": WINDOW, "trunk": trunk or [{"op": "dropout", "rate": 0}], "heads": heads}
    ).channels


@st.composite
def branches(draw, channels, depth=0):
    add = draw(st.booleans())
    branch = [*draw(pointwise()), draw(convolutions(rates=8)), *draw(pointwise())]
    if depth == 0 and draw(st.integers(0, 3)) == 0:
        branch.append(draw(branches(branch_width(branch, channels), 1)))
    if add:
        branch += [draw(convolutions(filters=channels)), *draw(pointwise())]
    return {"op": "residual" if add else "concatenate", "branch": branch}


def branch_width(branch, channels):
    trunk = [{"op": "convolution", "filters": channels, "kernel": 1}, *branch]
    return width_of(trunk)


@st.composite
def architectures(draw):
    """Draw a network of any order of operations with bins of 1 to 48 bp."""
    trunk = draw(pointwise())
    for size in draw(st.sampled_from([[], [2], [4], [3], [2, 4], [2, 2, 3], [4, 3], [2, 3, 4]])):
        trunk += [draw(convolutions()), *draw(pointwise()), {"op": "pooling", "size": size}]
        trunk += draw(pointwise())
    for _ in range(draw(st.integers(0, 3))):
        trunk.append(draw(branches(width_of(trunk))))
    if draw(st.booleans()):
        trunk.append({"op": "pooling", "size": 2})
    trunk.append(draw(convolutions()))
    bin_ = int(np.prod([operation.get("size", 1) for operation in trunk]))
    trunk.append({"op": "crop", "bins": draw(st.integers(0, min(2, (WINDOW // bin_ - 1) // 2)))})
    trunk += [*draw(pointwise()), {"op": "convolution", "filters": 4, "kernel": 1}]
    heads = {"one": {"tracks": 2, "activation": "softplus"}}
    if draw(st.booleans()):
        heads["two"] = {"tracks": 3, "activation": "exp_linear"}
    return Architecture.model_validate({"window": WINDOW, "trunk": trunk, "heads": heads})
