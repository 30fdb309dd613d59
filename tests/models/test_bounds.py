"""Descriptions of networks that no machine could hold are refused before anything is allocated."""

from __future__ import annotations

import json

import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.published.family_2018 import read_params
from basenji_kipoi.published.family_2020 import Params

NETWORK = {
    "window": 1024,
    "trunk": [
        {"op": "convolution", "filters": 8, "kernel": 5},
        {"op": "residual", "branch": [{"op": "convolution", "filters": 8, "kernel": 3}]},
        {"op": "pooling", "size": 32},
    ],
    "heads": {"a": {"tracks": 3}},
}


def changed(place, value):
    content = json.loads(json.dumps(NETWORK))
    inner = content
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return content


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            ("window",),
            1 << 35,
            "34,359,738,368 positions x 8 channels|34,359,738,372 positions x 4",
        ),
        (("window",), 10**25, "values, more than"),
        (("trunk", 0, "filters"), 10**9, r"1,024 positions x 1,000,000,000 channels = 1,024,000"),
        (("trunk", 0, "kernel"), 10**25, "values, more than"),
        (("trunk", 0, "dilation"), 10**25, "values, more than"),
        (("trunk", 1, "branch", 0, "dilation"), 10**10, "values, more than"),
        (("heads", "a", "tracks"), 10**7, "10,000,000 tracks, more than 1,000,000"),
        (("trunk",), NETWORK["trunk"] + [{"op": "normalisation"}] * 20_000, "20,005 operations"),
        (("heads",), {"../x/y": {"tracks": 1}}, "String should match pattern"),
    ],
)
def test_absurd_networks_are_refused_with_the_arithmetic(tmp_path, place, value, message):
    path = tmp_path / "architecture.json"
    path.write_text(json.dumps(changed(place, value)))
    with pytest.raises(InputError, match=message):
        Architecture.read(path)


PARAMS = {
    "model": {
        "seq_length": 4096,
        "activation": "relu",
        "trunk": [
            {"name": "conv_tower", "filters_init": 4, "filters_mult": 1.5, "repeat": 3},
            {"name": "dilated_residual", "filters": 4, "rate_mult": 2, "repeat": 2},
        ],
        "head": {"name": "final", "units": 2, "activation": "linear"},
    }
}


@pytest.mark.parametrize(
    ("block", "name", "value"),
    [
        (0, "repeat", 10**25), (0, "repeat", 0), (0, "filters_mult", 1e300),
        (0, "filters_mult", float("inf")), (0, "filters_mult", float("nan")),
        (0, "pool_size", 0), (0, "filters_init", -1), (0, "kernel_size", 10**25),
        (1, "rate_mult", 1e308), (1, "rate_mult", -1), (1, "repeat", 999), (1, "filters", 1 << 45),
    ],
)  # fmt: skip
def test_absurd_numbers_of_a_params_json(tmp_path, block, name, value):
    content = json.loads(json.dumps(PARAMS))
    Params.model_validate(content).architecture("final")
    content["model"]["trunk"][block][name] = value
    path = tmp_path / "params.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError):
        Params.read(path).architecture("final")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_buffer", "inf"), ("batch_buffer", "nan"), ("seq_length", "1e300"),
        ("num_targets", "1e9"), ("cnn_pool", "0"), ("cnn_pool", "-4"), ("cnn_filters", "nan"),
    ],
)  # fmt: skip
def test_absurd_numbers_of_a_params_txt(tmp_path, name, value):
    entries = {
        "cnn_filters": "8", "cnn_filter_sizes": "5", "cnn_pool": "32", "batch_buffer": "64",
        "seq_length": "1024", "num_targets": "3", "link": "softplus",
    }  # fmt: skip
    path = tmp_path / "params.txt"
    for changed_value in (entries[name], value):
        lines = {**entries, name: changed_value}.items()
        path.write_text("".join(f"{key}\t{number}\n" for key, number in lines))
        if changed_value == entries[name]:
            read_params(path)
    with pytest.raises(InputError):
        read_params(path)
