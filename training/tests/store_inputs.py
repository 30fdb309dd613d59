"""A small genome with two tracks, and a store made of it, for several test modules."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pybigtools
import pytest

from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.data.build import build_store
from basenji_training.data.settings import StoreSettings
from basenji_training.store.store import Store

LENGTHS = {"chr1": 3210, "chr2": 2000, "chr3": 1601, "chrM": 500}
FOLDS = {"test": ["chr3"], "validation": ["chr2"], "exclude": ["chrM"]}


def write_bigwig(path, values, lengths=None):
    """Write dense per-base values; zeros are left out, as sparse count tracks do."""
    lengths = lengths or {name: len(track) for name, track in values.items()}
    records = (
        (name, i, i + 1, float(track[i]))
        for name, track in sorted(values.items())
        for i in np.flatnonzero(track).tolist()
    )
    pybigtools.open(str(path), "w").write(lengths, records)


def write_table(path, **columns):
    """Write a table of the tracks a and b; further columns as two values."""
    rows = [
        Target(
            index=i,
            identifier=name,
            file=f"{name}.bw",
            strand_pair=i,
            **{key: values[i] for key, values in columns.items()},
        )
        for i, name in enumerate("ab")
    ]
    Targets(rows).write(path)


@pytest.fixture
def inputs(tmp_path):
    """A genome with two tracks, as files and as arrays."""
    generator = np.random.default_rng(0)
    sequences = {
        name: "".join(generator.choice(list(ALPHABET + "acgtN"), size=length))
        for name, length in LENGTHS.items()
    }
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
    values = {
        track: {name: generator.poisson(0.7, length) for name, length in LENGTHS.items()}
        for track in "ab"
    }
    for track, chromosomes in values.items():
        write_bigwig(tmp_path / f"{track}.bw", chromosomes)
    table = tmp_path / "targets.tsv"
    write_table(table)
    return SimpleNamespace(
        folder=tmp_path, fasta=fasta, table=table, sequences=sequences, values=values
    )


def build(inputs, **changes):
    fields = StoreSettings.model_fields
    settings = {**FOLDS, **{key: value for key, value in changes.items() if key in fields}}
    options = {key: value for key, value in changes.items() if key not in fields}
    options = {"fasta": inputs.fasta, "out": inputs.folder / "s.zarr", **options}
    build_store(inputs.table, StoreSettings(**settings), **options)
    return Store.open(inputs.folder / "s.zarr")


def left_over(inputs):
    return [path.name for path in inputs.folder.iterdir() if "zarr" in path.name]
