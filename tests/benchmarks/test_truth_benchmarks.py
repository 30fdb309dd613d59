"""The programs that compare predicted effects with the truth: their readers and statistics."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene

FOLDER = Path(__file__).parents[2] / "benchmarks" / "truth"


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """The programs import each other by name."""
    monkeypatch.syspath_prepend(str(FOLDER))


# ---- a simulated genome ----


def truth(number=40):
    """Causal variants with a control each, on a chromosome that was trained on and one held out."""
    rows = []
    for i in range(number):
        sign = 1 if i % 2 else -1
        shared = {"chrom": "chr8" if i % 4 == 0 else "chr1", "x": str(sign * 0.5)}
        kind = "creates" if sign > 0 else "disrupts"
        rows.append({"id": f"v{i}", "class": kind, "matched": ".", **shared})
        rows.append({"id": f"c{i}", "class": "control", "matched": f"v{i}", **shared, "x": "0"})
    return rows


def test_a_perfect_and_an_ignorant_model():
    from known_variants import measure

    rows = truth()
    perfect = np.array([[float(row["x"])] for row in rows])
    found = {row["variants"]: row for row in measure(rows, perfect, ["x"], {"chr8"})}
    assert found["all"]["auroc"][:1] == found["all"]["sign"][:1] == (1,)
    assert [found[name]["auroc"].rows for name in found] == [40, 20, 20, 10]
    ignorant = np.random.default_rng(0).normal(size=(len(rows), 1))
    found = {row["variants"]: row for row in measure(rows, ignorant, ["x"], {"chr8"})}
    for name in ("auroc", "sign"):
        assert found["all"][name].low < 0.5 < found["all"][name].high


def test_a_simulation_without_controls_is_refused_in_one_line(tmp_path, small_bundle):
    (tmp_path / "truth.tsv").write_text("chrom\tpos\nchr1\t3\n")
    (tmp_path / "simulation.json").write_text("{}")
    done = subprocess.run(
        [
            sys.executable, str(FOLDER / "known_variants.py"), "--model", str(small_bundle.path),
            "--simulation", str(tmp_path), "--out", str(tmp_path / "x.json"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "has no column access, matched, start_minus" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "x.json").exists()


# ---- yeast ----

LETTERS = "".join(np.random.default_rng(0).choice(list("ACGT"), 5000))
GENES = {
    "plus": Gene("plus", "", "+", "chrI", (2000,)),
    "minus": Gene("minus", "", "-", "chrI", (3000,)),
}


@pytest.fixture
def yeast(tmp_path):
    """A folder as the yeast data has it, with a few measurements."""
    (tmp_path / "genome.fa").write_text(f">chrI\n{LETTERS}\n")
    (tmp_path / "variants").mkdir()

    def write(name, rows):
        with gzip.open(tmp_path / "variants" / name, "wt", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    common = {"chr": "chrI", "ref": LETTERS[1899], "alt": "N", "logFC": -0.5}
    write(
        "mpra.tsv.gz",
        [
            {"gene": "plus", "pos": 1900, "adj.P.Val": 0.01, **common},
            {"gene": "unknown", "pos": 1900, "adj.P.Val": 0.5, **common},
        ],
    )
    write(
        "local_eqtl.tsv.gz",
        [
            {"gene": "plus", "pmarker": f"chrI:1901_{LETTERS[1900]}/N", "lm.coeff": 0.3},
            {"gene": "minus", "pmarker": f"chrI:1901_{LETTERS[1900]}/N", "lm.coeff": -0.2},
        ],
    )
    records = [
        (1500, LETTERS[1499], "A" if LETTERS[1499] != "A" else "C", 1),
        (1600, LETTERS[1599:1603], LETTERS[1599], 1),  # a deletion of three bases
        (1602, LETTERS[1601], "A" if LETTERS[1601] != "A" else "C", 1),  # within the deletion
        (1700, LETTERS[1699], LETTERS[1699] + "GG", 1),
        (1800, LETTERS[1799], "A" if LETTERS[1799] != "A" else "C", 0),  # not RM's
    ]
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chrI,length=5000>"]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tBYa\tRMx")
    lines += [f"chrI\t{p}\t.\t{r}\t{a}\t.\t.\t.\tGT\t0\t{gt}" for p, r, a, gt in records]
    with gzip.open(tmp_path / "variants" / "BY_RM.vcf.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join([*lines, ""]))
    return tmp_path


def test_measurements_are_read(yeast):
    from yeast_measurements import read_eqtl, read_haplotypes, read_mpra

    (mpra,) = read_mpra(yeast, GENES)
    assert (mpra.gene.gene_id, mpra.position, mpra.ref) == ("plus", 1899, LETTERS[1899])
    assert (mpra.effect, mpra.significant) == (-0.5, True)
    eqtl = read_eqtl(yeast, GENES)
    assert [(each.position, each.alt, each.effect) for each in eqtl] == [
        (1900, "N", 0.3), (1900, "N", -0.2),
    ]  # fmt: skip
    with Genome(yeast / "genome.fa") as genome:
        (promoter,) = read_haplotypes(yeast, eqtl, genome)  # the other gene's has no variant
    assert promoter.gene.gene_id == "plus"
    assert promoter.position == 1499
    assert promoter.ref == LETTERS[1499:1700]
    first = "A" if LETTERS[1499] != "A" else "C"
    assert promoter.alt == f"{first}{LETTERS[1500:1600]}{LETTERS[1603:1700]}GG"


def test_where_genes_start():
    from yeast_measurements import start_of

    assert start_of(GENES["plus"], 400, 100) == (1600, 2100)
    # Mirrored: base 3,000 is the first one, 3,001 lies before the gene.
    assert start_of(GENES["minus"], 400, 100) == (2901, 3401)


def test_large_effects_are_counted_where_they_are(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from measured_variants import EDGES, TRACKS, enrich

    random = np.random.default_rng(0)
    positions = random.integers(0, 5000, 4000)
    size = random.random(4000) * 0.1
    size[np.abs(positions - 1950) < 50] += 1  # within 100 bp before the gene on the plus strand
    columns = {
        f"SAD/{name}": size * random.choice([-1, 1], 4000)
        for strands in TRACKS.values()
        for name in strands.values()
    }
    table = {"chrom": ["chrI"] * 4000, "pos": positions + 1, "status": ["ok"] * 4000, **columns}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    for rows in enrich(tmp_path / "x.parquet", GENES).values():
        found = {row["from"]: row["enrichment"].value for row in rows}
        assert max(found, key=found.get) == -100
        assert found[-100] > 5
        assert len(rows) == len(EDGES)
        # The shares of all parts are those of the whole.
        weights = np.array([row["enrichment"].rows for row in rows])
        values = np.array([row["enrichment"].value for row in rows])
        assert weights.sum() == 4000
        some = weights >= 3
        assert np.average(values[some], weights=weights[some]) == pytest.approx(1, rel=0.01)


def test_effects_are_compared_by_part():
    from measured_variants import compared, table_of
    from yeast_measurements import Measurement

    random = np.random.default_rng(0)
    genes = [GENES["plus"], GENES["plus"]._replace(contig="chrV")]
    measured = [
        Measurement(genes[i % 2], 100 * i, "A", "C", float(random.normal()), i % 3 == 0)
        for i in range(60)
    ]
    effect = np.array([each.effect for each in measured])
    comparison = compared("x", measured, {"same": effect, "opposite": -effect})
    parts = {part["name"]: part for part in comparison.figures["parts"]}
    assert {name: part["rows"] for name, part in parts.items()} == {
        "all": 60,
        "significant=True": 20,
        "near=True": 41,
        "near=True and held_out=True": 20,
        "held_out=True": 30,
    }
    for part in parts.values():
        same, opposite = part["scores"][:2]
        assert same["pearson"].value == pytest.approx(1)
        assert opposite["spearman"].value == pytest.approx(-1)
    assert table_of({"x": comparison}).count("\n") == 1 + sum(
        len(part["scores"]) for part in parts.values()
    )


def test_tuning_leaves_groups_out_as_if_they_were_never_there(programs):
    from tuned_variants import PENALTIES, chosen, kernel_of

    generator = np.random.default_rng(0)
    values, weight = generator.normal(size=(60, 8)), generator.uniform(0.5, 2, 60)
    effect = values @ generator.normal(size=8) + generator.normal(size=60)
    groups, kernel = np.repeat(np.arange(6), 10), kernel_of(values)
    root = np.sqrt(weight / weight.mean())
    errors = []
    for penalty in PENALTIES:
        errors.append(0.0)
        for left_out in range(6):
            train, test = groups != left_out, groups == left_out
            inside = kernel[np.ix_(train, train)] * root[train, None] * root[train]
            fit = np.linalg.solve(inside + penalty * np.eye(50), root[train] * effect[train])
            predicted = kernel[np.ix_(test, train)] @ (root[train] * fit)
            errors[-1] += (root[test] ** 2 * (effect[test] - predicted) ** 2).sum()
    error, penalty, coefficients = chosen(kernel, effect, weight, groups)
    assert error == pytest.approx(min(errors))
    assert penalty == PENALTIES[int(np.argmin(errors))]
    # All rows together are predicted as the normal equations say.
    whole = kernel * root[:, None] * root
    solved = root * np.linalg.solve(whole + penalty * np.eye(60), root * effect)
    np.testing.assert_allclose(kernel @ coefficients, kernel @ solved, rtol=1e-6, atol=1e-9)


def test_words_on_both_strands_are_those_of_either_strand(programs):
    import pandas as pd
    from tuned_levels import of_words
    from yeast_oligos import ALLELES, word_counts

    counts = word_counts(["ACGTT"], 2)[0]
    # In alphabetical order: AC is word 1, CG 6, GT 11, TT 15.
    assert np.flatnonzero(counts).tolist() == [1, 6, 11, 15]
    generator = np.random.default_rng(0)
    oligos = ["".join(generator.choice(list("ACGT"), 30)) for _ in range(8)]
    turned = [each[::-1].translate(str.maketrans("ACGT", "TGCA")) for each in oligos]
    forward = of_words(pd.DataFrame(dict(zip(ALLELES, (oligos[:4], oligos[4:])))))
    reverse = of_words(pd.DataFrame(dict(zip(ALLELES, (turned[:4], turned[4:])))))
    # 2, 10, 32, 136 and 512 words differ from each other's reverse complement.
    assert forward.shape == (4, 2, 692)
    np.testing.assert_allclose(forward, reverse)
    assert np.mean((forward[:, 1] - forward[:, 0]) ** 2) * 692 == pytest.approx(1)


def variants_with_levels(generator, noise):
    """Six groups of variants whose effects and levels follow one linear function of 6 values."""
    from tuned_levels import Rows

    values = generator.normal(size=(240, 2, 6))
    slopes = generator.normal(size=6)
    means, differences = values.mean(axis=1), values[:, 1] - values[:, 0]
    effect = differences @ slopes + noise * generator.normal(size=240)
    level = 7 + means @ slopes + 0.1 * generator.normal(size=240)
    rows = Rows(differences, means, effect, generator.uniform(0.5, 2, 240), level)
    return rows, np.repeat(list("abcdef"), 40), differences @ slopes


def test_a_fit_to_levels_and_effects_is_ridge_regression_with_a_free_constant(programs):
    from tuned_levels import Moments, fitted

    rows, _, _ = variants_with_levels(np.random.default_rng(0), noise=1)
    scale = np.array([1, 0.5, 2, 1, 0, 1])
    found = fitted(Moments.of(rows), scale, 0.3, [2.0])[:, 0]
    design = np.vstack([rows.differences, rows.means]) * scale
    design = np.column_stack([design, np.repeat([0, 1], 240)])
    root = np.sqrt(np.concatenate([rows.weight, np.full(240, 0.3)]))
    normal = (design * root[:, None]).T @ (design * root[:, None]) + np.diag([2.0] * 6 + [0])
    right = (design * root[:, None]).T @ (root * np.concatenate([rows.effect, rows.level]))
    np.testing.assert_allclose(found, scale * np.linalg.solve(normal, right)[:6], rtol=1e-8)


def test_levels_are_used_where_they_tell_more_than_effects_and_left_where_they_mislead(programs):
    from tuned_levels import tuned

    generator = np.random.default_rng(0)
    rows, groups, truth = variants_with_levels(generator, noise=8)
    kinds, whole = np.zeros(6, dtype=int), [(1,)]
    predicted, chosen = tuned(rows, groups, kinds, whole)
    assert np.corrcoef(predicted, truth)[0, 1] > 0.95
    assert all(setting.levels > 0 for setting in chosen.values())
    misled, clear, truth = variants_with_levels(generator, noise=0.1)
    misled = misled._replace(level=generator.permutation(misled.level) * 100)
    predicted, chosen = tuned(misled, clear, kinds, whole)
    assert np.corrcoef(predicted, truth)[0, 1] > 0.95
    assert all(setting.levels == 0 for setting in chosen.values())


def test_tuning_by_levels_never_sees_the_group_that_it_predicts(programs):
    from tuned_levels import tuned

    rows, groups, _ = variants_with_levels(np.random.default_rng(0), noise=1)
    kinds, whole = np.zeros(6, dtype=int), [(1,)]
    before, _ = tuned(rows, groups, kinds, whole)
    mine = groups == "c"
    spoilt = rows._replace(
        effect=np.where(mine, 1e6, rows.effect), level=np.where(mine, -1e6, rows.level)
    )
    after, _ = tuned(spoilt, groups, kinds, whole)
    np.testing.assert_allclose(after[mine], before[mine])
    assert not np.allclose(after[~mine], before[~mine])


def test_outputs_together_count_alike_and_what_is_missing_has_no_effect(programs):
    import pandas as pd
    from gene_outputs import together

    table = pd.DataFrame({"large": [300.0, -300, 0, 0], "small": [0, 0.1, np.nan, -0.1]})
    found = together(table, ("large", "small"))
    large, small = table["large"].std(), table["small"].fillna(0).std()
    wanted = [300 / large, -300 / large + 0.1 / small, 0, -0.1 / small]
    np.testing.assert_allclose(found, np.array(wanted) / 2)
