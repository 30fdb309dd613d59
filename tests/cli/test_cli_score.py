"""`basenji score` as a person runs it: values, statuses, outputs, bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pysam
import pytest
from score_command import LETTERS, OTHER, arguments, files, line, score, snvs
from typer.testing import CliRunner

from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.cli.app import app

__all__ = ["files"]


def predict(bundle, letters):
    return bundle.network().predict_on_batch(one_hot(encode(letters))[None])[0].astype(float)


def test_values_of_all_kinds_of_alleles(files, tmp_path, small_bundle):
    alleles = [(5000, "SNV", 1, None), (7001, "MNV", 4, "TTTTT"[:4]), (9000, "insertion", 1, None)]
    alleles += [(9100, "deletion", 13, None), (9200, "complex", 3, "GCAT")]
    rows, expected = [], []
    for pos, kind, removed, alt in alleles:
        ref = LETTERS[pos - 1 : pos - 1 + removed]
        alt = {"SNV": ref.translate(OTHER), "insertion": ref + "GATTACA", "deletion": ref[0]}.get(
            kind, alt
        )
        rows.append(line(pos, ref, alt, name=kind))
        # The first base of REF is at index 1023 of 2048, and the window's first base stays.
        start = pos - 1 - 1023
        changed = LETTERS[start : pos - 1] + alt + LETTERS[pos - 1 + removed :]
        r, a = (predict(small_bundle, x[:2048]) for x in (LETTERS[start:], changed))
        expected.append([a.sum(0) - r.sum(0), np.log2(a.sum(0) + 1) - np.log2(r.sum(0) + 1)])
    frame = score(files, tmp_path, rows, scores="SAD,logFC", tracks="start_plus,0", indels="anchor")
    assert list(frame.columns) == [
        "chrom", "pos", "id", "ref", "alt", "status", "ref_match", "window",
        "SAD/start_plus", "SAD/access", "logFC/start_plus", "logFC/access",
    ]  # fmt: skip
    assert frame["window"].tolist() == [pos - 1 - 1023 for pos, *_ in alleles]
    assert frame["ref_match"].all()
    found = frame.iloc[:, 8:].to_numpy().reshape(5, 2, 2)
    np.testing.assert_allclose(found, np.array(expected)[:, :, [1, 0]], rtol=1e-3, atol=1e-5)


def test_every_allele_keeps_its_row(files, tmp_path):
    rows = [
        line(5000, alt="G,<DEL>,*" if LETTERS[4999] != "G" else "C,<DEL>,*"),
        line(6000, alt="."),
        line(6100, alt=f"{LETTERS[6099]}]chrI:9]"),
        line(6200, alt="R"),
        line(6300, alt="A" * 500),
        line(10, chrom="chrIX"),
        line(40_000, ref="A", alt="C"),
        line(6400, ref=LETTERS[6399].translate(OTHER), alt="N"),
    ]
    frame = score(files, tmp_path, rows, max_allele=400)
    assert frame["status"].tolist() == [
        "ok", "symbolic", "spanning_deletion", "no_alternative", "breakend", "not_acgtn",
        "too_long", "unknown_contig", "off_contig", "ok",
    ]  # fmt: skip
    scored = (frame["status"] == "ok").tolist()
    assert frame["SAD/access"].notna().tolist() == scored
    assert frame["window"].notna().tolist() == scored
    assert [match for match in frame["ref_match"] if match is not None] == [True, False]

    message = score(files, tmp_path, rows, "x.tsv", max_allele=400)
    assert "10 alleles, 2 scored (1 score, 3 tracks)" in message
    assert "  1 symbolic: ALT is symbolic, such as <DEL>" in message
    assert "warning: REF is not the genome's sequence in 1 allele, scored all the same" in message
    frame = score(files, tmp_path, rows, "y.parquet", max_allele=400, check_ref="skip")
    assert frame["status"].tolist()[-1] == "ref_mismatch"
    message = score(files, tmp_path, rows, "z.parquet", status=2, check_ref="fail")
    assert f"in.vcf: record 8 (chrI:6400 {LETTERS[6399].translate(OTHER)}>N): REF is not" in message


def test_a_window_beyond_the_contig_is_padded(files, tmp_path, small_bundle):
    frame = score(files, tmp_path, [line(1), line(30_000)], scores="ALT")
    assert frame["window"].tolist() == [-1023, 29_999 - 1023]
    changed = "N" * 1023 + LETTERS[0].translate(OTHER) + LETTERS[1:1025]
    expected = predict(small_bundle, changed).sum(0)
    np.testing.assert_allclose(frame.iloc[0, 8:].to_numpy(float), expected, rtol=1e-5)


def test_other_containers_give_the_same(files, tmp_path):
    frame = score(files, tmp_path, snvs(4))
    text = (tmp_path / "in.vcf").read_text()
    given = score(files, tmp_path, "-", "stdin.parquet", standard_input=text)
    pd.testing.assert_frame_equal(given, frame)
    pysam.tabix_compress(str(tmp_path / "in.vcf"), str(tmp_path / "in.vcf.gz"))
    given = score(files, tmp_path, str(tmp_path / "in.vcf.gz"), "bgzip.parquet")
    pd.testing.assert_frame_equal(given, frame)


def test_contig_names_are_reconciled_and_said_once(files, tmp_path):
    frame = score(files, tmp_path, snvs(3))
    rows = [row.replace("chrI", "I") for row in snvs(3)]
    message = score(files, tmp_path, rows, "x.tsv")
    assert message.count("the contig I of") == 1
    other = score(files, tmp_path, rows, "y.parquet", quiet=True)
    assert other["chrom"].tolist() == ["I"] * 3
    pd.testing.assert_frame_equal(other.drop(columns="chrom"), frame.drop(columns="chrom"))


def test_windows(files, tmp_path):
    rows = snvs(6, 5010, step=11)
    grid = score(files, tmp_path, rows, "g.parquet", window="grid")
    assert (grid["window"] % 32 == 0).all()
    cluster = score(files, tmp_path, rows, "c.parquet", window="cluster:500")
    assert cluster["window"].nunique() == 1
    message = score(files, tmp_path, rows, "n.parquet", status=2, window="cluster:2000")
    assert "use at most cluster:" in message


def test_strands_shifts_and_models_are_averages(files, tmp_path):
    rows = snvs(3)
    runs = {
        "one": {},
        "left": {"shifts": "-32"},
        "right": {"shifts": "32"},
        "both": {"shifts": "-32,32"},
        "strands": {"both_strands": True},
        "rc": {"rc": True},
        "twice": {"model": files["model"]},  # the model a second time
    }
    found = {
        name: score(files, tmp_path, rows, f"{name}.parquet", scores="ALT", **options).iloc[:, 8:]
        for name, options in runs.items()
    }
    mean = (found["left"] + found["right"]) / 2
    np.testing.assert_allclose(found["both"], mean, rtol=1e-5)
    np.testing.assert_allclose(found["twice"], found["one"], rtol=1e-6)
    assert not np.allclose(found["strands"], found["one"], rtol=1e-4)
    np.testing.assert_array_equal(found["rc"], found["strands"])


def test_stitched_deletions_change_less(files, tmp_path):
    deletion = [line(9000, LETTERS[8999:9040], LETTERS[8999])]
    anchored = score(files, tmp_path, deletion, "a.parquet", scores="D1", indels="anchor")
    stitched = score(files, tmp_path, deletion, "s.parquet", scores="D1")
    assert (stitched.iloc[0, 8:] < anchored.iloc[0, 8:]).all()


def test_genes(files, tmp_path, small_bundle):
    rows = [line(5050), line(5050, alt="<DEL>"), line(12_000), line(20_050)]
    score(files, tmp_path, rows, genes=files["gtf"], scores="SAD")
    frame = pd.read_parquet(tmp_path / "x.genes.parquet")
    assert frame[["pos", "gene_id", "gene_name", "strand"]].to_numpy().tolist() == [
        [5050, "G1", "one", "+"],
        [20_050, "G2", "", "-"],
    ]
    # TSSs at bases 5000 and 5169; the window starts at 5049 - 1023, four bins are cropped.
    start = 5049 - 1023
    bins = sorted({(tss - start) // 32 - 4 for tss in (5000, 5169)})
    assert len(bins) == 2 == frame["tss_bins"][0]
    assert frame["distance"].tolist() == [49, 50]
    reference = LETTERS[start : start + 2048]
    changed = reference[:1023] + reference[1023].translate(OTHER) + reference[1024:]
    r, a = (predict(small_bundle, x)[bins].sum(0) for x in (reference, changed))
    expected = [*(a - r), *(np.log2(a + 1) - np.log2(r + 1))]
    np.testing.assert_allclose(frame.iloc[0, 10:].to_numpy(float), expected, rtol=1e-3, atol=1e-5)


def test_duplicates_are_computed_once(files, tmp_path):
    alt = LETTERS[4999].translate(OTHER).lower()
    lower = line(5000, LETTERS[4999].lower(), alt)
    rows = [line(5000), line(6000), lower, line(5000)]
    frame = score(files, tmp_path, rows).iloc[:, 8:]
    for row in (2, 3):
        pd.testing.assert_series_equal(frame.iloc[row], frame.iloc[0], check_names=False)


def test_background(files, tmp_path):
    score(files, tmp_path, snvs(20), "background.parquet", scores="SAD,D1", tracks="0,1")
    background = pd.read_parquet(tmp_path / "background.parquet")
    rows = [*snvs(4), line(9000, alt="<DEL>")]
    frame = score(
        files, tmp_path, rows, scores="D1", tracks="1", background=tmp_path / "background.parquet"
    )
    assert list(frame.columns[8:]) == ["D1/start_plus", "D1_quantile/start_plus"]
    for value, quantile in zip(frame["D1/start_plus"][:4], frame["D1_quantile/start_plus"][:4]):
        below = (background["D1/start_plus"] < value * 0.999).mean()
        assert below <= quantile <= below + 0.1
    assert np.isnan(frame["D1_quantile/start_plus"][4])
    options = {"scores": "JS", "background": tmp_path / "background.parquet"}
    message = score(files, tmp_path, rows, "y.parquet", status=2, **options)
    assert "has no column JS/access" in message


@pytest.mark.parametrize("out", ["x.parquet", "x.tsv", "x.vcf", "x.vcf.gz"])
def test_a_file_without_variants(files, tmp_path, out):
    found = score(files, tmp_path, [], out)
    if out == "x.parquet":
        assert list(found.columns)[-1] == "SAD/start_minus"
        assert len(found) == 0
    elif out == "x.tsv":
        assert len(pd.read_csv(tmp_path / out, sep="\t", skiprows=1).columns) == 11
    else:
        with pysam.VariantFile(str(tmp_path / out)) as file:
            assert "BASENJI" in file.header.info
            assert list(file) == []


def test_vcf_output_and_metadata(files, tmp_path, small_bundle):
    rows = [line(5000), line(5010, alt="<DEL>")]
    score(files, tmp_path, rows, "x.vcf.gz", tracks="access", scores="SAD,centre")
    with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
        records = list(file.fetch("chrI"))
        metadata = json.loads(
            next(r.value for r in file.header.records if r.key == "basenji_score")
        )
    entry = records[0].info["BASENJI"][0].split("|")
    assert entry[:4] == [records[0].alts[0], "ok", "1", str(4999 - 1023)]
    message = score(files, tmp_path, str(tmp_path / "x.vcf.gz"), "again.vcf", status=2)
    assert "has the tag BASENJI already: remove it" in message
    frame = score(files, tmp_path, rows, tracks="access", scores="SAD,centre")
    found = [float(value) for value in entry[4:6]]
    np.testing.assert_allclose(found, frame.iloc[0, 8:].to_numpy(float), rtol=1e-5)
    assert metadata["model"][0]["sha256"] == small_bundle.metadata.sha256["model.weights.h5"]
    assert metadata["definitions"]["SAD"]["formula"] == "sum (a - r)"
    assert metadata["commands"][0].startswith("basenji ")
    # What was done, which was not asked for.
    assert metadata["both_strands"] is small_bundle.both_strands
    assert set(metadata["versions"]) >= {"keras", "pysam", "pyarrow"}


def test_a_second_output_is_what_a_run_of_its_own_writes(files, tmp_path):
    rows, options = snvs(3), {"scores": "SAD,D1", "genes": files["gtf"]}
    frame = score(files, tmp_path, rows, also=tmp_path / "second.vcf.gz", **options)
    assert frame.equals(score(files, tmp_path, rows, "alone.parquet", **options))
    score(files, tmp_path, rows, "alone.vcf.gz", **options)
    found, names = [], ("second", "alone")
    for name in names:
        with pysam.VariantFile(str(tmp_path / f"{name}.vcf.gz")) as records:
            found.append([str(record) for record in records.fetch("chrI")])
    assert found[0] == found[1]
    assert len(found[0]) == 3
    tables = [pd.read_csv(tmp_path / f"{n}.genes.tsv.gz", sep="\t", skiprows=1) for n in names]
    assert tables[0].equals(tables[1])
    message = score(files, tmp_path, rows, "x.tsv", also=tmp_path / "x.vcf", status=2, **options)
    assert "x.genes.tsv would be written twice" in message


# ---- bad input ----


def test_bad_input(files, tmp_path):
    message = score(files, tmp_path, [*snvs(2), "chrI\t7"], status=2)
    assert f"{tmp_path}/in.vcf:5: not a VCF record" in message
    shifted = [line(pos, LETTERS[pos + 90]) for pos in range(5000, 8000, 50)]
    message = score(files, tmp_path, shifted, status=2)
    assert "REF is not the genome's sequence in" in message
    assert "seem to be of another assembly" in message
    assert len(score(files, tmp_path, shifted[:3], check_ref="warn")) == 3
    for options, expected in [
        ({"out": "x.csv"}, "names no known format"),
        ({"scores": "SED"}, "no score 'SED'"),
        ({"shard": "3/2"}, "--shard: expected i/n"),
        ({"shifts": "a"}, "--shifts: expected whole numbers"),
        ({"shifts": "1,1"}, "must be different"),
        ({"shifts": "0,900"}, "--shifts: windows shifted by 900 bp predict nothing where"),
        ({"bins": "center:99"}, "--bins: expected all or center:N"),
        ({"tracks": "dnase"}, "no track 'dnase'"),
        ({"genes": tmp_path / "none.gtf"}, "does not exist"),
        ({"out": "none/x.parquet"}, "does not exist: create"),
        ({"out": "x.vcf", "long": True}, "--long: a VCF has one form only"),
    ]:
        assert expected in score(
            files, tmp_path, snvs(1), **{"out": "y.parquet", **options, "status": 2}
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "x.parquet"]


def test_existing_outputs(files, tmp_path):
    first = score(files, tmp_path, snvs(2))
    run = CliRunner().invoke(app, arguments(files, tmp_path, snvs(3)))
    assert run.exit_code == 2
    assert "exists already" in run.stderr
    run = CliRunner().invoke(app, arguments(files, tmp_path, snvs(2), resume=True))
    assert run.exit_code == 0
    assert "is complete" in run.stderr
    for other, name in [
        ({"rows": snvs(3)}, "another vcf ("),
        ({"scores": "D1"}, 'another scores (["SAD"], now ["D1"])'),
        ({"long": True}, "another long (false, now true)"),
    ]:
        options = {"rows": snvs(2), **other, "resume": True}
        run = CliRunner().invoke(app, arguments(files, tmp_path, **options))
        assert run.exit_code == 2
        assert f"x.parquet was made with {name}" in run.stderr
    assert len(pd.read_parquet(tmp_path / "x.parquet")) == len(first)
    assert len(score(files, tmp_path, snvs(3), overwrite=True, resume=True)) == 3


def test_no_index_of_other_records_stays(files, tmp_path):
    score(files, tmp_path, snvs(3), "x.vcf.gz")
    assert (tmp_path / "x.vcf.gz.tbi").exists()
    # Records that are not sorted have none.
    score(files, tmp_path, snvs(3)[::-1], "x.vcf.gz", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "x.vcf.gz"]


def test_only_outputs_of_a_run_are_complete(files, tmp_path):
    (tmp_path / "x.parquet").write_text("somebody's")
    run = CliRunner().invoke(app, arguments(files, tmp_path, snvs(2), resume=True))
    assert run.exit_code == 2
    assert "x.parquet cannot be read" in run.stderr
    assert "name another output, or pass --overwrite" in run.stderr
    assert (tmp_path / "x.parquet").read_text() == "somebody's"
    assert len(score(files, tmp_path, snvs(2), resume=True, overwrite=True)) == 2


def test_help_states_units():
    text = CliRunner().invoke(app, ["score", "--help"], terminal_width=200).output
    for word in ("(log2)", "(bits)", "(bp)", "(GiB)", "units of the targets table"):
        assert word in " ".join(text.replace("│", " ").split())
