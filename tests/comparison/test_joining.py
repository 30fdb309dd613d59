"""Every measured row is used, or says why not."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from simulated_effects import simulated, write_text

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.joining import join
from basenji_kipoi.comparison.options import CompareOptions
from basenji_kipoi.comparison.tables import Table, condition, read_table

ONE = CompareOptions(scores=("s/a",))


def joined(measured, predicted, options=ONE):
    return join(
        read_table(measured, "measured effects", options.columns),
        read_table(predicted, "predictions", options.columns),
        options,
    )


@pytest.mark.parametrize("name", ["x.tsv", "x.tsv.gz", "x.parquet"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_however_tables_are_written_they_say_the_same(tmp_path, name, end):
    scores, effects = simulated(40)
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.table(scores), path)
    else:
        comment = "" if name.endswith("gz") else '##basenji_score={"x": 1}\n'
        write_text(path, scores, end=end, comment=comment)
    found = joined(write_text(tmp_path / "effects.tsv", effects, end=end), path)
    assert found.match == "variant"
    assert found.used.all()
    assert found.predicted[:, 0] == pytest.approx(scores["s/a"])
    assert found.effect == pytest.approx(effects["effect"])


def test_each_row_that_is_left_out_says_why():
    scores, effects = simulated(20)
    # Rows of one chromosome, so that each fault has a row of its own.
    scores["chrom"] = effects["chrom"] = "chrI"
    effects = effects.astype({"pos": object, "effect": object})
    effects.loc[0, ["ref", "alt"]] = ["G", "A"]
    effects.loc[1, "chrom"] = "scaffold_7"
    effects.loc[2, "pos"] = "somewhere"
    effects.loc[3, "effect"] = "NA"
    effects.loc[4, "alt"] = "GGG"
    scores.loc[5, ["status", "s/a"]] = ["ref_mismatch", None]
    scores.loc[6, "s/a"] = None
    twice = scores.iloc[[7, 8]].assign(**{"s/a": [9.0, scores.loc[8, "s/a"]]})
    again = effects.iloc[[9, 10]].copy()
    again.loc[10, "effect"] = 0.5
    found = joined(pd.concat([effects, again]), pd.concat([scores, twice]))
    used = "used"
    assert found.status.tolist() == [
        "alleles_swapped", "contig_not_predicted", "no_variant", "no_effect", "not_predicted",
        "not_scored: ref_mismatch", "no_score", "predicted_twice", *[used] * 12,
        "repeated_row", used,
    ]  # fmt: skip
    assert found.again == 1


def test_conditions_and_their_reasons():
    scores, effects = simulated(40)
    options = CompareOptions(
        scores=("s/a",), where=("chrom!=chr1", "|effect|<=2"), predicted_where=("pos>1100",)
    )
    found = joined(effects, scores, options)
    assert set(found.status[effects["chrom"] == "chr1"]) == {"not chrom!=chr1"}
    rest = (effects["chrom"] != "chr1") & (effects["effect"].abs() <= 2)
    assert (found.used == (rest & (effects["pos"] > 1100))).all()
    assert set(found.status[rest & (effects["pos"] <= 1100)]) == {"predictions not pos>1100"}


def test_names_of_contigs_and_letters_in_lower_case():
    scores, effects = simulated(40)
    effects["chrom"] = effects["chrom"].str.removeprefix("chr")
    effects["ref"] = effects["ref"].str.lower()
    assert joined(effects, scores).used.all()


def test_a_strand_chooses_the_column():
    scores, effects = simulated(40)
    effects["strand"] = ["+", "-", ".", "+"] * 10
    options = CompareOptions(scores=("both=s/a,s/noise",))
    found = joined(effects, scores, options)
    plus, minus = effects["strand"] == "+", effects["strand"] == "-"
    assert found.predicted[plus, 0] == pytest.approx(scores.loc[plus, "s/a"])
    assert found.predicted[minus, 0] == pytest.approx(scores.loc[minus, "s/noise"])
    assert set(found.status[effects["strand"] == "."]) == {"no_strand"}


def test_variants_of_a_gene_are_summed_up():
    scores, effects = simulated(40)
    scores["gene_id"] = effects["gene"]
    genes = effects.groupby("gene", as_index=False)["effect"].sum()
    found = joined(genes, scores.sample(frac=1, random_state=0))
    assert found.match == "gene"
    sums = scores.groupby("gene_id")["s/a"].sum()
    assert found.predicted[:, 0] == pytest.approx(sums[genes["gene"]].to_numpy())
    assert joined(effects, scores).match == "variant-gene"


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda s, e: (s, e.drop(columns="effect")), {}, "has no column 'effect': it has chrom"),
        (lambda s, e: (s, e.drop(columns=["pos", "gene"])), {}, "neither chrom, pos, ref and alt"),
        (lambda s, e: (s, e.drop(columns="pos")), {"match": "variant"}, "has no column pos"),
        (lambda s, e: (s, e), {"scores": ("s/b",)}, "has no column 's/b'"),
        (lambda s, e: (s, e), {"scores": ("s/a", "s/a=s/noise")}, "two scores are called 's/a'"),
        (lambda s, e: (s, e), {"columns": {"chromosome": "x"}}, "no column 'chromosome' to name"),
        (lambda s, e: (s, e), {"where": ("SE",)}, "'SE' is no condition"),
        (lambda s, e: (s, e), {"where": ("SE<small",)}, "'small' is no number"),
        (lambda s, e: (s.iloc[:2], e), {}, "fewer than three rows"),
        (lambda s, e: (s, e.iloc[:0]), {}, "has no rows"),
        (
            lambda s, e: (s.rename(columns={"s/a": "a", "s/noise": "b"}), e),
            {"scores": ()},
            "2 columns that could be predictions",
        ),
    ],
)
def test_what_cannot_be_compared_ends_in_one_line(change, options, said):
    scores, effects = change(*simulated(20))
    with pytest.raises(InputError, match=said) as raised:
        joined(effects, scores, CompareOptions(**{"scores": ("s/a",), **options}))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no rows"),
        (b"chrom\tpos\n", "has no rows"),
        (b"chrom\tchrom\nchrI\t3\n", "two columns 'chrom'"),
        (b"chrom\tpos\nchrI\n", ":2: expected 2 tab-separated columns, found 1"),
        (b"a\0b\n", "it is not text"),
        (b"score\ttrack\tvalue\nSAD\tx\t1\n", "make it without --long"),
    ],
)
def test_damaged_text_ends_in_one_line(tmp_path, content, said):
    (tmp_path / "x.tsv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_table(tmp_path / "x.tsv", "predictions")


def test_damaged_parquet_and_missing_files_end_in_one_line(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match="no Parquet file that can be read"):
        read_table(tmp_path / "x.parquet", "predictions")
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "y.parquet", "predictions")
    with pytest.raises(InputError, match="is no file"):
        read_table(tmp_path, "predictions")


def test_conditions():
    table = Table(pd.DataFrame({"a": ["1", "2.0", "x", ""], "b=": [-3, 4, 5, 6]}), "t")
    assert condition(table, "a=2").tolist() == [False, True, False, False]
    assert condition(table, "a!=2").tolist() == [True, False, True, False]
    assert condition(table, "a < 2").tolist() == [True, False, False, False]
    assert condition(table, "a=x").tolist() == [False, False, True, False]
    table = Table(table.frame.rename(columns={"b=": "b"}), "t")
    assert condition(table, "|b|>=4 and a!=x").tolist() == [False, True, False, False]
