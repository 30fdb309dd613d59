"""Motifs of contributions: files are read as they were written, planted motifs are found."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from figures_drawn import panel
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, encode, one_hot, reverse_complement
from basenji_kipoi.base.text_files import table_rows
from basenji_kipoi.cli.app import app
from basenji_kipoi.interpretation import (
    AttributionOptions,
    MotifOptions,
    attribute_file,
    motifs_file,
)
from basenji_kipoi.interpretation.motif_matrices import (
    Motif,
    iupac_matrix,
    read_meme,
    write_meme,
)
from basenji_kipoi.interpretation.motifs import run as runs
from basenji_kipoi.interpretation.motifs.described import Described, Hits
from basenji_kipoi.interpretation.motifs.discovery import (
    FoundMotif,
    Sites,
    arrays_of,
    merged,
    motifs_of,
)
from basenji_kipoi.interpretation.motifs.plots import motif_figure
from basenji_kipoi.interpretation.motifs.reading import (
    AttributedSequences,
    of_attributions,
    read_attributions,
)
from basenji_kipoi.interpretation.motifs.similarity import similarity


@pytest.fixture(scope="module")
def attributed(tmp_path_factory, small_bundle):
    folder = tmp_path_factory.mktemp("attributed")
    letters = np.random.default_rng(3).choice(list(ALPHABET), 6000)
    letters[3010:3012] = "N"
    (folder / "genome.fa").write_text(f">chr1\n{''.join(letters)}\n")
    (folder / "x.bed").write_text("chr1\t3000\t3064\tp\t0\t-\nchr1\t3200\t3264\n")
    for name in ("x.h5", "x.npz"):
        attribute_file(
            bk.load(small_bundle.path), folder / "genome.fa", folder / "x.bed", folder / name,
            AttributionOptions(tracks="access,start_plus"), progress=False,
        )  # fmt: skip
    return folder


def test_files_are_read_as_they_were_written(attributed):
    whole = read_attributions([attributed / "x.h5"])
    names = ["x.ohe.npz", "x.shap.access.npz", "x.shap.start_plus.npz"]
    arrays = read_attributions([attributed / name for name in names])
    assert whole.labels == arrays.labels == ["access", "start_plus"]
    assert str(whole.intervals[0]) == "chr1:3000-3064"
    assert whole.intervals[0].strand == "-"
    np.testing.assert_array_equal(whole.codes, arrays.codes)
    np.testing.assert_array_equal(whole.hypothetical, arrays.hypothetical)
    assert (whole.codes[0, 10:12] == 4).all()
    scaled = whole.relative()
    np.testing.assert_allclose(
        scaled.contributions * whole.values[:, None], whole.contributions, rtol=1e-4, atol=1e-7
    )
    with pytest.raises(InputError, match="pass --scale plain"):
        arrays.relative()


def test_contributions_in_memory_are_those_of_the_file(attributed, small_bundle):
    given = bk.attribute(
        small_bundle.path, attributed / "genome.fa", attributed / "x.bed",
        tracks="access,start_plus",
    )  # fmt: skip
    one, other = of_attributions(given), read_attributions([attributed / "x.h5"])
    assert (one.intervals, one.labels) == (other.intervals, other.labels)
    for name in ("codes", "hypothetical", "values"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def found_motif(letters, starts, turned, output=0):
    table = 0.97 * iupac_matrix(letters) + 0.0075
    sites = Sites(np.arange(len(starts)), np.array(starts), np.array(turned))
    return FoundMotif((output,), True, table, table, sites)


def test_motifs_of_several_outputs_are_one():
    # AAGCCTGACA lies in the first sequence at 10 and, turned, in the second one at 30.
    longer = found_motif("AAGCCTGACA", [10, 30, 50], [False, True, False])
    part = "".join(ALPHABET[3 - ALPHABET.index(base)] for base in "AAGCCTGAC"[::-1])
    shorter = found_motif(part, [10, 31], [True, False], output=1)
    other = found_motif("TTTTGGGG", [1], [False])
    first, second = merged([other, shorter, longer])
    assert first.outputs == (0, 1)
    np.testing.assert_array_equal(first.sites.sequence, [0, 1, 2])
    np.testing.assert_array_equal(first.sites.start, [10, 30, 50])
    np.testing.assert_array_equal(first.sites.is_reverse, [False, True, False])
    assert second is other


def test_places_of_sites_are_counted_in_whole_numbers_and_no_legend_covers_them():
    places = np.linspace(-250, -50, 24)
    sites = np.full(24, 0)
    hits = Hits(
        sites.astype(str), sites, sites + 10, np.full(24, "+"), np.ones((24, 1)), places,
        np.arange(24) % 2 == 0,
    )  # fmt: skip
    motif = found_motif("AAGCCTGACA", [10], [False])
    figure = motif_figure(Described("motif_1", motif, [], hits, 1.0), "the nearest start")
    figure.savefig(io.BytesIO())
    axes = panel(figure, "sites")
    np.testing.assert_array_equal(axes.get_yticks() % 1, 0)
    assert axes.get_legend().get_window_extent().y0 >= axes.bbox.y1


def test_motifs_of_an_output_come_back_from_arrays():
    some = [found_motif("AAGCCTGACA", [10, 30], [False, True], 2), found_motif("TTGG", [1], [True])]
    again = motifs_of(arrays_of(some), 5)
    assert [each.outputs for each in again] == [(5,), (5,)]
    for one, other in zip(some, again, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.contributions, other.contributions)
        np.testing.assert_array_equal(one.sites.start, other.sites.start)
        np.testing.assert_array_equal(one.sites.is_reverse, other.sites.is_reverse)
    assert motifs_of(arrays_of([]), 0) == []


@pytest.fixture
def quick_discovery(monkeypatch):
    """Discovery that finds one motif of known sites in each output, and counts its calls."""
    asked = []

    def find(given, output, options):
        asked.append(given.labels[output])
        letters = ("AAGCCTGACA", "TTTTGGGG")[output]
        return [found_motif(letters, [5, 20], [False, True], output)]

    monkeypatch.setattr(runs, "find_motifs", find)
    return asked


def test_motifs_in_memory_are_those_of_the_command(
    attributed, small_bundle, quick_discovery, tmp_path
):
    write_meme(tmp_path / "known.meme", [Motif("pal", iupac_matrix("AAGCCTGACA"))])
    contributions = bk.attribute(
        small_bundle.path, attributed / "genome.fa", attributed / "x.bed",
        tracks="access,start_plus",
    )  # fmt: skip
    found = bk.motifs(contributions, database=tmp_path / "known.meme", progress=False)
    assert quick_discovery == ["access", "start_plus"]
    assert repr(found) == "<Motifs of 2 sequences: 2 motifs, 4 sites>"
    assert [each.name for each in found] == ["motif_1", "motif_2"]
    assert found["motif_2"] is found[1]
    with pytest.raises(InputError, match="no motif 'x'"):
        found["x"]
    assert "AAGCCTGACA, 2 sites" in found._repr_html_()
    table = found.to_dataframe()
    assert table.known[0] == "pal"
    assert table.sites.tolist() == [2, 2]
    # What a site contributes is the sum over its bases.
    first = contributions[0].contributions[5:15, 0].sum() / contributions.values[0, 0]
    np.testing.assert_allclose(found[0].hits.effects[0, 0], first, rtol=1e-5)
    options = MotifOptions(database=str(tmp_path / "known.meme"))
    motifs_file(attributed / "x.h5", tmp_path / "file", options, progress=False)
    found.write(tmp_path / "memory")
    for name in ("motifs.meme", "motifs.tsv", "hits.bed"):
        one, other = ((tmp_path / each / name).read_text() for each in ("file", "memory"))
        assert one == other
    with pytest.raises(InputError, match="exists"):
        found.write(tmp_path / "memory")


def test_an_interrupted_run_goes_on_behind_the_tracks_it_searched(
    attributed, quick_discovery, tmp_path, monkeypatch
):
    find = runs.find_motifs

    def stop(given, output, options):
        if output == 1:
            raise KeyboardInterrupt
        return find(given, output, options)

    def run(*more):
        given = ["motifs", "--attributions", attributed / "x.h5", "--out", tmp_path / "found"]
        return CliRunner().invoke(app, list(map(str, [*given, *more])))

    monkeypatch.setattr(runs, "find_motifs", stop)
    assert run().exit_code != 0
    assert not (tmp_path / "found").exists()
    monkeypatch.setattr(runs, "find_motifs", find)
    refused = run()
    assert refused.exit_code == 2
    assert "pass --resume to go on" in refused.output
    other = run("--resume", "--fewest", "30")
    assert "was begun with another fewest" in other.output
    done = run("--resume")
    assert done.exit_code == 0, done.output
    assert "50% is done" in done.output
    assert quick_discovery == ["access", "start_plus"]
    rows = [row for _, row in table_rows(tmp_path / "found" / "motifs.tsv", "table", ["motif"])]
    assert [row["tracks"] for row in rows] == ["access", "start_plus"]
    assert not list(tmp_path.glob("*.unfinished"))


def planted(folder, number=200, length=120):
    """Contributions of two planted motifs, one of which lowers; ripples elsewhere."""
    random = np.random.default_rng(0)
    known = {"up": "TGACGTCAAC", "down": "CCAATGGTTG"}
    codes = random.integers(4, size=(number, length)).astype(np.uint8)
    values = random.laplace(scale=0.02, size=(number, length))
    truth = []
    for row in range(number):
        for (name, letters), place in zip(known.items(), random.permutation([25, 75])):
            site, is_reverse = encode(letters), bool(random.integers(2))
            # Copies that are all the same are no sites of a genome, and have no neighbours.
            site = np.where(random.random(10) < 0.08, random.integers(4, size=10), site)
            site = site.astype(np.uint8)
            start = place + int(random.integers(-10, 10))
            codes[row, start : start + 10] = reverse_complement(site) if is_reverse else site
            size = random.normal(1, 0.25, 10)
            values[row, start : start + 10] = size if name == "up" else -size
            truth.append((name, row, start, "+-"[is_reverse]))
    letters = one_hot(codes)
    hypothetical = (letters - (1 - letters) / 3) * values[:, :, None]
    np.savez(folder / "x.ohe.npz", letters.transpose(0, 2, 1).astype(np.int8))
    np.savez(folder / "x.shap.npz", hypothetical.transpose(0, 2, 1).astype(np.float32))
    write_meme(folder / "known.meme", [Motif(n, iupac_matrix(text)) for n, text in known.items()])
    return known, truth


@pytest.mark.slow  # modisco-lite compiles for a minute when it runs for the first time
def test_planted_motifs_are_found_with_their_sites(tmp_path):
    known, truth = planted(tmp_path)
    given = ["motifs", "--attributions", tmp_path / "x.ohe.npz", "--scale", "plain"]
    given += ["--attributions", tmp_path / "x.shap.npz", "--out", tmp_path / "found"]
    given += ["--database", tmp_path / "known.meme"]
    # A process of its own: numba's compiled code and threads, and nothing that other tests left.
    command = [sys.executable, "-m", "basenji_kipoi", *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    matrices = {each.name: each for each in read_meme(tmp_path / "found" / "motifs.meme")}
    rows = [row for _, row in table_rows(tmp_path / "found" / "motifs.tsv", "table", ["motif"])]
    found = {row["known"].split(";")[0]: row for row in rows if row["known"]}
    assert found["up"]["raises"] == "yes"
    assert found["down"]["raises"] == "no"
    for name, letters in known.items():
        table = matrices[found[name]["motif"]].probabilities
        assert similarity(table, iupac_matrix(letters)).value > 0.9
    lines = (tmp_path / "found" / "hits.bed").read_text().splitlines()
    hits = [line.split("\t") for line in lines]
    for name, expected in (("up", 10), ("down", -10)):
        own = {row["motif"] for row in rows if row["known"].split(";")[0] == name}
        mine = [hit for hit in hits if hit[3] in own]
        places = {(row, start) for motif, row, start, _ in truth if motif == name}
        near = [
            any((int(hit[0][8:]), int(hit[1]) + shift) in places for shift in range(-4, 5))
            for hit in mine
        ]
        assert len(mine) > 40
        assert np.mean(near) > 0.95
        effects = np.array([float(hit[6]) for hit in mine])
        np.testing.assert_allclose(np.median(effects), expected, rtol=0.2)
    page = (tmp_path / "found" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == len(rows)
    assert "Orientation" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--attributions": "no.h5"}, "error: no.h5 is missing"),
        ({"--attributions": "x.txt"}, "error: --attributions: expected one .h5 of `basenji attr"),
        ({"--attributions": "genome.fa"}, "error: --attributions: expected one .h5"),
        ({"--tracks": "nothing"}, "error: --tracks: no track 'nothing'"),
        ({"--database": "no.meme"}, "error: the MEME file no.meme does not exist"),
        ({"--genes": "no.gtf"}, "no.gtf"),
    ],
)
def test_errors_are_one_line(attributed, changes, message):
    given = {"--attributions": "x.h5", "--out": "found", **changes}
    arguments = [str(each) for pair in given.items() for each in pair]
    run = subprocess.run(
        [sys.executable, "-m", "basenji_kipoi", "motifs", *arguments],
        cwd=attributed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2, run.stderr
    assert message in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not (attributed / "found").exists()


def test_a_missing_library_is_named(attributed):
    program = (
        "import sys\nsys.modules['modiscolite'] = None\n"
        "from typer.testing import CliRunner\nfrom basenji_kipoi.cli.app import app\n"
        "found = CliRunner().invoke(app, ['motifs', '--attributions', 'x.h5', '--out', 'found'])\n"
        "print(found.output)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=attributed, capture_output=True, text=True, check=False
    )
    assert "basenji motifs needs modiscolite, which is not installed (pip install" in run.stdout
    assert len(run.stdout.strip().splitlines()) == 1


def test_sequences_of_other_lengths_are_filled_up():
    codes = np.array([[0, 1, 4]], dtype=np.uint8)
    values = np.ones((1, 3, 4, 1), dtype=np.float32)
    given = AttributedSequences([], codes, values, np.ones((1, 1)), ["x"])
    np.testing.assert_array_equal(given.contributions[0, :, 0], [1, 1, 0])
