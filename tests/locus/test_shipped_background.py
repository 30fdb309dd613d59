"""The shipped model has random variants of its own, which fit its weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet

from basenji_kipoi.locus.ranking.options import RankOptions
from basenji_kipoi.locus.ranking.scored import own_background, read_scored
from basenji_kipoi.models.model import load
from basenji_kipoi.scoring.tables import METADATA_KEY

ROOT = Path(__file__).resolve().parents[2]


def test_they_are_those_of_the_shipped_weights_and_small():
    model = load(ROOT / "model_files")
    for genes in (True, False):
        assert own_background(model, RankOptions(), has_genes=genes) is not None
    path = own_background(model, RankOptions(tracks=("atac",), by="gene"), has_genes=True)
    files = path, path.with_name("background.genes.parquet")
    assert sum(file.stat().st_size for file in files) < 1_000_000
    scored = read_scored(path, has_genes=True)
    assert len(scored.alleles) > 950
    assert set(scored.alleles["status"].to_pylist()) == {"ok"}
    for table, score in ((scored.alleles, "logSAD"), (scored.genes, "logSED")):
        for label in model.targets.labels:
            assert np.isfinite(table[f"{score}/{label}"].to_numpy()).all()
    # Nothing of the machine that made them.
    content = json.loads(pyarrow.parquet.read_schema(path).metadata[METADATA_KEY.encode()])
    assert content["commands"] == ["make_background.py --number 1000 --seed 0"]
    assert all("/" not in content[name]["file"] for name in ("fasta", "vcf", "genes"))
