"""Engines of one model hold its weights once between them."""

from __future__ import annotations

import gc

import keras
import numpy as np
import pytest
from small_network import save_random_bundle, small_architecture

from basenji_kipoi.base.sequence import Allele
from basenji_kipoi.effects.choice import effect_engine
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.fasta import Genome


def substitutions(*places):
    base = np.array([2], dtype=np.uint8)
    return [AlleleWindow("one", 4000, Allele(place, 1, base)) for place in places]


@pytest.mark.parametrize("whole", [False, True])
def test_every_engine_has_the_same_weights_and_no_keras_network_stays(tmp_path, whole):
    bundles = [
        save_random_bundle(tmp_path / f"model_{seed}", small_architecture(), seed=seed)
        for seed in (1, 2)
    ]
    letters = np.random.default_rng(0).choice(list("ACGT"), 10_000)
    (tmp_path / "genome.fa").write_text(f">one\n{''.join(letters)}\n")
    genome = Genome(tmp_path / "genome.fa")
    gc.collect()
    before = {id(each) for each in gc.get_objects() if isinstance(each, keras.Model)}
    engine = effect_engine(bundles, genome, tracks=[2, 0], whole=whole)
    insertion = AlleleWindow("one", 4000, Allele(1000, 0, np.array([1], dtype=np.uint8)))
    # In the middle, at an end of the window, and of another length: each has its engine.
    requests = [*substitutions(1000, 1100, 3, 7), insertion]
    for group in engine.groups(requests):
        engine.effects([requests[index] for index in group])
    other = engine if whole else engine._other
    for model, bundle in enumerate(bundles):
        lowered = other._lowered.of(bundle)
        windows = other._networks[model]
        users = [other._incremental[model], windows._rows, windows._upper]
        users += [] if whole else [engine._networks[model]]
        assert all(user._weights is lowered.weights for user in users)
    assert len(other._lowered._lowered) == len(bundles)
    gc.collect()
    alive = [each for each in gc.get_objects() if isinstance(each, keras.Model)]
    assert not [each.name for each in alive if id(each) not in before]
