"""Effects of elements are those of whole windows; geometry and distances are plain sums."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plain_network
import pybigtools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_network import save_random_bundle, small_architecture
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene, read_genes
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation import ElementOptions, element_effects, element_effects_file
from basenji_kipoi.interpretation.attribution.outputs import Output
from basenji_kipoi.interpretation.attribution.questions import Question
from basenji_kipoi.interpretation.elements import run as runs
from basenji_kipoi.interpretation.elements.asking import Asked, ask
from basenji_kipoi.interpretation.elements.effects import ElementEffects, _summed
from basenji_kipoi.interpretation.elements.places import Elements, read_elements

WINDOW, BIN = 2048, 32
#: Elements of several lengths around the gene at 3000; the last is longer than a quarter window.
BED = "".join(
    f"chr1\t{start}\t{end}\te{start}\n"
    for start, end in [(2950, 3050), (2900, 2901), (2860, 2893), (3010, 3266), (2700, 3300)]
)
TABLE = (
    "chrom\tstart\tend\tgene\tlabel\teffect\n"
    "chr1\t2950\t3050\tone\t1\t-0.5\n"
    "chr1\t2860\t2893\tG1\t0\t.\n"
    "chr1\t2860\t2893\tnope\t0\t0.1\n"
    "chr1\t100\t200\tG2\tTRUE\t0\n"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    letters = np.random.default_rng(3).choice(list("ACGT"), 6000)
    letters[3010:3012] = "N"
    letters = "".join(letters)
    (folder / "genome.fa").write_text(f">chr1\n{letters}\n>chr2\n{letters[1000:5000]}\n")
    (folder / "genes.gtf").write_text(
        'chr1\tx\ttranscript\t3001\t3900\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
        'chr1\tx\ttranscript\t2001\t3020\t.\t-\t.\tgene_id "G2";\n'
        'chr2\tx\ttranscript\t101\t300\t.\t+\t.\tgene_id "G3";\n'
    )
    (folder / "e.bed").write_text(BED)
    (folder / "e.tsv").write_text(TABLE)
    return folder


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [save_random_bundle(folder / str(n), small_architecture(), seed=n) for n in (3, 4)]


def options_of(files, **changes):
    return ElementOptions(files / "genes.gtf", **changes)


def found_of(bundles, files, gene, outputs, *, dtype="float32", **changes):
    """Compute one gene's elements, and return what was asked and what computes it too."""
    options = options_of(files, gene=gene, **changes)
    with Genome(files / "genome.fa") as genome:
        given_ = None
        if options.elements is not None:
            given_ = read_elements(options.elements, genome.lengths)
        genes = read_genes(options.genes, genome)
        architecture = bundles[0].architecture
        ((asked,), _, _) = ask(genes, given_, architecture, genome.lengths, options)
        effects = ElementEffects(bundles, genome, outputs, options, dtype=dtype)
        window = genome.codes(
            asked.gene.contig, asked.question.window, asked.question.window + WINDOW
        )
        return asked, effects.find(asked, lambda _: None), effects, window


def outputs_by_whole_networks(bundles, asked, codes, outputs, *, both_strands):
    predictions = []
    for bundle in bundles:
        network = bundle.network(both_strands=False)
        forward = plain_network.predict(bundle.architecture, network, codes[None])
        turned = np.where(codes == 4, 4, 3 - codes)[::-1]
        other = plain_network.predict(bundle.architecture, network, turned[None])
        other = other[:, ::-1, bundle.targets.strand_permutation]
        predictions.append((forward + other) / 2 if both_strands else forward)
    values = np.mean(predictions, axis=0)[0, list(asked.question.bins)].sum(axis=0)
    # On the minus strand the tracks of a pair change places.
    columns = [0, 2, 1] if asked.gene.strand == "-" else [0, 1, 2]
    values = values[columns]
    found = []
    for each in outputs:
        value = values[list(each.tracks)].mean()
        against = values[list(each.against)].mean() if each.against else None
        found.append(value if against is None else np.log2(value / against))
    return np.array(found)


OUTPUTS = [Output("access", (0,)), Output("plus", (1,)), Output("ratio", (1,), (0,))]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("gene", "both_strands", "dtype"),
    [("G1", False, "float32"), ("G2", True, "float32"), ("G2", True, "float64")],
)
def test_knock_outs_are_those_of_whole_networks(bundles, files, gene, both_strands, dtype):
    asked, found, effects, window = found_of(
        bundles, files, gene, OUTPUTS, dtype=dtype,
        elements=files / "e.bed", draws=2, both_strands=both_strands,
    )  # fmt: skip
    assert len(asked) == 5
    own = outputs_by_whole_networks(bundles, asked, window, OUTPUTS, both_strands=both_strands)
    bound = 1e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(found.values, own, rtol=bound)
    largest = np.abs(own).max()
    for row in range(len(asked)):
        start, end = asked.starts[row], asked.ends[row]
        shuffles = effects.shuffles(asked, window, row)
        for draw, bases in enumerate(shuffles):
            codes = window.copy()
            codes[start - asked.question.window : end - asked.question.window] = bases
            other = outputs_by_whole_networks(
                bundles, asked, codes, OUTPUTS, both_strands=both_strands
            )
            np.testing.assert_allclose(found.changes[row, draw], other - own, atol=bound * largest)
    # A single base has one order only.
    single = asked.ends - asked.starts == 1
    np.testing.assert_array_equal(found.changes[single], 0)
    assert np.abs(found.changes[~single]).max() > 1e-3


@pytest.mark.usefixtures("eager")
def test_shuffles_keep_dinucleotides_and_depend_on_the_place_alone(bundles, files):
    asked, _, effects, window = found_of(
        bundles, files, "G1", OUTPUTS, elements=files / "e.bed", draws=3
    )
    other, _, again, window2 = found_of(bundles, files, "G2", OUTPUTS, elements=files / "e.bed")
    for row in range(len(asked)):
        shuffles = effects.shuffles(asked, window, row)
        own = window[asked.starts[row] - asked.question.window :][: shuffles.shape[1]]
        for each in shuffles:
            pairs = [np.bincount(5 * x[:-1].astype(int) + x[1:], minlength=25) for x in (own, each)]
            np.testing.assert_array_equal(*pairs)
        same = np.flatnonzero(other.starts == asked.starts[row])[0]
        np.testing.assert_array_equal(again.shuffles(other, window2, same)[:3], shuffles)


@pytest.mark.usefixtures("eager")
def test_gradients_of_positions_are_those_of_features(bundles, files):
    asked, found, _, window = found_of(
        bundles[:1], files, "G1", OUTPUTS[:2], dtype="float64", method="gradient",
        both_strands=False,
    )  # fmt: skip
    # Pieces are bins, and so are the positions in front of the first branch.
    assert int(found.stride) == BIN
    rows = (asked.starts - int(found.first)) // BIN
    inside = (rows >= 0) & (rows < len(found.profile))
    np.testing.assert_allclose(found.gradient[inside], found.profile[rows[inside]], atol=1e-12)
    np.testing.assert_array_equal(found.gradient[~inside], 0)
    assert np.abs(found.gradient[~found.is_reached]).max(initial=0) == 0
    assert np.isnan(found.effects).all()
    own = outputs_by_whole_networks(bundles[:1], asked, window, OUTPUTS[:2], both_strands=False)
    np.testing.assert_allclose(found.values, own, rtol=1e-9)
    # Larger pieces are sums of these.
    double, other, *_ = found_of(
        bundles[:1], files, "G1", OUTPUTS[:2], dtype="float64", method="gradient", size=2 * BIN,
        both_strands=False,
    )  # fmt: skip
    assert len(double) * 2 == len(asked)
    sums = found.gradient.reshape(-1, 2, 2).sum(axis=1)
    np.testing.assert_allclose(other.gradient, sums, atol=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.integers(1, 9), st.data())
def test_parts_of_positions_count_as_such(profile, stride, data):
    total = len(profile) * stride
    edges = data.draw(st.tuples(st.integers(-5, total + 5), st.integers(-5, total + 5)).map(sorted))
    bases = np.repeat(np.array(profile) / stride, stride)
    expected = bases[max(edges[0], 0) : max(edges[1], 0)].sum()
    values = np.array(profile)[:, None]
    found = _summed(values, np.array(edges[:1]), np.array(edges[1:]), stride)
    np.testing.assert_allclose(found, [[expected]], atol=1e-9)


@given(st.integers(0, 5999), st.integers(1, 300), st.sampled_from("+-"), st.data())
def test_what_is_out_of_reach_cannot_change_the_gene(start, length, strand, data):
    architecture = small_architecture()
    tss = data.draw(st.integers(1200, 4800))
    gene = Gene("G", "", strand, "chr1", (tss,))
    end = min(start + length, 6000)
    options = ElementOptions(Path("x"))
    try:
        ((asked,), _, _) = ask(
            [gene], Elements([Interval("chr1", start, end)]), architecture, {"chr1": 6000}, options
        )
    except InputError:
        window = (tss + tss + 1) // 2 - WINDOW // 2
        assert start < window + BIN or end > window + WINDOW - BIN
        return
    distance = int(asked.distances[0])
    middle = (start + end) // 2
    assert distance == (middle - tss) * (1 if strand == "+" else -1)
    expected = "promoter" if abs(distance) <= 200 else "proximal" if abs(distance) <= 2000 else "x"
    assert asked.classes(options)[0] == expected
    begin, last = asked.question.bins[0], asked.question.bins[-1] + 1
    needed = architecture.needed_input(begin, last)
    affected = architecture.affected_bins(
        start - asked.question.window, end - asked.question.window
    )
    is_reached = start - asked.question.window < needed[1] and (
        end - asked.question.window > needed[0]
    )
    assert is_reached == (affected[0] < last and affected[1] > begin)


def test_pieces_cover_what_the_contig_has_of_the_window(files, bundles):
    with Genome(files / "genome.fa") as genome:
        genes = read_genes(files / "genes.gtf", genome)
        options = options_of(files, gene="G3", size=100)
        ((asked,), left, unread) = ask(
            genes, None, bundles[0].architecture, genome.lengths, options
        )
    assert (left, unread) == ([], [])
    window = asked.question.window
    assert window < 0
    assert (asked.starts[0], asked.ends[-1]) == (0, window + WINDOW)
    np.testing.assert_array_equal(asked.starts[1:], asked.ends[:-1])
    assert ((asked.starts[1:] - window) % 100 == 0).all()


def test_the_nearest_start_is_the_distance():
    gene = Gene("G", "", "-", "chr1", (1000, 3000))
    question = Question(Interval("chr1", 0, 4000), 0, (0,))
    starts = np.array([900, 1990, 2010, 3500])
    asked = Asked(gene, question, starts, starts + 20, starts.astype(object), starts)
    # On the minus strand what lies to the right is before the start.
    assert asked.distances.tolist() == [90, -1000, 980, -510]
    named = asked.classes(ElementOptions(Path("x"), promoter=90, proximal=980))
    assert named.tolist() == ["promoter", "distal", "proximal", "proximal"]


@pytest.mark.usefixtures("eager")
def test_tables_say_which_pairs_were_measured(files, bundles, tmp_path):
    out = tmp_path / "o.tsv"
    summary = element_effects_file(
        bundles[0].path, files / "genome.fa", out,
        options_of(files, elements=files / "e.tsv", draws=2), progress=False,
    )  # fmt: skip
    table = pd.read_csv(out, sep="\t")
    assert summary.is_measured
    assert dict(summary.statuses) == {"ok": 2, "no such gene": 1, "outside of the window": 1}
    done = table[table.status == "ok"]
    assert done.track.tolist() == ["access", "start"] * 2
    assert done.gene.tolist() == ["one"] * 4
    assert done.label.tolist() == [1, 1, 0, 0]
    np.testing.assert_array_equal(done.measured_effect, [-0.5, -0.5, np.nan, np.nan])
    np.testing.assert_allclose(
        done.log2_ratio, np.log2((done.value + done.effect) / done.value), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(done.gradient_share, done.gradient / done.value, rtol=1e-4)
    left = table[table.status != "ok"]
    assert left.gene.tolist() == ["nope", "G2"]
    assert left[["effect", "value", "gradient"]].isna().all(axis=None)


@pytest.mark.usefixtures("eager")
def test_a_table_in_memory_and_every_format_are_the_same(files, bundles, tmp_path):
    options = options_of(files, gene="G1", elements=files / "e.bed", draws=2, tracks="access")
    table = element_effects(bundles[0].path, files / "genome.fa", options, progress=False)
    assert repr(table) == "<ElementTable: 5 rows, 1 gene, 1 track>"
    frame = table.to_dataframe()
    for name in ("o.tsv", "o.tsv.gz", "o.parquet"):
        out = tmp_path / name
        element_effects_file(bundles[0].path, files / "genome.fa", out, options, progress=False)
        read = pd.read_parquet(out) if name.endswith("parquet") else pd.read_csv(out, sep="\t")
        assert list(read.columns) == list(frame.columns)
        for column in frame.columns:
            if frame[column].dtype == object:
                assert read[column].tolist() == frame[column].tolist()
            else:
                np.testing.assert_allclose(read[column], frame[column], rtol=1e-5, atol=1e-12)


@pytest.mark.usefixtures("eager")
def test_browsers_and_figures(files, bundles, tmp_path):
    options = options_of(files, gene="G1,G3", draws=2, tracks="access")
    element_effects_file(
        bundles[0].path, files / "genome.fa", tmp_path / "o.tsv", options,
        browser=tmp_path / "b", plots=tmp_path / "p", progress=False,
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "o.tsv", sep="\t")
    links = pd.read_csv(tmp_path / "b" / "links.bedpe", sep="\t")
    done = table[table.status == "ok"].reset_index()
    np.testing.assert_array_equal(links["start1"], done.start)
    np.testing.assert_allclose(links.effect, done.effect, rtol=1e-4, atol=1e-9)
    assert set(links.start2) == {3000, 100}
    assert links.score.max() == 1000
    assert len((tmp_path / "b" / "elements.bed").read_text().splitlines()) == len(done)
    for gene, name in (("one", "one"), ("G3", "G3")):
        mine = table[table.gene == gene]
        for kind, column in (("knock-out", "effect"), ("gradient", "gradient")):
            path = tmp_path / "b" / name / kind / "access.bw"
            with pybigtools.open(str(path)) as track:
                for row in mine[mine.status == "ok"].itertuples():
                    values = track.values(row.chrom, row.start, row.end, fillna=0)
                    np.testing.assert_allclose(values, getattr(row, column), rtol=1e-4, atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [
        "G3.access.png", "one.access.png",
    ]  # fmt: skip


@pytest.mark.usefixtures("eager")
def test_an_interrupted_run_goes_on(files, bundles, monkeypatch, tmp_path):
    options = options_of(files, draws=1, tracks="access", size=512)
    whole = tmp_path / "whole.tsv"
    run = {"progress": False}
    path = bundles[0].path
    element_effects_file(path, files / "genome.fa", whole, options, **run)
    save, kept = runs.save_piece, []

    def stop_behind_the_first(place, arrays):
        if kept:
            raise KeyboardInterrupt
        kept.append(place)
        save(place, arrays)

    out = tmp_path / "o.tsv"
    monkeypatch.setattr(runs, "save_piece", stop_behind_the_first)
    with pytest.raises(KeyboardInterrupt):
        element_effects_file(path, files / "genome.fa", out, options, **run)
    assert not out.exists()
    monkeypatch.setattr(runs, "save_piece", save)
    with pytest.raises(InputError, match="--resume"):
        element_effects_file(path, files / "genome.fa", out, options, **run)
    notes = []
    element_effects_file(
        path, files / "genome.fa", out, options, resume=True, note=notes.append, **run
    )
    assert "33% is done" in notes[0]
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("changes", "text", "message"),
    [
        (["--gene", "ome"], None, "no gene 'ome' in the annotation: did you mean one?"),
        (["--tracks", "rna"], None, "rna"),
        (["--size", "10"], "chr1\t1\t9\n", "leave out one"),
        ([], "chr1\t1000\t4000\tlong\n", "element 1, long of 3,000 bp, is longer than the window"),
        ([], "chr1\t1\t9\n", "no element lies within the window of a gene"),
        ([], "chr9\t1\t9\n", "the genome has no contig 'chr9'"),
        ([], "", "has no elements"),
        ([], "chrom\tstart\tend\tgene\nchr1\t3000\t3010\tnope\n", "'nope', for instance, is none"),
        ([], "chrom\tstart\tend\tlabel\nchr1\t1\t9\tmaybe\n", "e.txt:2: the label 'maybe' is none"),
        ([], "chrom\tstart\tend\teffect\nchr1\t1\t9\tx\n", "e.txt:2: the effect 'x' is no number"),
        ([], "chrom\tstart\tend\nchr1\t1\tx\n", "e.txt:2: the end 'x' is not a whole number"),
        ([], "chrom\tstart\tend\nchr1\t1\t9999\n", "e.txt:2: chr1:1-9999 reaches beyond the end"),
        ([], "chrom\tstart\tend\nchr1\t9\t3\n", "e.txt:2: chr1:9-3 is empty"),
        (["--column", "label=no"], "chrom\tstart\tend\nchr1\t1\t9\n", "has no such column"),
        (["--column", "labels=x"], "chr1\t1\t9\n", "--column: no role 'labels'"),
        (["--column", "label"], "chr1\t1\t9\n", "expected ROLE=NAME"),
        (["--column", "label=x"], None, "pass it with --elements"),
        (["--promoter", "300", "--proximal", "200"], None, "--promoter 300 and --proximal 200"),
        (["--out", "x.bed"], None, "names no known format: use .tsv"),
    ],
)
def test_bad_input_is_one_line(small_bundle, files, tmp_path, changes, text, message):
    arguments = ["--model", small_bundle.path, "--fasta", files / "genome.fa", "--out"]
    arguments += [tmp_path / "o.tsv", "--genes", files / "genes.gtf", "--method", "gradient"]
    if text is not None:
        (tmp_path / "e.txt").write_text(text)
        arguments += ["--elements", tmp_path / "e.txt"]
    run = CliRunner().invoke(app, ["elements", *map(str, [*arguments, *changes])])
    assert run.exit_code == 2
    lines = run.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not (tmp_path / "o.tsv").exists()


def test_a_gene_whose_starts_fit_no_window(files, bundles, tmp_path):
    """Named, it ends the run; among all genes it is left out, and said."""
    genes = tmp_path / "genes.gtf"
    line = 'chr1\tx\ttranscript\t{}\t5500\t.\t+\t.\tgene_id "{}";\n'
    genes.write_text(line.format(501, "far") + line.format(5001, "far") + line.format(3001, "G1"))
    arguments = (bundles[0].path, files / "genome.fa", tmp_path / "o.tsv")
    described = {"tracks": "access", "method": "gradient"}
    with pytest.raises(InputError, match=r"bp that a window predicts|longer than the"):
        element_effects_file(*arguments, ElementOptions(genes, gene="far", **described))
    notes = []
    summary = element_effects_file(
        *arguments, ElementOptions(genes, **described), note=notes.append, progress=False
    )
    assert summary.genes == 1
    assert notes[0].startswith("1 genes are left out")


def test_the_command_sets_predictions_beside_measurements(files, bundles, tmp_path):
    rows = ["chrom\tchromStart\tchromEnd\tmeasuredGeneSymbol\tRegulated\tEffectSize"]
    random = np.random.default_rng(0)
    for number in range(24):
        start = 2200 + 60 * number
        label = "TRUE" if number % 3 == 0 else "FALSE"
        rows.append(f"chr1\t{start}\t{start + 40}\tG1\t{label}\t{random.normal():.3f}")
    (tmp_path / "crispr.tsv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "o.tsv"
    done = subprocess.run(
        [
            sys.executable, "-m", "basenji_kipoi", "elements", "--model", bundles[0].path,
            "--fasta", files / "genome.fa", "--genes", files / "genes.gtf", "--tracks", "access",
            "--elements", tmp_path / "crispr.tsv", "--out", out, "--draws", "2",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "24 pairs of an element and a gene, 1 gene, 1 output" in done.stderr
    assert "AUROC" in done.stderr
    found = json.loads((tmp_path / "o.tsv.measured.json").read_text())["measured"]
    assert [each["score"] for each in found] == ["knock-out", "gradient", "nearness"]
    table = pd.read_csv(out, sep="\t")
    for each, values in zip(
        found, (-table.log2_ratio, table.gradient_share, -table.distance.abs()), strict=True
    ):
        one, other = values[table.label == 1], values[table.label == 0]
        wins = (one.to_numpy()[:, None] > other.to_numpy()).mean()
        ties = (one.to_numpy()[:, None] == other.to_numpy()).mean()
        assert each["auroc"]["value"] == pytest.approx(wins + ties / 2)
        assert (each["pairs"], each["positives"]) == (24, 8)
