"""An exported bundle is the run's best network, with its figures and its history."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from known_truth import FOLDS, SETTINGS, TARGETS

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.bundle import Bundle
from basenji_training.evaluation.evaluate import evaluate
from basenji_training.evaluation.export import export, rounding
from basenji_training.evaluation.model_card import duration
from basenji_training.evaluation.trained_model import RunHead, read_model


@pytest.fixture(scope="module")
def evaluation(trained):
    return measured(trained, command="evaluate command")


def measured(trained, *, runs=1, both_strands=None, **changes):
    model = read_model([trained.run.path] * runs, both_strands=both_strands)
    options = {"split": "test", "resolution": 128, **changes}
    return evaluate(model, trained.store, **options).figures


def write(trained, evaluation, out, **changes):
    options = {
        "name": "letters",
        "assembly": "random1",
        "description": "It counts letters.",
        "command": "export command",
        **changes,
    }
    members = options.pop("members", [RunHead.read(trained.run.path)])
    return export(members, out, evaluation=evaluation, **options)


@pytest.fixture(scope="module")
def bundle(trained, evaluation, tmp_path_factory):
    return write(trained, evaluation, tmp_path_factory.mktemp("bundle") / "letters")


def test_the_bundle_is_the_best_network(trained, bundle):
    loaded = Bundle.load(bundle.path)
    assert loaded.targets == TARGETS
    assert loaded.architecture == trained.run.architecture
    x = one_hot(np.random.default_rng(0).integers(0, 5, (3, loaded.architecture.window)))
    expected = trained.run.network().predict_on_batch(x)
    np.testing.assert_array_equal(loaded.network().predict_on_batch(x), expected)


def test_both_strands_are_averaged_as_they_were_evaluated(trained, evaluation, tmp_path):
    single = trained.run.network()
    both = measured(trained, both_strands=True)
    assert both["both_strands"] is True
    figures = [[track["pearson"] for track in e["tracks"]] for e in (both, evaluation)]
    assert figures[0] != figures[1]
    loaded = write(trained, both, tmp_path / "both")
    assert "reverse complement" in (loaded.path / "MODEL_CARD.md").read_text()
    x = one_hot(np.random.default_rng(0).integers(0, 5, (3, loaded.architecture.window)))
    reverse = single.predict_on_batch(x[:, ::-1, ::-1])[:, ::-1][..., TARGETS.strand_permutation]
    mean = (single.predict_on_batch(x) + reverse) / 2
    np.testing.assert_allclose(loaded.network().predict_on_batch(x), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        loaded.network(both_strands=False).predict_on_batch(x), single.predict_on_batch(x)
    )


def test_the_network_has_learned_letters(evaluation):
    by_name = {track["identifier"]: track["pearson"] for track in evaluation["tracks"]}
    assert by_name["absent"] is None
    assert min(by_name[name] for name in ("gc", "a_plus", "a_minus")) > 0.8


def test_the_metadata_tell_the_training(trained, bundle):
    training = bundle.metadata.training
    best = max(trained.run.history, key=lambda row: row["validation_r"])
    assert training.chromosomes.model_dump() == FOLDS
    assert training.best_epoch == best["epoch"]
    assert training.validation_r == round(best["validation_r"], 4)
    assert training.epochs_run == SETTINGS.epochs
    assert training.settings == SETTINGS.model_dump()
    assert training.commands == [
        "basenji-train data targets.tsv",
        "fit command",
        "evaluate command",
        "export command",
    ]
    assert (bundle.metadata.name, bundle.metadata.assembly) == ("letters", "random1")


def test_no_path_of_the_machine_is_exported(trained, bundle):
    for file in ("metadata.json", "evaluation.json", "MODEL_CARD.md", "targets.tsv"):
        assert str(trained.store.path.parent) not in (bundle.path / file).read_text()
        assert str(trained.run.path.parent) not in (bundle.path / file).read_text()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (20, "Less than a minute"),
        (40, "1 minute"),
        (89, "1 minute"),
        (91, "2 minutes"),
        (72_000, "1,200 minutes"),
    ],
)
def test_how_long_a_training_took(seconds, expected):
    assert duration(seconds) == expected


def test_the_card_has_the_figures(bundle, evaluation):
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert card.startswith("# letters\n")
    assert "It counts letters." in card
    for group in evaluation["groups"]:
        if group["pearson"] is None:
            assert f"| {group['assay']} | {group['sample']} | 1 | not defined" in card
        else:
            assert f"| {group['pearson_log1p']:.3f} | {group['pearson']:.3f} |" in card
    for text in ("evaluate command", "export command", "random1", "chr4", "1,024 bp"):
        assert text in card
    assert bundle.evaluation == evaluation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights_sha256": ["0" * 64]}, "of other networks than those that are exported"),
        ({"weights_sha256": []}, "of other networks than those that are exported"),
        ({"head": "mouse"}, "evaluation is of the head mouse, the export of letters"),
    ],
)
def test_an_evaluation_of_others_is_refused(trained, evaluation, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        write(trained, {**evaluation, **change}, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_evaluation_of_other_tracks_is_refused(trained, evaluation, tmp_path):
    other = {**evaluation, "tracks": evaluation["tracks"][:-1]}
    with pytest.raises(InputError, match="evaluation is of other tracks"):
        write(trained, other, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bundle_is_kept_unless_it_may_be_replaced(trained, bundle, evaluation):
    with pytest.raises(InputError, match="exists already"):
        write(trained, evaluation, bundle.path, name="other")
    assert Bundle.load(bundle.path).metadata.name == "letters"
    again = write(trained, evaluation, bundle.path, overwrite=True)
    assert Bundle.load(again.path).metadata.sha256 == bundle.metadata.sha256


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def second(trained, tmp_path_factory):
    """Another run: its weights are twice as large in the head, it had more dropout."""
    path = shutil.copytree(trained.run.path, tmp_path_factory.mktemp("second") / "run")
    replace(path / "architecture.json", '"rate": 0.1', '"rate": 0.2')
    network = trained.run.network()
    head = network.get_layer("head_letters")
    head.set_weights([2 * values for values in head.get_weights()])
    network.save_weights(path / "best.weights.h5", overwrite=True)
    return path


def test_an_ensemble_of_runs_is_one_bundle(trained, second, tmp_path):
    members = [RunHead.read(trained.run.path), RunHead.read(second)]
    figures = evaluate(
        read_model([trained.run.path, second]), trained.store, split="test", resolution=128
    ).figures
    assert figures["members"] == 2
    loaded = write(trained, figures, tmp_path / "pair", members=members)
    assert len(loaded.members) == 2
    x = one_hot(np.random.default_rng(0).integers(0, 5, (3, loaded.architecture.window)))
    mean = np.mean([member.network().predict_on_batch(x) for member in members], axis=0)
    np.testing.assert_allclose(loaded.network().predict_on_batch(x), mean, rtol=1e-5, atol=1e-6)
    card = (loaded.path / "MODEL_CARD.md").read_text()
    assert "the mean of 2 networks" in card
    assert len(loaded.metadata.training.networks) == 2
    again = evaluate(read_model([loaded.path]), trained.store, split="test", resolution=128)
    assert again.figures["tracks"] == figures["tracks"]


def test_an_evaluation_of_one_network_is_none_of_an_ensemble(trained, evaluation, second, tmp_path):
    members = [RunHead.read(trained.run.path), RunHead.read(second)]
    with pytest.raises(InputError, match="evaluation is of other networks"):
        write(trained, evaluation, tmp_path / "pair", members=members)


def test_runs_of_other_networks_are_no_ensemble(trained, evaluation, tmp_path):
    path = shutil.copytree(trained.run.path, tmp_path / "other")
    replace(path / "architecture.json", '"function": "relu"', '"function": "gelu_tanh"')
    members = [RunHead.read(trained.run.path), RunHead.read(path)]
    with pytest.raises(InputError, match="have different networks"):
        write(trained, {**evaluation, "members": 2}, tmp_path / "pair", members=members)


def test_some_tracks_are_predicted_as_before(trained, evaluation, tmp_path):
    # Track 2 is the other strand of track 1 and stays with it.
    some = write(trained, evaluation, tmp_path / "some", tracks="absent,a_plus")
    assert some.targets.labels == ["a_plus", "a_minus", "absent"]
    assert some.targets.strand_permutation.tolist() == [1, 0, 2]
    x = one_hot(np.random.default_rng(0).integers(0, 5, (3, some.architecture.window)))
    expected = trained.run.network().predict_on_batch(x)[..., 1:]
    np.testing.assert_allclose(some.network().predict_on_batch(x), expected, rtol=1e-6)
    assert [track["identifier"] for track in some.evaluation["tracks"]] == some.targets.labels
    assert [group["assay"] for group in some.evaluation["groups"]] == ["letter", "none"]
    means = [track["pearson"] for track in evaluation["tracks"][1:3]]
    assert some.evaluation["groups"][0]["pearson"] == pytest.approx(np.mean(means), abs=1e-4)


def test_half_precision_is_stored_and_computed_in_single(trained, evaluation, bundle, tmp_path):
    half = write(trained, evaluation, tmp_path / "half", half=True)
    sizes = [(b.path / "model.weights.h5").stat().st_size for b in (half, bundle)]
    assert sizes[0] < sizes[1]
    for saved, exact in zip(
        half.network().get_weights(), bundle.network().get_weights(), strict=True
    ):
        assert saved.dtype == exact.dtype
        np.testing.assert_array_equal(saved, exact.astype(np.float16).astype(exact.dtype))
    assert 0 < rounding(half, [RunHead.read(trained.run.path)]) < 0.01
    assert rounding(bundle, [RunHead.read(trained.run.path)]) == 0


def test_the_card_says_what_the_figures_are_of(trained, tmp_path):
    sentences = {
        "test": "used neither for training nor for choosing anything",
        "validation": "chr3 chose the epoch, so that these figures are a little too high",
        "train": "were trained on: these figures say nothing about new",
    }
    for split, sentence in sentences.items():
        card = write(trained, measured(trained, split=split), tmp_path / split).path
        assert sentence in (card / "MODEL_CARD.md").read_text()


def test_a_head_that_does_not_exist(trained):
    with pytest.raises(InputError, match=r"has the heads letters: .* not 'mouse'"):
        RunHead.read(trained.run.path, "mouse")
    with pytest.raises(InputError, match="neither a run of `basenji-train fit` nor a bundle"):
        read_model([trained.store.path])
