"""What metadata say of training is read in every form that was ever written, and in no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.bundle import METADATA, Bundle
from basenji_kipoi.models.inspection import describe

SHIPPED = Path(__file__).resolve().parents[2] / "model_files"
SPLITS = {"train": ["chr1"], "validation": ["chr2"], "test": ["chr3"]}
NETWORK: dict[str, Any] = {
    "chromosomes": SPLITS,
    "origin": {"name": "old", "chromosomes": {"hg38": SPLITS}, "origin": None},
    "settings": {"epochs": 10, "a setting that is gone": "x"},
    "epochs_run": 9,
    "best_epoch": 7,
    "validation_r": 0.81,
    "seconds": 276,
}
IMPORTED = {
    "imported_from": [{"file": "params.json", "sha256": "0a"}],
    "commands": ["basenji import"],
    "self_check": {"sequence": "made", "mean": 0.5, "largest": 2.5},
}


def with_training(bundle: Bundle, folder: Path, training: object) -> Path:
    """Copy a bundle with other words on its training."""
    path = shutil.copytree(bundle.path, folder / "copy")
    content = json.loads((path / METADATA).read_text())
    (path / METADATA).write_text(json.dumps({**content, "training": training}))
    return path


@pytest.mark.parametrize(
    ("training", "networks"),
    [
        ({}, [None]),
        ({**NETWORK, "commands": ["fit"]}, [SPLITS]),
        ({"members": [NETWORK, {"epochs_run": 3}], "commands": []}, [SPLITS, None]),
        (IMPORTED, [None]),
    ],
)
def test_each_form_is_read_and_kept_as_it_was(
    small_bundle: Bundle, tmp_path: Path, training: dict, networks: list
) -> None:
    bundle = Bundle.load(with_training(small_bundle, tmp_path, training))
    splits = [network.chromosomes for network in bundle.metadata.training.networks]
    assert [each and each.model_dump() for each in splits] == networks
    assert bundle.metadata.model_dump()["training"] == training
    assert describe(bundle)["training"] == training


def test_the_shipped_model_tells_of_both_its_networks() -> None:
    networks = Bundle.load(SHIPPED).metadata.training.networks
    written = json.loads((SHIPPED / METADATA).read_text())["training"]["members"]
    assert [network.content() for network in networks] == written
    assert [network.chromosomes.validation for network in networks] == [["chrXIII"], ["chrXIII"]]


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"chromosomes": ["chr1"]}, "training.chromosomes: Input should be"),
        ({"chromosomes": {"train": []}}, "training.chromosomes.validation: Field required"),
        ({"epoch": 3}, "training.epoch: Extra inputs are not permitted"),
        ({"members": [{"seconds": "long"}]}, "training.members.0.seconds: Input should be"),
        ({"members": [NETWORK], "best_epoch": 3}, "training: .* either members or best_epoch"),
        ({"members": []}, "training: .* at least one of members"),
        ("by hand", "training: Input should be"),
    ],
)
def test_an_unknown_form_is_one_clear_error(
    small_bundle: Bundle, tmp_path: Path, training: object, message: str
) -> None:
    path = with_training(small_bundle, tmp_path, training)
    with pytest.raises(InputError, match=message) as caught:
        Bundle.load(path)
    assert str(path / METADATA) in str(caught.value)
    assert "\n" not in str(caught.value)
