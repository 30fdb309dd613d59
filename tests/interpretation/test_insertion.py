"""Inserts stand where they should; effects are those of whole passes; errors are one line."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from example_inputs import MODEL
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, encode, letters, reverse_complement
from basenji_kipoi.base.text_files import table_rows
from basenji_kipoi.cli.app import app
from basenji_kipoi.interpretation.insertion.arrangements import read_distances
from basenji_kipoi.interpretation.insertion.backgrounds import Background, shuffles_of
from basenji_kipoi.interpretation.insertion.experiment import Experiment
from basenji_kipoi.interpretation.insertion.inserts import read_insert
from basenji_kipoi.interpretation.insertion.options import InsertOptions
from basenji_kipoi.interpretation.insertion.predictors import Predictor, TrackPredictor

WINDOW = 2048


def random_letters(length, seed=0):
    return "".join(np.random.default_rng(seed).choice(list(ALPHABET), length))


class Counts(Predictor):
    """Knows the effects: 3 where GATA is, 5 where TTTTC is, twice as much where both are."""

    labels, length, scale = ["counts"], 200, "log2 ratio"

    def __init__(self):
        self.seen = []

    def predict(self, background, sites):
        rows = ["".join(letters(each.within(background))) for each in sites]
        self.seen += rows
        a, b = (np.array([s in row for row in rows]) for s in ("GATA", "TTTTC"))
        values = np.where(a, 3.0, 1) * np.where(b, 5.0, 1) * np.where(a & b, 2.0, 1)
        return np.concatenate([[1.0], values])[:, None]

    def effects(self, predicted):
        return np.log2(predicted[:, 1:]) - np.log2(predicted[:, :1])


def experiment(backgrounds=("A" * 200,), **options):
    named = [Background(str(n), encode(text)) for n, text in enumerate(backgrounds)]
    predictor = Counts()
    work = Experiment(predictor, named, InsertOptions(**options))
    return predictor, work.result([work.predict(n) for n in range(len(named))])


def test_known_effects_and_their_cooperation():
    _, found = experiment(inserts=("one=GATA", "two=TTTTC"), spacings=(20, 50), orientations=("+",))
    assert found.effects.shape == (1, 2, 1)
    np.testing.assert_allclose(found.effects[0, :, 0], np.log2(30))
    np.testing.assert_allclose(found.cooperation[0, :, 0], 1)
    row = next(found.summary_rows())
    assert (row["inserts"], row["orientations"], row["spacing"]) == ("one+two", "++", 20)
    assert float(row["first_effect"]) == pytest.approx(np.log2(3), rel=1e-5)
    assert float(row["additive"]) == pytest.approx(np.log2(15), rel=1e-5)
    assert row["cooperation_sd"] is None


@given(st.integers(-60, 60), st.integers(10, 30), st.sampled_from("+-"), st.sampled_from("+-"))
def test_inserts_stand_where_they_should(position, spacing, first, second):
    predictor, found = experiment(
        inserts=("x=CCGTC", "y=GGGCTC"), positions=(position,), spacings=(spacing,)
    )
    row = [each.orientation for each in found.arrangements].index(first + second)
    pair = predictor.seen[[*dict.fromkeys(p for e in found.arrangements for p in e.parts)].index(
        found.arrangements[row].parts[0]
    )]  # fmt: skip
    turned = {"+": str, "-": lambda s: "".join(letters(reverse_complement(encode(s))))}
    middle = 100 + position
    assert pair[middle - 2 : middle + 3] == turned[first]("CCGTC")
    assert pair[middle + spacing - 3 : middle + spacing + 3] == turned[second]("GGGCTC")
    # A, which the background has everywhere, stands elsewhere.
    assert pair.count("A") - (turned[first]("CCGTC") + turned[second]("GGGCTC")).count("A") == 189


def test_letters_for_several_bases_are_drawn_and_n_keeps_the_background():
    backgrounds = [random_letters(200, seed) for seed in range(40)]
    predictor, _ = experiment(backgrounds, inserts=("GRNNC",), orientations=("+",))
    sites = [row[98:103] for row in predictor.seen]
    assert {site[1] for site in sites} == {"A", "G"}
    assert [site[2:4] for site in sites] == [text[100:102] for text in backgrounds]
    again, _ = experiment(backgrounds, inserts=("GRNNC",), orientations=("+",))
    assert again.seen == predictor.seen
    other, _ = experiment(backgrounds, inserts=("GRNNC",), orientations=("+",), seed=1)
    assert other.seen != predictor.seen


def test_sites_are_drawn_from_a_matrix(tmp_path):
    path = tmp_path / "m.meme"
    path.write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M1 maf\n"
        "letter-probability matrix: alength= 4 w= 2\n0.75 0.25 0 0\n0 0 0.1 0.9\n\nMOTIF M2\n"
        "letter-probability matrix:\n1 0 0 0\n"
    )
    backgrounds = ["C" * 200] * 200
    best, _ = experiment(backgrounds, inserts=(f"{path}:maf",), orientations=("+",))
    assert {row[99:101] for row in best.seen} == {"AT"}
    drawn, _ = experiment(backgrounds, inserts=(f"{path}:M1",), orientations=("+",), sampled=True)
    first = np.mean([row[99] == "A" for row in drawn.seen])
    assert 0.65 < first < 0.85
    assert {row[100] for row in drawn.seen} == {"G", "T"}
    with pytest.raises(InputError, match=r"m\.meme has no motif 'M3': did you mean M"):
        read_insert(f"{path}:M3")


def test_a_sequence_of_a_fasta_file(tmp_path):
    (tmp_path / "x.fa").write_text(">first thing\nACG\nT\n>second\nGGZ\n")
    found = read_insert(f"{tmp_path}/x.fa:first")
    assert (found.name, len(found)) == ("first", 4)
    with pytest.raises(InputError, match=r"x\.fa: the sequence second: 'Z' is no letter of DNA"):
        read_insert(f"{tmp_path}/x.fa:second")
    with pytest.raises(InputError, match=r"x\.fa has no sequence 'third'"):
        read_insert(f"{tmp_path}/x.fa:third")


def test_shuffles_keep_dinucleotides_and_depend_on_the_seed_alone():
    given = [Background("a", encode(random_letters(300))), Background("b", encode("AC" * 150))]
    found = shuffles_of(given, 3, seed=4)
    assert [each.name for each in found] == ["a#1", "a#2", "a#3", "b#1", "b#2", "b#3"]
    pairs = [np.bincount(4 * each.codes[:-1] + each.codes[1:], minlength=16) for each in found]
    np.testing.assert_array_equal(pairs[0], pairs[2])
    alone = shuffles_of(given[:1], 5, seed=4)
    np.testing.assert_array_equal(alone[2].codes, found[2].codes)
    assert shuffles_of(given, 0, seed=4) == given


def test_distances():
    assert read_distances("-20:20:20,5", "--positions") == (-20, 0, 20, 5)
    for text in ("a", "1:2", "5:1:2", "1:9:0"):
        with pytest.raises(InputError, match="--positions"):
            read_distances(text, "--positions")


@pytest.mark.parametrize("both_strands", [True, False])
def test_effects_are_those_of_whole_passes(small_bundle, both_strands):
    model = bk.load(small_bundle.path)
    options = InsertOptions(
        inserts=("one=TGACGTCA", "two=CCWGG", f"long={random_letters(90)}"),
        positions=(-200, 0, 37),
        spacings=(60, 71, 600),
        both_strands=both_strands,
    )
    named = [Background(str(n), encode(random_letters(WINDOW, n))) for n in range(2)]
    found = [
        Experiment(TrackPredictor(model, options, whole=whole), named, options)
        for whole in (False, True)
    ]
    fast, slow = (np.stack([each.predict(n) for n in range(2)]) for each in found)
    np.testing.assert_allclose(fast, slow, rtol=1e-5)
    # And those of the network itself, which knows nothing of either.
    codes = found[0]._sites(1, list(found[0]._parts)[5]).within(named[1].codes)
    bins = TrackPredictor(model, options).bins
    expected = model.predict(codes, both_strands=both_strands)[bins.start : bins.stop].sum(axis=0)
    np.testing.assert_allclose(fast[1, 6], expected, rtol=1e-5)


def test_the_bins_that_count(small_bundle):
    model = bk.load(small_bundle.path)
    # The middle is base 1,024: bin 28 behind the crop of 4 begins there.
    for bins, expected in ((None, range(20, 36)), (1, range(28, 29)), (3, range(27, 30))):
        assert TrackPredictor(model, InsertOptions(("A",), bins=bins)).bins == expected
    assert TrackPredictor(model, InsertOptions(("A",), bins=0)).bins == range(56)


def test_in_memory(small_bundle):
    given = {"b1": random_letters(WINDOW), "b2": random_letters(WINDOW, 1)}
    found = bk.insert(
        small_bundle.path, ["x=TGACGTCA"], sequences=given, tracks="access", positions=[0, 40],
        groups={"starts": "start_*"},
    )  # fmt: skip
    assert found.effects.shape == (2, 4, 2)
    assert repr(found) == "<Insertions of x: 4 arrangements in 2 backgrounds, 2 outputs>"
    table = found.to_dataframe(summary=False)
    assert list(table.background.unique()) == ["b1", "b2"]
    assert table.cooperation.isna().all()
    np.testing.assert_allclose(
        table.effect, np.log2(table.value / table.background_value), atol=1e-4
    )
    assert "log2 ratio" in found._repr_html_()


def test_activities_of_a_reporter():
    model = bk.load(MODEL)
    name = model.assay_of()[0]
    given = [random_letters(80, seed) for seed in range(2)]
    found = bk.insert(
        model, "TATAAA", sequences=given, positions=[10], orientations="+", reporter=name
    )
    changed = [text[:47] + "TATAAA" + text[53:] for text in given]
    expected = bk.activity(model, changed) - bk.activity(model, given)
    np.testing.assert_allclose(found.effects[:, 0], expected, atol=1e-5)
    assert found.attributes["scale"] == "difference"
    with pytest.raises(InputError, match="the background sequence 2 has 70 bases: expected 80"):
        bk.insert(model, "TATAAA", sequences=[given[0], "A" * 70], reporter=name)


# ---- the command ----


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "genome.fa").write_text(f">chr1\n{random_letters(6000, 3)}\n")
    (folder / "x.bed").write_text("chr1\t3000\t3064\tpeak\n")
    (folder / "short.fa").write_text(f">b1\n{random_letters(500)}\n")
    (folder / "bad.fa").write_text(f">b1\n{random_letters(2047)}R\n")
    return folder


def test_the_command_goes_on_where_it_was_interrupted(files, small_bundle, tmp_path, monkeypatch):
    def run(*more):
        given = ["insert", "--model", small_bundle.path, "--fasta", files / "genome.fa"]
        given += ["--bed", files / "x.bed", "--insert", "one=TGACGTCA", "--insert", "CCAAT"]
        given += ["--spacings", "20,40", "--shuffles", 3, "--orientations", "+", *more]
        return CliRunner().invoke(app, list(map(str, given)))

    plots = tmp_path / "figures"
    done = run("--out", tmp_path / "whole.tsv", "--plots", plots)
    assert done.exit_code == 0, done.output
    assert "one, CCAAT: 2 arrangements in 3 backgrounds, 3 outputs" in done.output
    rows = [row for _, row in table_rows(tmp_path / "whole.tsv", "table", ["background"])]
    assert len(rows) == 3 * 2 * 3
    assert {row["background"] for row in rows} == {"peak#1", "peak#2", "peak#3"}
    assert [path.name for path in sorted(plots.iterdir())] == [
        f"one_and_CCAAT.{name}.png" for name in ("access", "start_minus", "start_plus")
    ]
    summary = [row for _, row in table_rows(tmp_path / "whole.summary.tsv", "table", ["effect"])]
    mine = [float(row["effect"]) for row in rows[::6]]
    assert float(summary[0]["effect"]) == pytest.approx(np.mean(mine), abs=1e-5)
    assert float(summary[0]["effect_sd"]) == pytest.approx(np.std(mine, ddof=1), rel=1e-3)

    predict, asked = TrackPredictor.predict, []

    def stop(self, background, sites):
        if asked:
            raise KeyboardInterrupt
        asked.append(1)
        return predict(self, background, sites)

    monkeypatch.setattr(TrackPredictor, "predict", stop)
    assert run("--out", tmp_path / "x.tsv").exit_code != 0
    monkeypatch.undo()
    assert not (tmp_path / "x.tsv").exists()
    again = run("--out", tmp_path / "x.tsv", "--resume")
    assert again.exit_code == 0, again.output
    for ending in ("tsv", "summary.tsv"):
        one, other = (tmp_path / f"{name}.{ending}" for name in ("whole", "x"))
        assert one.read_text() == other.read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--insert": "x=TGAXT"}, "error: --insert x=TGAXT: 'X' is no letter of DNA: expected A"),
        ({"--insert": "no.meme:x"}, "error: the MEME or FASTA file no.meme does not exist"),
        ({"--insert": "A" * 3000}, "has 3,000 bases, and the backgrounds have 2,048: cut it"),
        ({"--positions": "1021"}, "at +1,021 bp from the middle reaches beyond the 2,048 bp"),
        ({"--spacings": "5"}, "overlap where their middles are 5 bp apart: expected 8 bp"),
        ({"--tracks": "nothing"}, "error: --tracks: no track 'nothing'"),
        ({"--bins": "center:80"}, "error: --bins: expected all or center:N with N from 1 to 56"),
        ({"--fasta": None, "--bed": None}, "error: backgrounds: pass --fasta and --bed, or"),
        ({"--fasta": None, "--bed": None, "--backgrounds": "short.fa"},
         "short.fa: the background b1 has 500 bases: expected 2,048, the model's window"),
        ({"--fasta": None, "--bed": None, "--backgrounds": "bad.fa"},
         "bad.fa: the background b1: 'R' is no base"),
        ({"--reporter": "x"}, "error: small has no reporter: it predicts tracks only"),
        ({"--out": "x.h5"}, "error: the output x.h5 names no known format: use .tsv"),
    ],
)  # fmt: skip
def test_errors_are_one_line_before_keras_is_imported(files, small_bundle, changes, message):
    options = {
        "--model": small_bundle.path,
        "--fasta": "genome.fa",
        "--bed": "x.bed",
        "--insert": "one=TGACGTCA",
        "--out": "x.tsv",
        **changes,
    }
    given = [str(each) for pair in options.items() if pair[1] is not None for each in pair]
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom basenji_kipoi.cli.app import app\n"
        f"result = CliRunner().invoke(app, {['insert', *given]!r})\n"
        "print(result.output)\nassert 'keras' not in sys.modules\nsys.exit(result.exit_code)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=files, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2, run.stderr + run.stdout
    assert message in run.stdout
    assert len(run.stdout.strip().splitlines()) == 1
    assert not (files / "x.tsv").exists()
