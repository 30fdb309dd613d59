"""A bundle comes back as it was saved, and says what is wrong when it does not fit."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.bundle import Bundle, save_bundle
from basenji_kipoi.models.targets import Targets
from basenji_kipoi.models.training_record import Splits, TrainingRecord

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(small_bundle: Bundle, tmp_path: Path) -> Path:
    return shutil.copytree(small_bundle.path, tmp_path / "copy")


def _sequences(bundle: Bundle, number: int) -> np.ndarray:
    codes = np.random.default_rng(0).integers(0, 5, (number, bundle.architecture.window))
    return one_hot(codes)


def test_predictions_survive_saving(small_bundle: Bundle, tmp_path: Path) -> None:
    network = small_bundle.network()
    splits = Splits(train=["chr1"], validation=[], test=["chr2"])
    record = TrainingRecord(chromosomes=splits, commands=["fit"])
    again = save_bundle(
        tmp_path / "again",
        network=network,
        architecture=small_bundle.architecture,
        targets=small_bundle.targets,
        name="again",
        assembly="simulated",
        training=record,
        evaluation={"r": 0.5},
        model_card="card",
    )
    x = _sequences(small_bundle, 2)
    np.testing.assert_array_equal(network.predict_on_batch(x), again.network().predict_on_batch(x))
    assert again.targets == small_bundle.targets
    assert again.evaluation == {"r": 0.5}
    assert again.metadata.training == record


@pytest.mark.parametrize("size", [1, 2, 7])
def test_any_batch_size(small_bundle: Bundle, size: int) -> None:
    x = _sequences(small_bundle, 7)
    network = small_bundle.network()
    parts = [network.predict_on_batch(x[i : i + size]) for i in range(0, 7, size)]
    whole = network.predict_on_batch(x)
    assert whole.shape == (7, small_bundle.architecture.bins, 3)
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=1e-6)


def test_bfloat16_is_close_to_float32(small_bundle: Bundle) -> None:
    x = _sequences(small_bundle, 2)
    exact = small_bundle.network().predict_on_batch(x)
    rounded = small_bundle.network(dtype="bfloat16").predict_on_batch(x)
    assert rounded.dtype == np.float32
    assert not np.array_equal(rounded, exact)
    # Eight bits of mantissa through six layers: a few per cent of the predictions' spread.
    assert np.abs(rounded - exact).max() < 0.05 * np.ptp(exact)


@pytest.mark.parametrize(
    "file", ["architecture.json", "model.weights.h5", "targets.tsv", "evaluation.json"]
)
def test_a_changed_file_is_named(copy: Path, file: str) -> None:
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(InputError, match=rf"{file} is not the file that metadata.json describes"):
        Bundle.load(copy)


@pytest.mark.parametrize("file", ["model.weights.h5", "metadata.json", "targets.txt"])
def test_a_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(InputError, match=f"{file} is missing"):
        Bundle.load(copy)


@pytest.mark.parametrize("file", ["metadata.json", "architecture.json", "model.weights.h5"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(copy: Path, file: str) -> None:
    (copy / file).unlink()
    os.mkfifo(copy / file)
    with pytest.raises(InputError, match=file):
        Bundle.load(copy)


def test_targets_of_another_length(copy: Path) -> None:
    lines = (copy / "targets.tsv").read_text().splitlines()
    (copy / "targets.tsv").write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(InputError, match="has 1 rows, but the network predicts 3 tracks"):
        Bundle.load(copy, verify=False)


def test_metadata_that_contradicts_the_architecture(copy: Path) -> None:
    metadata = json.loads((copy / "metadata.json").read_text())
    (copy / "metadata.json").write_text(json.dumps({**metadata, "bin": 64}))
    with pytest.raises(InputError, match=r"bin is 64, but architecture.json makes it 32"):
        Bundle.load(copy)


def test_weights_of_another_network(copy: Path) -> None:
    text = (copy / "architecture.json").read_text()
    (copy / "architecture.json").write_text(text.replace('"filters": 12', '"filters": 13', 1))
    with pytest.raises(InputError):
        Bundle.load(copy, verify=False).network()


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model at"):
        Bundle.load(tmp_path / "nothing")


def test_an_existing_bundle_is_kept(small_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="exists already"):
        save_bundle(
            small_bundle.path,
            network=small_bundle.network(),
            architecture=small_bundle.architecture,
            targets=small_bundle.targets,
            name="other",
            assembly="simulated",
            training={},
            evaluation={},
            model_card="",
        )
    assert Bundle.load(small_bundle.path).metadata.name == "small"


def test_targets_must_match_when_saving(small_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 rows, but the network predicts 3"):
        save_bundle(
            tmp_path / "wrong",
            network=small_bundle.network(),
            architecture=small_bundle.architecture,
            targets=Targets(
                [row.model_copy(update={"strand_pair": row.index}) for row in small_bundle.targets][
                    :2
                ]
            ),
            name="wrong",
            assembly="simulated",
            training={},
            evaluation={},
            model_card="",
        )
    assert list(tmp_path.iterdir()) == []
