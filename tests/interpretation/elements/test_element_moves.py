"""What moved elements do is what whole networks say of the sequences with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from element_inputs import OUTPUTS, WINDOW, found_of, options_of, outputs_by_whole_networks
from typer.testing import CliRunner

from basenji_kipoi.base.sequence import reverse_complement
from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.genes import Gene
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation import element_effects
from basenji_kipoi.interpretation.attribution.questions import Question
from basenji_kipoi.interpretation.elements.asking import Asked


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("gene", "both_strands"), [("G1", False), ("G2", True)])
def test_moved_elements_are_those_of_whole_networks(bundles, files, gene, both_strands):
    # Before, upon and behind the start; over the window's end; upon its own place in part.
    distances = (-300, 0, 100, 1000, -20)
    asked, found, effects, window = found_of(
        bundles, files, gene, OUTPUTS, elements=files / "e.bed", draws=2, distances=distances,
        both_strands=both_strands, method="gradient",
    )  # fmt: skip
    begin, sign = asked.question.window, -1 if gene == "G2" else 1
    tss = asked.gene.tss[0]
    largest = np.abs(found.values).max()
    checked = 0
    for row in range(len(asked)):
        own = slice(int(asked.starts[row]) - begin, int(asked.ends[row]) - begin)
        element, length = window[own], own.stop - own.start
        for place, distance in enumerate(distances):
            first = tss + sign * distance - length // 2 - begin
            if first < 0 or first + length > WINDOW:
                assert np.isnan(found.moved[row, place]).all()
                continue
            for draw, shuffle in enumerate(effects.shuffles(asked, window, row)):
                changed = window.copy()
                changed[own] = shuffle
                outputs = []
                for bases in (shuffle, element, reverse_complement(element)):
                    changed[first : first + length] = bases
                    outputs.append(
                        outputs_by_whole_networks(
                            bundles, asked, changed, OUTPUTS, both_strands=both_strands
                        )
                    )
                bound = 1e-5 * largest
                without = found.moved_without[row, place, draw]
                np.testing.assert_allclose(without, outputs[0], atol=bound)
                np.testing.assert_allclose(
                    found.moved[row, place, :, draw], np.array(outputs[1:]) - outputs[0], atol=bound
                )
                checked += 1
    assert checked > 20
    assert np.nanmax(np.abs(found.moved)) > 1e-3


@pytest.mark.usefixtures("eager")
def test_an_element_that_is_moved_to_where_it_was_takes_its_knock_out_back(bundles, files):
    for start, gene in ((2950, "G1"), (2990, "G2")):
        (files / "one.bed").write_text(f"chr1\t{start}\t{start + 101}\n")
        given = {"elements": files / "one.bed", "draws": 2, "dtype": "float64"}
        asked, *_ = found_of(bundles, files, gene, OUTPUTS, **given)
        own = int(asked.distances[0])
        _, found, *_ = found_of(
            bundles, files, gene, OUTPUTS, distances=(own,), orientations=("+",), **given
        )
        np.testing.assert_allclose(found.moved[0, 0, 0], -found.changes[0], atol=1e-11)
        assert np.abs(found.changes).max() > 1e-3


def test_places_lie_at_their_distance():
    gene = Gene("G", "", "-", "chr1", (1000, 3000))
    question = Question(Interval("chr1", 0, 4000), 0, (0,))
    starts = np.array([900, 2700])
    asked = Asked(gene, question, starts, starts + 21, starts.astype(object), starts)
    places = asked.places([-100, 0, 500])
    np.testing.assert_array_equal(places, [[1090, 990, 490], [3090, 2990, 2490]])
    np.testing.assert_array_equal(asked.places([])[:, :0], np.empty((2, 0)))
    # Where they are now is at the distance that they have.
    for row, distance in enumerate(asked.distances.tolist()):
        assert asked.places([distance])[row, 0] == starts[row]


@pytest.mark.usefixtures("eager")
def test_the_table_of_moves(small_bundle, files, tmp_path):
    def run(*more):
        given = ["elements", "--model", small_bundle.path, "--fasta", files / "genome.fa"]
        given += ["--genes", files / "genes.gtf", "--gene", "one", "--draws", 2]
        return CliRunner().invoke(app, list(map(str, [*given, *more])))

    out = tmp_path / "o.tsv.gz"
    given = ("--elements", files / "e.bed", "--tracks", "access,start_*", "--out")
    done = run(*given, out, "--move-to=-300:300:300,5000")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "o.moved.tsv.gz", sep="\t")
    assert len(table) == 5 * 4 * 2 * 2
    assert table.columns.tolist() == [
        "element", "chrom", "start", "end", "gene", "gene_id", "strand", "distance", "moved_to",
        "moved_start", "orientation", "track", "without", "effect", "spread", "log2_ratio",
        "status",
    ]  # fmt: skip
    far = table.moved_to == 5000
    assert set(table.status[far]) == {"outside of the window"}
    assert table[far].effect.isna().all()
    done = table[~far]
    assert set(done.status) == {"ok"}
    middle = done.moved_start + (done.end - done.start) // 2
    np.testing.assert_array_equal(middle, 3000 + done.moved_to)
    np.testing.assert_allclose(
        done.log2_ratio, np.log2((done.without + done.effect) / done.without), atol=1e-4
    )
    whole = options_of(
        files, gene="one", elements=files / "e.bed", draws=2, distances=(-300, 0, 300, 5000),
        tracks="access,start_*",
    )  # fmt: skip
    again = element_effects(small_bundle.path, files / "genome.fa", whole, progress=False).moved
    np.testing.assert_allclose(again["effect"], table.effect, rtol=1e-4, atol=1e-9)
    assert again["orientation"].tolist() == table.orientation.tolist()
    # A table that is there already, and what cannot be moved.
    for arguments, message in (
        ((*given, out, "--move-to", "0"), "exists"),
        (("--out", tmp_path / "x.tsv", "--move-to", "0"), "pass them with --elements"),
        ((*given, tmp_path / "x.tsv", "--move-to", "1-2"), "--move-to: expected numbers of bases"),
    ):
        refused = run(*arguments)
        assert refused.exit_code == 2
        assert message in refused.output
        assert len(refused.output.strip().splitlines()) == 1
