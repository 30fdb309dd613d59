"""Ranking: random variants, percentiles, and the whole way with a small network."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from locus_files import letters, snvs, write, write_genome
from small_network import make_small_bundle

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import nearest_starts, read_genes
from basenji_kipoi.locus.ranking.background import random_variants
from basenji_kipoi.locus.ranking.effects import Scored, predicted_effects
from basenji_kipoi.locus.ranking.files import RankInputs
from basenji_kipoi.locus.ranking.options import RankOptions
from basenji_kipoi.locus.ranking.posterior import check_sets
from basenji_kipoi.locus.ranking.run import rank, rank_file
from basenji_kipoi.locus.ranking.scored import own_background
from basenji_kipoi.locus.reading import read_loci
from basenji_kipoi.models.model import load
from basenji_kipoi.models.targets import Target

GTF = (
    'chrA\tx\ttranscript\t1001\t1500\t.\t+\t.\tgene_id "ENSG1.7"; gene_name "one";\n'
    'chrB\tx\ttranscript\t2001\t2500\t.\t-\t.\tgene_id "ENSG2.1"; gene_name "two";\n'
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("rank")
    write_genome(made)
    make_small_bundle(made / "model")
    (made / "genes.gtf").write_text(GTF)
    rows = [
        [*each, f"L{n // 4}", "ENSG1.2", 0.25, 0.5 * (-1) ** n, 0.1]
        for n, each in enumerate(snvs(48, first=900, step=7))
    ]
    write(made / "loci.tsv", "chrom pos ref alt locus gene pip beta se", rows)
    return made


def test_random_variants_are_like_those_of_the_table(folder):
    with Genome(folder / "genome.fa") as genome:
        genes = read_genes(folder / "genes.gtf", genome)
        text = letters()
        keys = [*snvs(3, first=980), ("chrA", 1100, text[1099], text[1099] + "GG")]
        keys.append(("chrA", 1200, text[1199:1202], text[1199]))
        drawn = random_variants(keys, genome, genes, number=100, seed=1)
        assert drawn == random_variants(keys, genome, genes, number=100, seed=1)
        assert len(drawn) > 90
        assert not {key[:2] for key in drawn} & {key[:2] for key in keys}
        kinds = {(len(ref), len(alt)) for _, _, ref, alt in keys}
        for chrom, pos, ref, alt in drawn:
            codes = text if chrom == "chrA" else text[::-1]
            assert codes[pos - 1 :].startswith(ref)
            assert ref != alt
            assert (len(ref), len(alt)) in kinds
        substitutions = {(ref, alt) for _, _, ref, alt in keys[:3]}
        assert {(r, a) for _, _, r, a in drawn if len(r) == len(a)} <= substitutions
        far = nearest_starts(
            np.array([key[0] for key in drawn]), np.array([key[1] - 1 for key in drawn]), genes
        )[0]
        assert np.abs(far).max() <= 200 + 100


def scores(values, names=("t1", "t2")):
    """Make a table of scores: shape (variants, tracks)."""
    number = len(values)
    columns = {
        "chrom": ["chrA"] * number,
        "pos": list(range(number)),
        "ref": ["A"] * number,
        "alt": ["C"] * number,
        "status": ["ok" if np.isfinite(row).all() else "too_long" for row in values],
        **{f"SAD/{name}": values[:, column] for column, name in enumerate(names)},
    }
    return Scored(pa.table(columns))


def test_percentiles_are_ranks_among_random_variants():
    targets = [
        Target(index=n, identifier=f"t{n + 1}", strand_pair=n, assay=f"A{n}") for n in range(2)
    ]
    random = np.random.default_rng(0).normal(size=(999, 2)).astype(np.float32)
    values = np.array([[0, 0], [-9, 0], [0, 9], [np.nan, np.nan]], dtype=np.float32)
    found = predicted_effects(scores(values), scores(random), targets, "SAD", "assay")
    first, second = found.groups["A0"], found.groups["A1"]
    np.testing.assert_allclose(first.percentiles[:3], [0, 99.9, 0], atol=0.11)
    np.testing.assert_allclose(second.percentiles[:3], [0, 0, 99.9], atol=0.11)
    assert (first.scores[1], second.scores[2]) == (-9, 9)
    # Over both groups, twice as many random variants have one effect as large.
    assert found.p[1] == pytest.approx(1 / 1000, rel=1.1)
    assert np.isnan(found.p[3])
    assert found.status[3] == "too_long"
    # A random variant's own share is uniform.
    same = predicted_effects(scores(random), scores(random), targets, "SAD", "assay").p
    np.testing.assert_allclose(np.quantile(same, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.02)
    grouped = predicted_effects(scores(values), scores(random), targets, "SAD", "track")
    assert list(grouped.groups) == ["t1", "t2"]


@pytest.mark.usefixtures("eager")
def test_the_whole_way_is_resumed_and_the_same_in_memory(folder, tmp_path):
    inputs = RankInputs(
        (folder / "model",), folder / "genome.fa", folder / "loci.tsv", folder / "genes.gtf"
    )
    options = RankOptions(random=60)
    out, notes = tmp_path / "ranked", []

    def stop(line):
        notes.append(line)
        if len(notes) == 1:
            raise KeyboardInterrupt

    arguments = {"command": "basenji rank", "quiet": True}
    with pytest.raises(KeyboardInterrupt):
        rank_file(inputs, out, options, note=stop, **arguments)
    assert not out.exists()
    found = rank_file(inputs, out, options, note=notes.append, resume=True, **arguments)
    assert {path.name for path in out.iterdir()} == {
        "variants.tsv", "variants.parquet", "sets.tsv", "rank.json", "scores.parquet",
        "scores.genes.parquet", "background.parquet", "background.genes.parquet",
    }  # fmt: skip
    assert not list(tmp_path.glob("*.unfinished"))
    with (out / "variants.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 48
    assert rows[0]["rank"] == "1"
    # A gene whose version differs is the same gene, and the sign of ALT's effect tells direction.
    assert {row["predicted_gene"] for row in rows} == {"one"}
    for row in rows:
        agree = (float(row["beta"]) > 0) == (float(row["gene_change"]) > 0)
        expected = "same" if agree else "opposite"
        assert row["direction"] == (expected if float(row["gene_change"]) else "")
    with pytest.raises(InputError, match="exists already"):
        rank_file(inputs, out, RankOptions(), note=notes.append, resume=True, **arguments)
    for overwrite in (False, True):
        assert None is rank_file(
            inputs, out, options, note=notes.append, resume=True, overwrite=overwrite, **arguments
        )  # what is complete is not computed again
    content = json.loads((out / "rank.json").read_text())
    assert content["weight"]["sets"] == 12
    assert content["weight"]["low"] <= content["weight"]["value"] <= content["weight"]["high"]
    for each in found.sets.to_pylist():
        mine = [row for row in found.variants.to_pylist() if row["locus"] == each["locus"]]
        assert sum(row["posterior"] for row in mine) == pytest.approx(1)
        assert [row["posterior"] for row in mine] == sorted(
            (row["posterior"] for row in mine), reverse=True
        )
    again = rank(
        folder / "model", inputs.fasta, inputs.variants, genes=inputs.genes, options=options
    )
    assert again.weight == found.weight
    assert again.sets.equals(found.sets)
    # The background serves another table, and no other model or score.
    other = RankInputs(
        inputs.model, inputs.fasta, inputs.variants, inputs.genes,
        background=out / "background.parquet",
    )  # fmt: skip
    same = rank_file(other, tmp_path / "b", options, note=notes.append, **arguments)
    assert same.variants.equals(found.variants)
    # It may also come with the model, where nobody asks for other random variants.
    shutil.copytree(folder / "model", tmp_path / "model")
    for name in ("background.parquet", "background.genes.parquet"):
        shutil.copy(out / name, tmp_path / "model" / name)
    own = replace(inputs, model=(tmp_path / "model",))
    notes.clear()
    came = rank_file(own, tmp_path / "d", RankOptions(), note=notes.append, **arguments)
    assert came.variants.equals(found.variants)
    assert notes[-1].startswith("random variants are those that come with the model")
    assert not (tmp_path / "d" / "background.parquet").exists()
    assert json.loads((tmp_path / "d/rank.json").read_text())["files"]["background"] == (
        "background.parquet"
    )
    in_memory = rank(tmp_path / "model", inputs.fasta, inputs.variants, genes=inputs.genes)
    assert in_memory.sets.equals(found.sets)
    loaded = load(tmp_path / "model")
    for other_options in (RankOptions(score="D2"), RankOptions(both_strands=True), options):
        assert own_background(loaded, other_options, has_genes=True) is None
    with pytest.raises(InputError, match="has no column D2/access"):
        rank_file(
            other, tmp_path / "c", RankOptions(score="D2", weight=1), note=notes.append, **arguments
        )


@pytest.mark.parametrize(("column", "sets"), [("pip", 9), ("z", 9), ("pip", 0)])
def test_too_few_sets_for_a_weight_are_refused_before_anything_is_predicted(
    folder, tmp_path, column, sets
):
    # All PIPs are 0 of the last table.
    value = 0.25 if sets else 0
    rows = [[*each, f"L{n % 9}", value] for n, each in enumerate(snvs(36, first=900, step=7))]
    write(tmp_path / "t.tsv", f"chrom pos ref alt locus {column}", rows)
    inputs = RankInputs((folder / "model",), folder / "genome.fa", tmp_path / "t.tsv")
    notes = []
    with pytest.raises(InputError, match=f"10 sets or more .* there are {sets}: give one with"):
        rank_file(
            inputs, tmp_path / "out", RankOptions(), command="x", quiet=True, note=notes.append
        )
    # What is predicted would be kept.
    assert [path.name for path in tmp_path.iterdir()] == ["t.tsv"]
    with Genome(folder / "genome.fa") as genome:
        table = read_loci(tmp_path / "t.tsv", genome)
    check_sets(table, weight=0.5, has_linkage=False, signals=5)
    if column == "z":
        check_sets(table, weight=None, has_linkage=True, signals=2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"tracks": ("nope",)}, "no track 'nope'"), ({"memory": math.inf}, "--memory: inf")],
)
def test_options_that_scoring_refuses_leave_nothing(folder, tmp_path, wrong, said):
    inputs = RankInputs((folder / "model",), folder / "genome.fa", folder / "loci.tsv")
    with pytest.raises(InputError, match=said):
        rank_file(
            inputs, tmp_path / "out", RankOptions(**wrong), command="x", quiet=True, note=list
        )
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_asked_is_said():
    with pytest.raises(InputError, match="no score 'nope'"):
        RankOptions(score="nope")
    with pytest.raises(InputError, match="20 random variants or more"):
        RankOptions(random=5)
    for wrong in (
        {"random": 10**9},
        {"signals": 10**6},
        {"weight": math.inf},
        {"weight": math.nan},
    ):
        with pytest.raises(InputError, match=f"--{next(iter(wrong))}"):
            RankOptions(**wrong)


@pytest.mark.parametrize("has_genes", [True, False])
def test_random_variants_may_lie_together(tmp_path, has_genes):
    text = "".join(np.random.default_rng(1).choice(list("ACGT"), 400_000))
    (tmp_path / "long.fa").write_text(f">chr1\n{text}\n")
    lines = [
        f'chr1\tx\ttranscript\t{start}\t{start + 900}\t.\t+\t.\tgene_id "G{start}";\n'
        for start in range(5_000, 400_000, 10_000)
    ]
    (tmp_path / "long.gtf").write_text("".join(lines))
    keys = [("chr1", pos, text[pos - 1], "ACGT"["CGTA".index(text[pos - 1])])
            for pos in range(105_100, 107_100, 100)]  # fmt: skip
    with Genome(tmp_path / "long.fa") as genome:
        genes = read_genes(tmp_path / "long.gtf", genome) if has_genes else None
        apart, near = (
            random_variants(keys, genome, genes, number=200, seed=3, together=each)
            for each in (1, 10)
        )
    assert len(near) > 180

    def places(drawn):
        return 1 + (np.diff([pos for _, pos, _, _ in drawn]) > 1500).sum()

    # Without genes 200 places of 400 kb touch each other often.
    assert places(near) <= 30
    assert places(apart) > (35 if has_genes else 60)
    if has_genes:
        chroms = np.array([key[0] for key in near])
        far = nearest_starts(chroms, np.array([key[1] - 1 for key in near]), genes)[0]
        assert np.abs(far).max() <= 2000 * 1.2
