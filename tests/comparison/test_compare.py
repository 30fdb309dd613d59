"""`basenji compare` on simulated effects: figures, files, and what is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from simulated_effects import simulated, write_text
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.cli.app import app
from basenji_kipoi.comparison.calibration import calibrate

OPTIONS = bk.CompareOptions(error="SE", parts=("chrom=chr1",), draws=200)


def test_known_correlations_and_ceilings_are_found():
    found = bk.compare(*simulated(800), OPTIONS)
    part, held = found.figures["parts"]
    score, noise, *calibrated = part["scores"]
    assert (part["rows"], part["blocks"], held["rows"]) == (800, 200, 200)
    # Variance of the truth 1, of the error 0.25.
    ceiling = np.sqrt(1 / 1.25)
    assert part["ceilings"]["pearson"] == pytest.approx(ceiling, abs=0.03)
    assert score["pearson"].low < 0.8 * ceiling < score["pearson"].high
    assert noise["pearson"].low < 0 < noise["pearson"].high
    assert noise["same_sign"].low < 0.5 < noise["same_sign"].high
    assert [each["calibrated"] for each in calibrated] == [True, True, True]
    # A line learned from other chromosomes keeps the order within each.
    assert calibrated[0]["spearman"].value == pytest.approx(score["spearman"].value, abs=0.02)
    assert calibrated[2]["name"] == "2 scores, ridge"
    assert found.figures["calibration"]["scores"][0]["slope"] == pytest.approx(0.8, abs=0.1)


def test_a_chromosome_teaches_nothing_about_itself():
    # The effect is the chromosome's own: whoever sees it predicts it.
    random = np.random.default_rng(0)
    chroms = np.repeat(["a", "b", "c", "d"], 50).astype(object)
    score = random.normal(size=200)
    sign = np.where(chroms == "a", -1, 1)
    (line,) = calibrate(["s"], score[:, None], sign * score, chroms)
    mine = chroms == "a"
    assert np.corrcoef(line.effect[mine], score[mine])[0, 1] == pytest.approx(1)
    others = line.effect[~mine] / score[~mine]
    # Learned from one chromosome of -1 and two of 1.
    assert np.median(others) == pytest.approx(1 / 3, abs=0.25)
    assert calibrate(["s"], score[:100, None], score[:100], chroms[:100]) == []


def test_replicates_give_a_ceiling():
    scores, effects = simulated(600)
    random = np.random.default_rng(3)
    for name in ("r1", "r2"):
        effects[name] = effects["true"] + random.normal(0, 1, 600)
    options = bk.CompareOptions(replicates=("r1", "r2"), draws=50)
    found = bk.compare(scores, effects, options).figures["parts"][0]["ceilings"]["replicates"]
    assert found["reliability"] == pytest.approx(2 / 3, abs=0.06)


@pytest.mark.parametrize("negatives", ["measured", "predicted"])
def test_matched_negatives_measure_a_planted_score(negatives):
    scores, effects = simulated(1200)
    causal = np.arange(1200) % 3 == 0
    # Positives are larger by two standard deviations, of a score whose size counts.
    size = np.abs(np.random.default_rng(4).normal(size=1200)) + 2 * causal
    scores["s/planted"] = size * np.where(np.arange(1200) % 2, 1, -1)
    scores["distance"] = effects["distance"]
    effects["causal"] = causal
    if negatives == "predicted":
        effects = effects[causal]
    options = bk.CompareOptions(
        scores=("s/planted", "s/noise"),
        with_effect="causal=True",
        negatives=negatives,
        distance_within=5,
        draws=200,
    )
    found = bk.compare(scores, effects, options)
    planted, noise = found.figures["matching"]["scores"]
    assert planted["auroc"].low > 0.9
    assert planted["auprc"].low > 0.85
    assert noise["auroc"].low < 0.5 < noise["auroc"].high
    assert found.figures["matching"]["apart_bp"]["most"] <= 5
    assert "same REF and ALT" in found.figures["matching"]["rule"]
    assert found.figures["matching"]["positives"] == len(found.matched.positives)


def test_frequencies_match_by_the_rarer_allele(tmp_path):
    scores, effects = simulated(1200)
    effects["causal"] = np.arange(1200) % 3 == 0
    effects["af"] = np.random.default_rng(5).random(1200)
    found = bk.compare(
        scores, effects,
        bk.CompareOptions(with_effect="causal=True", frequency_within=0.0005, draws=10),
    )  # fmt: skip
    assert "rarer allele differs by at most 0.0005" in found.figures["matching"]["rule"]
    assert 0 < found.figures["matching"]["positives"] < 400
    with pytest.raises(bk.InputError, match="no column frequency, by which --frequency-within"):
        bk.compare(
            scores, effects.drop(columns="af"),
            bk.CompareOptions(with_effect="causal=True", frequency_within=0.02),
        )  # fmt: skip
    with pytest.raises(bk.InputError, match=r"frequency_within is 0\.7: expected 0 to 0\.5"):
        bk.CompareOptions(with_effect="causal=True", frequency_within=0.7)


@pytest.fixture
def files(tmp_path):
    scores, effects = simulated(120)
    effects["r1"] = effects["r2"] = effects["effect"]
    return write_text(tmp_path / "s.tsv", scores), write_text(tmp_path / "e.tsv.gz", effects)


def run(files, out, *more):
    predicted, measured = files
    command = ["compare", "--predicted", predicted, "--measured", measured, "--out", out, *more]
    return CliRunner().invoke(app, list(map(str, command)))


def test_the_command_writes_a_page_figures_and_rows(tmp_path, files):
    done = run(
        files, tmp_path / "out", "--error", "SE", "--replicate", "r1", "--replicate", "r2",
        "--part", "SE<1", "--with-effect", "|effect|>1", "--draws", 20, "--seed", 3,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "120 of 120 measured effects compared, by variant" in done.output
    figures = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert figures["command"].startswith("basenji ")
    assert figures["measured"] == {"file": "e.tsv.gz", "sha256": checksum(files[1]), "rows": 120}
    assert figures["bootstrap"] == {"blocks": "gene", "draws": 20, "seed": 3}
    assert figures["options"]["seed"] == figures["matching"]["seed"] == 3
    rows = pd.read_csv(tmp_path / "out" / "rows.tsv", sep="\t")
    assert len(rows) == 120
    assert (rows["status"] == "used").all()
    page = (tmp_path / "out" / "comparison.html").read_text()
    # Everything is in the page: nothing is loaded from elsewhere.
    assert page.count("data:image/png;base64,") == page.count("<img ") == 5
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    again = run(files, tmp_path / "again", "--draws", 20, "--quiet")
    assert again.exit_code == 0
    assert again.output == ""


def test_names_of_the_data_are_no_markup_of_the_page(tmp_path):
    scores, effects = simulated(60)
    evil = "s/<script>alert(1)</script>"
    scores = scores.rename(columns={"s/a": evil})
    effects["status"] = "measured"  # the measured table may have a column of that name
    files = write_text(tmp_path / "s.tsv", scores), write_text(tmp_path / "e.tsv", effects)
    assert run(files, tmp_path / "out", "--draws", 10, "--part", "gene!=<b>").exit_code == 0
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "<script>" not in page
    assert "<b>" not in page
    rows = pd.read_csv(tmp_path / "out" / "rows.tsv", sep="\t")
    assert set(rows["status"]) == {"measured"}
    assert set(rows["predicted status"]) == {"used"}


def test_a_command_with_bytes_that_are_no_text_is_kept(tmp_path):
    options = bk.CompareOptions(draws=5)
    bk.compare(*simulated(40), options, command="basenji --out \udcff").write(tmp_path)
    figures = json.loads((tmp_path / "comparison.json").read_text())
    assert figures["command"] == "basenji --out \udcff"
    assert "\\udcff" in (tmp_path / "comparison.html").read_text()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--effect", "logFC"], "has no column 'logFC'"),
        (["--column", "chrom"], "expected ROLE=NAME"),
        (["--replicate", "r1"], "one replicate agrees with nothing"),
        (["--without-effect", "SE<1"], "without_effect needs with_effect"),
        (["--genes", "no.gtf"], "genes are for matched negatives"),
        (["--draws", "1000000"], "draws is 1000000: expected 1 to 100,000"),
        (["--with-effect", "effect>99"], "no variant that can be compared has an effect"),
        (["--with-effect", "effect>1", "--column", "distance=d"], "has no column distance"),
        (["--with-effect", "effect>1", "--genes", "no.gtf"], "no.gtf does not exist"),
        (
            ["--with-effect", "effect>0", "--without-effect", "effect<-99"],
            "has a negative of the same REF and ALT",
        ),
    ],
)
def test_what_is_wrong_ends_in_one_line(tmp_path, files, more, said):
    done = run(files, tmp_path / "out", *more)
    assert done.exit_code == 2
    assert said in done.output
    assert done.output.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir() if "out" in each.name] == []


def test_an_existing_output_is_kept(tmp_path, files):
    (tmp_path / "out").mkdir()
    assert "exists already" in run(files, tmp_path / "out").output
    (tmp_path / "out" / "mine.txt").touch()
    assert "not a comparison" in run(files, tmp_path / "out", "--overwrite").output


def test_an_earlier_comparison_is_replaced(tmp_path, files):
    assert run(files, tmp_path / "out", "--draws", 5).exit_code == 0
    done = run(files, tmp_path / "out", "--draws", 6, "--overwrite")
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert figures["bootstrap"]["draws"] == 6


@pytest.mark.parametrize("name", ["draws", "negatives_each"])
def test_numbers_have_bounds(name):
    with pytest.raises(bk.InputError, match=f"{name} is 0"):
        bk.CompareOptions(**{name: 0})
