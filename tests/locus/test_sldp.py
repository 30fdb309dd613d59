"""The real sldp finds the sign of a planted annotation, from scores that were exported for it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from basenji_kipoi.locus.exports.run import export_scores

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "truth" / "sldp_population.py"
BLOCKS, EACH, PEOPLE = 60, 20, 400


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("sldp_population", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def panel():
    """Draw variants of two chromosomes whose neighbours are linked: the variants, and counts."""
    rng = np.random.default_rng(2)
    carried = np.zeros((BLOCKS * EACH, 2 * PEOPLE), dtype=int)
    for n in range(len(carried)):
        new = rng.random(2 * PEOPLE) < rng.uniform(0.1, 0.5)
        same = (rng.random(2 * PEOPLE) < 0.8) & bool(n % EACH)
        carried[n] = np.where(same, carried[n - 1], new)
    number = np.arange(len(carried))
    chrom, place = number // (BLOCKS // 2 * EACH) + 1, number % (BLOCKS // 2 * EACH)
    alleles = np.array([("A", "C"), ("G", "A"), ("T", "C")])[number % 3]
    snps = pd.DataFrame(
        {
            "chrom": chrom, "pos": place // EACH * 20_000 + place % EACH * 500 + 1,
            "SNP": [f"s{n}" for n in number], "A1": alleles[:, 1], "A2": alleles[:, 0],
        }
    )  # fmt: skip
    return snps, carried[:, ::2] + carried[:, 1::2]


@pytest.mark.slow
def test_sldp_finds_a_planted_annotation_and_nothing_of_dealt_scores(program, tmp_path):
    found = shutil.which("sldp")
    if found is None:
        pytest.skip(
            "no sldp: pip install sldp==1.1.5 'pandas<3' 'numpy<2' six into a PATH of its own"
        )
    snps, counts = panel()
    rng = np.random.default_rng(3)
    own = rng.normal(size=len(snps)) * (rng.random(len(snps)) < 0.3)
    trait = -own @ counts
    trait = trait / trait.std() + rng.normal(size=PEOPLE)
    sldp = program.Sldp(Path(found).parent, tmp_path, snps, counts)
    sldp.write_trait(program.z_of(counts, trait), PEOPLE)
    results = {}
    for name, values in (("own", own), ("dealt", rng.permutation(own))):
        table = pa.table(
            {
                "chrom": [f"chr{c}" for c in snps.chrom], "pos": snps.pos, "id": snps.SNP,
                "ref": snps.A2, "alt": snps.A1, "SAD/x": values,
            }
        )  # fmt: skip
        pyarrow.parquet.write_table(table, tmp_path / f"{name}.parquet")
        export_scores(tmp_path / f"{name}.parquet", tmp_path / name, kind="sldp")
        (results[name],) = sldp.regress(tmp_path / name).itertuples()
    assert results["own"].annot == "SAD/x"
    assert results["own"].z < 0
    assert results["own"].p < 1e-4
    assert results["dealt"].p > 0.05
