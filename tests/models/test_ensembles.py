"""A bundle of several networks predicts, scores and describes itself as their mean."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from small_network import save_random_bundle
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.bundle import Bundle, save_bundle
from basenji_kipoi.models.model import load

SCORED = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def singles(small_bundle, tmp_path_factory):
    """Two bundles of one network each."""
    folder = tmp_path_factory.mktemp("singles")
    return [
        save_random_bundle(folder / str(seed), small_bundle.architecture, seed=seed)
        for seed in (1, 2)
    ]


@pytest.fixture(scope="module")
def ensemble(singles, tmp_path_factory):
    """The two networks as one bundle, read on both strands."""
    return save_ensemble(tmp_path_factory.mktemp("ensemble") / "two", singles)


def save_ensemble(path, singles, **changes):
    options = {
        "network": [single.network() for single in singles],
        "architecture": singles[0].architecture,
        "targets": singles[0].targets,
        "name": "two",
        "assembly": "simulated",
        "training": {},
        "evaluation": {},
        "model_card": "card",
        "both_strands": True,
        **changes,
    }
    return save_bundle(path, **options)


@pytest.fixture(scope="module")
def x(small_bundle):
    return one_hot(np.random.default_rng(0).integers(0, 5, (3, small_bundle.architecture.window)))


@pytest.mark.parametrize("both_strands", [False, True])
def test_predictions_are_means_of_the_members(ensemble, singles, x, both_strands):
    expected = np.mean(
        [single.network(both_strands=both_strands).predict_on_batch(x) for single in singles],
        axis=0,
    )
    network = ensemble.network(both_strands=both_strands)
    np.testing.assert_allclose(network.predict_on_batch(x), expected, rtol=1e-5, atol=1e-6)
    if both_strands:
        default = ensemble.network().predict_on_batch(x)
        np.testing.assert_allclose(default, expected, rtol=1e-5, atol=1e-6)


def test_members_are_the_networks(ensemble, singles, x):
    members = load([ensemble.path, singles[0].path]).members
    for member, single in zip(members, [*singles, singles[0]]):
        np.testing.assert_array_equal(
            member.network(both_strands=False).predict_on_batch(x),
            single.network().predict_on_batch(x),
        )
    assert [member.weights_sha256 for member in members[:2]] == [
        [sha256] for sha256 in ensemble.weights_sha256
    ]
    assert len(set(ensemble.weights_sha256)) == 2


def test_files_and_metadata(ensemble):
    metadata = json.loads((ensemble.path / "metadata.json").read_text())
    names = [f"member_{number}.weights.h5" for number in (1, 2)]
    assert (metadata["format"], metadata["weights"]) == (2, names)
    assert {file.name for file in ensemble.path.iterdir()} == {*metadata["sha256"], "metadata.json"}
    assert set(names) < set(metadata["sha256"])


def test_a_bundle_of_one_network_is_of_format_1(singles, tmp_path):
    one = save_ensemble(tmp_path / "one", singles[:1])
    metadata = json.loads((one.path / "metadata.json").read_text())
    assert list(metadata) == [
        "format", "name", "assembly", "window", "bin", "crop", "receptive_field", "tracks",
        "both_strands", "training", "versions", "sha256",
    ]  # fmt: skip
    assert metadata["format"] == 1
    assert list(metadata["sha256"]) == [
        "architecture.json", "model.weights.h5", "targets.tsv", "targets.txt", "evaluation.json",
        "MODEL_CARD.md",
    ]  # fmt: skip
    assert [member.path for member in one.members] == [one.path]


@pytest.fixture
def copy(ensemble, tmp_path):
    return shutil.copytree(ensemble.path, tmp_path / "copy")


def test_a_changed_or_missing_member_is_named(copy):
    file = copy / "member_2.weights.h5"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"member_2.weights.h5 is not the file that metadata"):
        Bundle.load(copy)
    file.unlink()
    with pytest.raises(InputError, match=r"member_2.weights.h5 is missing"):
        Bundle.load(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 1}, "expected weights in format 2 and only there"),
        ({"weights": []}, "expected weights to be names of files"),
        ({"weights": ["../x.weights.h5"]}, "expected weights to be names of files"),
        ({"format": 3}, "Input should be 1 or 2"),
    ],
)
def test_metadata_that_make_no_sense(copy, changes, message):
    metadata = json.loads((copy / "metadata.json").read_text())
    (copy / "metadata.json").write_text(json.dumps({**metadata, **changes}))
    with pytest.raises(InputError, match=message):
        Bundle.load(copy)


def test_float16_weights_are_those_rounded(singles, x, tmp_path):
    half = save_ensemble(tmp_path / "half", singles[:1], half=True, both_strands=False)
    full = singles[0]
    sizes = [(bundle.path / "model.weights.h5").stat().st_size for bundle in (half, full)]
    assert sizes[0] < sizes[1]
    for saved, exact in zip(half.network().weights, full.network().weights):
        assert saved.dtype == exact.dtype
        rounded = np.asarray(exact).astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(np.asarray(saved), rounded)
    exact = full.network().predict_on_batch(x)
    change = np.abs(half.network().predict_on_batch(x) - exact)
    # Eleven bits of mantissa through six layers.
    assert 0 < change.max() < 0.01 * np.ptp(exact)


def test_the_engines_read_members(ensemble, genome_of_letters):
    from basenji_kipoi.effects.engine import PlainEngine

    with pytest.raises(ValueError, match="pass its members"):
        PlainEngine([ensemble], genome_of_letters)


@pytest.fixture(scope="module")
def genome_of_letters(tmp_path_factory):
    from score_command import LETTERS

    from basenji_kipoi.genome.fasta import Genome

    fasta = tmp_path_factory.mktemp("genome") / "genome.fa"
    fasta.write_text(f">chrI\n{LETTERS}\n")
    with Genome(fasta) as genome:
        yield genome


def run(*arguments):
    from basenji_kipoi.cli.app import app

    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_linear_scores_are_means_of_the_members_scores(
    ensemble, singles, genome_of_letters, tmp_path
):
    import pandas as pd
    from score_command import HEADER, LETTERS, line

    rows = [line(pos) for pos in (5000, 5037, 9000)] + [line(7000, LETTERS[6999:7003], "A")]
    vcf = tmp_path / "in.vcf"
    vcf.write_text(HEADER + "".join(f"{row}\n" for row in rows))

    def scores(name, *bundles, score="SAD"):
        models = [word for bundle in bundles for word in ("--model", bundle.path)]
        out = tmp_path / f"{name}.parquet"
        run("score", *models, "--fasta", genome_of_letters.path, "--vcf", vcf, "--out", out,
            "--scores", score, "--both-strands", "--quiet")  # fmt: skip
        return pd.read_parquet(out).iloc[:, 8:].to_numpy()

    together = scores("together", ensemble)
    apart = [scores(f"apart{number}", single) for number, single in enumerate(singles)]
    np.testing.assert_allclose(together, np.mean(apart, axis=0), **SCORED)
    assert np.abs(np.ptp(apart, axis=0)).max() > 0.01  # members differ
    # Scores that are not linear are those of the mean prediction, as with several --model.
    several = scores("several", *singles, score="logSAD,JS")
    np.testing.assert_allclose(scores("one", ensemble, score="logSAD,JS"), several, **SCORED)


def test_mutation_maps_are_means_of_the_members_maps(
    ensemble, singles, genome_of_letters, tmp_path
):
    import h5py

    bed = tmp_path / "x.bed"
    bed.write_text("chrI\t5000\t5010\n")

    def totals(name, bundle):
        out = tmp_path / f"{name}.h5"
        run("mutate", "--model", bundle.path, "--fasta", genome_of_letters.path, "--bed", bed,
            "--out", out, "--both-strands")  # fmt: skip
        with h5py.File(out) as file:
            return file["scores/SAD"][:]

    apart = [totals(str(number), single) for number, single in enumerate(singles)]
    np.testing.assert_allclose(totals("all", ensemble), np.mean(apart, axis=0), **SCORED)


def test_inspect_counts_the_members(ensemble, singles):
    assert json.loads(run("inspect", "--model", ensemble.path, "--json"))["members"] == 2
    assert json.loads(run("inspect", "--model", singles[0].path, "--json"))["members"] == 1
