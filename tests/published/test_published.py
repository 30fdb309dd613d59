"""Published files: what they predict, what of them is checked, and the bundles made of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from published_files import (
    CHECKPOINT,
    FAMILIES,
    KERAS_FILE,
    PARAMS_2018,
    PARAMS_2020,
    golden_values,
    golden_variables,
)
from typer.testing import CliRunner

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.cli.app import app
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.models.bundle import Bundle
from basenji_kipoi.models.inspection import count_parameters
from basenji_kipoi.models.networks.presets.presets import read_preset
from basenji_kipoi.models.trained import TrainedModel
from basenji_kipoi.published.family_2018 import read_params
from basenji_kipoi.published.family_2020 import Params
from basenji_kipoi.published.model import check_sequence
from basenji_kipoi.published.writing import write_checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]
IMPORTS = {
    "checkpoint_2018": ["--checkpoint", CHECKPOINT, "--params", PARAMS_2018],
    "basenji2": ["--h5", KERAS_FILE, "--params", PARAMS_2020],
}
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def basenji(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def imported(request, tmp_path_factory):
    """A family's name, its bundle, and what the command printed."""
    path = tmp_path_factory.mktemp("imported") / "old"
    done = basenji("import", *IMPORTS[request.param], "--out", path, "--assembly", "hg19")
    assert done.exit_code == 0, done.output
    return request.param, Bundle.load(path), done.stderr


def test_a_bundle_predicts_what_the_original_program_did(imported):
    family, bundle, _ = imported
    sequences, expected = golden_values(family)
    x = one_hot(np.stack([encode(sequence) for sequence in sequences]))
    np.testing.assert_allclose(bundle.network().predict_on_batch(x), expected, **CLOSE)


def test_basenji_predict_on_a_bundle(imported, tmp_path):
    family, bundle, _ = imported
    sequences, expected = golden_values(family)
    (tmp_path / "genome.fa").write_text("".join(f">{i}\n{s}\n" for i, s in enumerate(sequences)))
    margin = bundle.architecture.crop * bundle.architecture.bin
    (tmp_path / "x.bed").write_text(
        "".join(f"{i}\t{margin}\t{len(s) - margin}\n" for i, s in enumerate(sequences))
    )
    files = {"--model": bundle.path, "--fasta": tmp_path / "genome.fa", "--bed": tmp_path / "x.bed"}
    arguments = [part for pair in files.items() for part in pair]
    done = basenji("predict", *arguments, "--out", tmp_path / "x.h5")
    assert done.exit_code == 0, done.output
    with h5py.File(tmp_path / "x.h5") as file:
        np.testing.assert_allclose(file["predictions"], np.concatenate(expected), **CLOSE)


def test_a_bundle_says_where_it_comes_from(imported):
    family, bundle, printed = imported
    assert (bundle.metadata.name, bundle.metadata.assembly) == ("old", "hg19")
    assert bundle.targets.labels == [f"track_{i}" for i in range(bundle.metadata.tracks)]
    training = bundle.metadata.training
    sources = {source.file: source.sha256 for source in training.imported_from}
    files = [PARAMS_2020, KERAS_FILE]
    if family == "checkpoint_2018":
        files = [PARAMS_2018, *PARAMS_2018.parent.glob("model.tf.*")]
    assert sources == {file.name: checksum(file) for file in files}
    # The self-check's figures, computed once more.
    x = one_hot(check_sequence(bundle.architecture.window)[None])
    predicted = bundle.network().predict_on_batch(x)
    assert training.self_check.mean == pytest.approx(predicted.mean(), rel=1e-5)
    assert training.self_check.largest == pytest.approx(predicted.max(), rel=1e-5)
    assert f"(mean {training.self_check.mean:.6g})" in printed
    assert f"{count_parameters(bundle.architecture)['trainable']:,} trained weights" in printed


def test_a_bundle_can_be_inspected(imported):
    _, bundle, _ = imported
    done = basenji("inspect", "--model", bundle.path, "--details", "training")
    assert done.exit_code == 0, done.output
    assert "self_check" in done.stdout


def test_the_check_sequence_has_every_base():
    codes = check_sequence(1000)
    assert sorted(set(codes)) == [0, 1, 2, 3]
    np.testing.assert_array_equal(check_sequence(2000)[:1000], codes)


def test_the_published_params_describe_the_published_networks():
    human_2018 = read_params(REPOSITORY / "kipoi_models/published/params_2018.txt")
    assert human_2018.trunk == read_preset("basenji2018").trunk
    assert list(human_2018.heads.values()) == list(read_preset("basenji2018").heads.values())
    assert count_parameters(human_2018)["trainable"] == 15_190_636
    preset = read_preset("basenji2")
    for head, trained in (("human", 30_088_228), ("mouse", 30_088_228 - (5313 - 1643) * 1537)):
        params = Params.read(REPOSITORY / "kipoi_models/published" / f"params_2020_{head}.json")
        architecture = params.architecture(head)
        assert architecture.trunk == preset.trunk
        assert architecture.heads == {head: preset.heads[head]}
        assert count_parameters(architecture)["trainable"] == trained


def test_a_table_of_targets_names_the_tracks(tmp_path):
    table = tmp_path / "targets.txt"
    rows = [f"{5313 + i}\t1\tENC{i}\tf.w5\t32\t2\tmean\tDNASE:cell {i}" for i in range(6)]
    head = "index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription"
    table.write_text("\n".join([head, *rows, ""]))
    done = basenji("import", *IMPORTS["basenji2"], "--out", tmp_path / "x", "--targets", table)
    assert done.exit_code == 0, done.output
    targets = Bundle.load(tmp_path / "x").targets
    assert targets.labels == [f"ENC{i}" for i in range(6)]
    assert [row.strand_pair for row in targets] == list(range(6))
    assert (targets[5].clip, targets[5].scale, targets[5].sum_stat) == (32, 2, "mean")


def test_a_list_of_2018_names_the_tracks_of_a_network_of_2018(tmp_path):
    number = read_params(PARAMS_2018).tracks
    rows = [f"ENC{place}\tENC{place}.h5\tDNASE:cell {place}\n" for place in range(number)]
    table = tmp_path / "sample_wigs.txt"
    table.write_text("".join(rows))
    command = ["import", *IMPORTS["checkpoint_2018"], "--out", tmp_path / "x", "--targets", table]
    done = basenji(*command)
    assert done.exit_code == 0, done.output
    targets = Bundle.load(tmp_path / "x").targets
    assert targets.labels == [f"ENC{place}" for place in range(number)]
    assert (targets[1].assay, targets[1].sample) == ("DNASE", "cell 1")
    table.write_text("".join(rows[1:]))
    assert f"{number - 1} rows" in basenji(*command, "--overwrite").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--params", PARAMS_2018], "name the weights: either --checkpoint (2018) or --h5 (2020)"),
        ([*IMPORTS["checkpoint_2018"], "--h5", KERAS_FILE], "name the weights: either"),
        ([*IMPORTS["checkpoint_2018"], "--head", "human"], "--head is of networks of 2020"),
        (["--checkpoint", CHECKPOINT, "--params", PARAMS_2020], "expected a name and a value"),
        (["--h5", KERAS_FILE, "--params", PARAMS_2018], "the file: Invalid JSON"),
        (["--h5", KERAS_FILE, "--params", "none.json"], "none.json is missing"),
    ],
)
def test_bad_arguments_end_in_one_line_and_leave_nothing(tmp_path, arguments, message):
    done = basenji("import", *arguments, "--out", tmp_path / "x")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_targets_of_another_length(tmp_path, small_bundle):
    table = small_bundle.path / "targets.tsv"
    done = basenji("import", *IMPORTS["basenji2"], "--out", tmp_path / "x", "--targets", table)
    assert done.exit_code == 2
    assert f"{table} has 3 rows, but the network predicts 6 tracks" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("bias", np.nan, "final/conv1d/bias has weights that are not finite numbers"),
        # It makes all predictions of its track 0, which is finite.
        ("bias", -np.inf, "final/conv1d/bias has weights that are not finite numbers"),
        ("kernel", 3e38, "the network predicts values that are not finite"),
    ],
)
def test_weights_that_predict_nonsense_are_not_kept(tmp_path, variable, value, message):
    variables, name = golden_variables(), f"final/conv1d/{variable}"
    broken = {**variables, name: np.full_like(variables[name], value)}
    prefix = write_checkpoint(tmp_path / "in" / "model.tf", broken)
    out = tmp_path / "x"
    done = basenji("import", "--checkpoint", prefix, "--params", PARAMS_2018, "--out", out)
    assert done.exit_code == 2
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_existing_bundle_is_replaced_only_when_asked(imported, tmp_path):
    family, bundle, _ = imported
    shutil.copytree(bundle.path, tmp_path / "x")
    refused = basenji("import", *IMPORTS[family], "--out", tmp_path / "x")
    assert refused.exit_code == 2
    assert "exists already" in refused.stderr
    done = basenji("import", *IMPORTS[family], "--out", tmp_path / "x", "--overwrite")
    assert done.exit_code == 0
    assert Bundle.load(tmp_path / "x").metadata.name == "x"


# ---- what it is beside a bundle ----


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_published_model_is_a_trained_model_and_no_bundle(family):
    model = FAMILIES[family]()
    assert isinstance(model, TrainedModel)
    assert not isinstance(model, Bundle)
    assert model.members == [model]
    assert model.architecture.tracks == len(model.targets)
    assert not model.reads_both_strands()
    assert model.reads_both_strands(asked=True)
    # What every trained model has can be read of this one, too.
    for name in {*vars(TrainedModel), "path", "architecture", "targets", "both_strands"}:
        getattr(model, name)
    # Engines take it as it is.
    (read,) = passes_of([model], both_strands=None, shifts=(0,))
    assert (read.model, read.reverse) == (0, False)
