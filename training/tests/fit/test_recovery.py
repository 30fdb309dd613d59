"""A network trained on a simulated genome finds the grammar that was planted in it."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_training.data.build import build_store
from basenji_training.data.settings import StoreSettings
from basenji_training.fit.loop import Run, Settings, fit
from basenji_training.simulation.genome import LOCAL_BP
from basenji_training.simulation.grammar import START_MOTIF, TRACKS, expected_signal
from basenji_training.simulation.simulate import simulate
from basenji_training.store.store import Store

pytestmark = pytest.mark.slow

NETWORK = Path(__file__).parents[2] / "recipes" / "simulated_network.json"
TEST = "chr8"
# Bases beyond a window that can change what is expected inside it, generously.
FLANK = 512


@dataclass(frozen=True)
class Trained:
    """A trained network, the store it was trained on, and the true effects of variants."""

    architecture: Architecture
    predict: object
    store: Store
    variants: list[dict[str, str]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recovery")
    simulate(folder / "sim", seed=0, size=1_600_000, variants=1200)
    names = json.loads((folder / "sim" / "simulation.json").read_text())
    assert names["test"] == [TEST]
    build_store(
        folder / "sim" / "targets.tsv",
        StoreSettings(test=names["test"], validation=names["validation"]),
        fasta=folder / "sim" / "genome.fa",
        out=folder / "store.zarr",
    )
    store = Store.open(folder / "store.zarr").load()
    architecture = Architecture.read(NETWORK).with_tracks(len(TRACKS))
    settings = Settings(
        epochs=30, batch_size=8, learning_rate=0.01, averaging=0.98, resolution=32,
        jitter=architecture.bins * architecture.bin // 2,
    )  # fmt: skip
    run: Run = fit(store, architecture, folder / "run", settings)
    with (folder / "sim" / "truth.tsv").open() as file:
        variants = list(csv.DictReader(file, delimiter="\t"))
    network = run.network()
    return Trained(
        architecture=architecture,
        predict=lambda codes: network.predict(one_hot(codes), batch_size=32, verbose=0),
        store=store,
        variants=variants,
    )


def test_predictions_follow_the_expected_signal_of_a_chromosome_never_seen(trained):
    architecture, store = trained.architecture, trained.store
    crop, width = architecture.crop * architecture.bin, architecture.window
    windows = store.windows("test", width, crop, width - 2 * crop)
    # Not over the chromosome's end, where the store has nothing to compare with.
    windows = [(name, at) for name, at in windows if at + width < store.chromosomes[name]]
    predicted = trained.predict(np.stack([store.sequence(c, s, s + width) for c, s in windows]))
    expected = []
    for name, start in windows:
        signal = expected_signal(store.sequence(name, start - FLANK, start + width + FLANK))
        signal = signal[FLANK + crop : -FLANK - crop]
        expected.append(signal.reshape(-1, architecture.bin, len(TRACKS)).sum(axis=1))
    r = np.corrcoef(predicted.reshape(-1, len(TRACKS)), np.concatenate(expected), rowvar=False)[
        : len(TRACKS), len(TRACKS) :
    ].diagonal()
    # Without kestrel the truth itself would correlate with the whole truth at .56 in
    # accessibility, without heron at .71: who reaches .75 has found both.
    assert r[0] > 0.75
    # Starts are almost all in the start motif, on the right strand.
    assert r[1:].min() > 0.8


def variant_effects(trained):
    """Predicted effects, as `basenji_training.simulation.genome.effects` defines true ones."""
    architecture, store = trained.architecture, trained.store
    half = architecture.window // 2
    reference = np.stack(
        [
            store.sequence(v["chrom"], int(v["pos"]) - 1 - half, int(v["pos"]) - 1 + half)
            for v in trained.variants
        ]
    )
    alternative = reference.copy()
    alternative[:, half] = ["ACGT".index(v["alt"]) for v in trained.variants]
    middle, reach = half // architecture.bin - architecture.crop, LOCAL_BP // architecture.bin
    local = slice(middle - reach, middle + reach)
    sums = [trained.predict(codes)[:, local].sum(axis=1) for codes in (reference, alternative)]
    return np.log(sums[1] / sums[0])


def test_variant_effects_have_the_right_sign_and_size(trained):
    predicted = variant_effects(trained)
    true = np.array([[float(v[track]) for track in TRACKS] for v in trained.variants])
    kind = np.array([v["class"] for v in trained.variants])
    motif = np.array([v["motif"] for v in trained.variants])
    # The held-out chromosome has too few variants for each motif; alleles that break or make a
    # site are new to the network on all of them.
    large = np.abs(true) > 0.2
    agrees = np.sign(predicted) == np.sign(true)
    for column in range(len(TRACKS)):
        mine = large[:, column]
        assert mine.sum() > 100
        # Guessing gives .5 +- .05.
        assert agrees[mine, column].mean() > 0.8
        assert np.corrcoef(predicted[:, column], true[:, column])[0, 1] > 0.7
    # The two activators and the start motif are found as they are. The repressor and the factor
    # that raises starts only show where another factor or a start is near: minutes of training
    # find them in part (.66-.77 and .62 of the signs), and the bounds above leave room for that.
    for name in ("kestrel", "heron", START_MOTIF.name):
        mine = large & (motif == name)[:, None]
        assert agrees[mine].mean() > 0.9, name
        assert np.corrcoef(predicted[mine], true[mine])[0, 1] > 0.8, name
    # What does nothing is predicted to do much less than what does something.
    assert np.abs(predicted[kind == "neutral"]).mean() < 0.1 * np.abs(predicted[large]).mean()
