"""An exported bundle is the run's best network, with its figures and its history."""

from __future__ import annotations

import numpy as np
import pytest
from known_truth import FOLDS, SETTINGS, TARGETS

from basenji_kipoi.bundle import Bundle
from basenji_kipoi.errors import InputError
from basenji_kipoi.sequence import one_hot
from basenji_training.evaluate import evaluate
from basenji_training.export import export
from basenji_training.trained_model import read_model


@pytest.fixture(scope="module")
def evaluation(trained):
    return measured(trained, command="evaluate command")


def measured(trained, *, both_strands=None, **changes):
    model = read_model([trained.run.path], both_strands=both_strands)
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
    return export(trained.run, out, evaluation=evaluation, **options)


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
    assert training["chromosomes"] == FOLDS
    assert training["best_epoch"] == best["epoch"]
    assert training["validation_r"] == round(best["validation_r"], 4)
    assert training["epochs_run"] == SETTINGS.epochs
    assert training["settings"] == SETTINGS.model_dump()
    assert training["commands"] == [
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
