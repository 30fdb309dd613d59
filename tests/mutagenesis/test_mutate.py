"""`basenji mutate` as its user sees it: files, figures, interruptions, messages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from example_inputs import REPOSITORY
from interval_command import arguments_of
from typer.testing import CliRunner

from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import read_bed
from basenji_kipoi.mutagenesis.plots import Map, draw_map, importance_of
from basenji_kipoi.mutagenesis.scores import Mutations, SubstitutionTotals
from basenji_kipoi.mutagenesis.windows import pieces_of

BED = "chrI\t4000\t7000\tlong\nchrII\t20\t70\tshort\t0\t-\n"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, small_bundle):
    """A genome with unknown bases, two intervals, and the arguments that name them."""
    folder = tmp_path_factory.mktemp("inputs")
    letters = np.random.default_rng(3).choice(list("ACGT"), 20_000)
    letters[4010:4012] = "N"
    (folder / "genome.fa").write_text(
        ">chrI\n" + "".join(letters) + "\n>chrII\n" + "".join(letters[:3000]) + "\n"
    )
    (folder / "x.bed").write_text(BED)
    return {
        "--model": small_bundle.path,
        "--fasta": folder / "genome.fa",
        "--bed": folder / "x.bed",
    }


def mutate(inputs, *flags, **changes):
    arguments = ["mutate", *arguments_of(inputs, **changes)[1:], *flags]
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def expected(inputs, small_bundle):
    """Scores of both intervals through the Python interface."""
    with Genome(inputs["--fasta"]) as genome:
        mutagenesis = SubstitutionTotals([small_bundle], genome, columns=range(3))
        intervals = read_bed(inputs["--bed"], genome.lengths)
        pieces = pieces_of(intervals, small_bundle.architecture)
        return np.concatenate([mutagenesis.scores(p, lambda _: None)["SAD"] for p in pieces])


@pytest.fixture(scope="module")
def output(tmp_path_factory, inputs):
    """The file of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("output") / "x.h5"
    result = mutate(inputs, out=out)
    assert result.exit_code == 0, result.stderr
    assert re.fullmatch(
        rf"wrote {re.escape(str(out))}: 3,050 positions, 3 tracks, 2 intervals, in \d+\.\d s\n"
        r"  2 positions not scored: a reference base is unknown \(N\)\n",
        result.stderr,
    )
    assert [path.name for path in out.parent.iterdir()] == ["x.h5"]
    return out


def close(found, expected):
    tolerance = 1e-6 * np.nanmax(np.abs(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=tolerance)


def test_hdf5(output, inputs, expected, small_bundle):
    with h5py.File(output) as file, Genome(inputs["--fasta"]) as genome:
        scores = file["scores/SAD"]
        assert scores.dtype == np.float32
        assert [axis.label for axis in scores.dims] == ["position", "base", "track"]
        assert scores.attrs["formula"] == "sum (a - r)"
        close(scores[:], expected)
        assert file["intervals/chrom"].asstr()[:].tolist() == ["chrI", "chrII"]
        assert file["intervals/offset"][:].tolist() == [0, 3000, 3050]
        assert file["positions"][:].tolist() == [*range(4000, 7000), *range(20, 70)]
        codes = np.concatenate([genome.codes("chrI", 4000, 7000), genome.codes("chrII", 20, 70)])
        assert (file["codes"][:] == codes).all()
        assert np.flatnonzero(file["status"][:]).tolist() == [10, 11]
        assert np.isnan(scores[10:12]).all()
        assert "unknown" in file["statuses"].asstr()[1]
        # Every position lies in the piece that names its window.
        pieces = {name: values[:] for name, values in file["pieces"].items()}
        assert pieces["start"][0] == 4000
        assert pieces["end"][-1] == 70
        assert (pieces["window"] % small_bundle.architecture.bin == 0).all()
        assert file.attrs["model_sha256"] == small_bundle.metadata.sha256["model.weights.h5"]
        assert file.attrs["command"].startswith("basenji ")
        assert file.attrs["mutations"] == "snv"


def test_zarr_and_selected_tracks(tmp_path, inputs, expected):
    zarr = pytest.importorskip("zarr", "3")
    result = mutate(inputs, out=tmp_path / "x.zarr", tracks="start_minus,0")
    assert result.exit_code == 0, result.stderr
    group = zarr.open_group(str(tmp_path / "x.zarr"), mode="r")
    close(group["scores/SAD"][:], expected[..., [2, 0]])
    assert group["tracks/identifier"][:].tolist() == ["start_minus", "access"]
    assert group["scores/SAD"].metadata.dimension_names == ("position", "base", "track")


def test_deletions(tmp_path, inputs):
    (tmp_path / "x.bed").write_text("chrII\t2990\t3000\n")
    result = mutate(
        inputs, "--both-strands", out=tmp_path / "x.h5", bed=tmp_path / "x.bed",
        mutations="deletion:4", indels="stitch", scores="SAD,centre",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "  3 positions not scored: the deletion passes the contig's end\n" in result.stderr
    with h5py.File(tmp_path / "x.h5") as file:
        scores = file["scores/SAD"][:]
        assert scores.shape == (10, 3)
        assert sorted(file["scores"]) == ["SAD", "centre"]
        assert file["scores/centre"].shape == (10, 3)
        assert np.isfinite(scores[:7]).all()
        assert np.isnan(scores[7:]).all()
        assert file["status"][:].tolist() == [0] * 7 + [2] * 3
        assert (file.attrs["mutations"], file.attrs["indels"]) == ("deletion:4", "stitch")


def test_several_models(tmp_path, inputs, expected, small_bundle):
    arguments = ["--model", str(small_bundle.path)]  # a second time: the mean is the same
    result = mutate(inputs, *arguments, out=tmp_path / "x.h5")
    assert result.exit_code == 0, result.stderr
    with h5py.File(tmp_path / "x.h5") as file:
        close(file["scores/SAD"][:], expected)
        assert file.attrs["models"] == "small, small"


@pytest.mark.parametrize("name", ["x.h5", "x.zarr"])
def test_an_empty_bed_gives_an_empty_output(tmp_path, inputs, name):
    (tmp_path / "empty.bed").write_text("# nothing\n")
    result = mutate(inputs, out=tmp_path / name, bed=tmp_path / "empty.bed")
    assert result.exit_code == 0, result.stderr
    assert "0 positions, 3 tracks, 0 intervals" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.bed", name]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_goes_on(tmp_path, inputs, output, how):
    out = tmp_path / "x.h5"
    arguments = ["mutate", *arguments_of(inputs, out=out)[1:]]
    process = subprocess.Popen(
        [sys.executable, "-m", "basenji_kipoi", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = tmp_path / "x.h5.unfinished"
    pieces = folder / "pieces"
    try:
        deadline = time.monotonic() + 600
        while not (done := list(pieces.glob("block-*.npz"))):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(how)
        message = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode != 0
    assert "Traceback" not in message
    assert not out.exists()
    # What is done is taken as it is: a block that was changed since comes out changed.
    done = sorted(pieces.glob("block-*.npz"))
    with np.load(done[0]) as content:
        first = content["SAD"]
    np.savez(done[0], SAD=first + 1)
    result = mutate(inputs, out=out)
    assert result.exit_code == 2
    assert "pass --resume to go on with it, or --overwrite to begin anew" in result.stderr
    result = mutate(inputs, "--resume", out=out)
    assert result.exit_code == 0, result.stderr
    share = re.search(r"going on with .*x.h5.unfinished: (\d+)% is done already\n", result.stderr)
    assert 0 < int(share[1]) < 100 or len(done) > 1
    with h5py.File(out) as file, h5py.File(output) as whole:
        found, expected = file["scores/SAD"][:], whole["scores/SAD"][:]
        np.testing.assert_array_equal(found[len(first) :], expected[len(first) :])
        np.testing.assert_array_equal(found[: len(first)], expected[: len(first)] + 1)
        for name in ("codes", "positions", "status", "intervals/offset", "pieces/window"):
            assert (file[name][:] == whole[name][:]).all()
    assert not folder.exists()


def test_work_of_another_run_is_kept_unless_it_may_be_thrown_away(tmp_path, inputs):
    out = tmp_path / "x.h5"
    options = {"command": "", "resume": False, "overwrite": False}
    with UnfinishedRun([out], "basenji mutate", {"other": 1}, **options) as run:
        with run.piece("block-000000.npz") as path:
            path.write_text("precious")
        block = run.path("block-000000.npz")
    result = mutate(inputs, "--resume", out=out)
    assert result.exit_code == 2
    assert re.fullmatch(
        r"error: .*x.h5.unfinished was begun with another intervals .*: give the same, .*\n",
        result.stderr,
    )
    assert block.read_text() == "precious"
    result = mutate(inputs, "--overwrite", "--quiet", out=tmp_path / "x.h5")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_a_damaged_block_is_named(tmp_path, inputs, monkeypatch):
    out = tmp_path / "x.h5"

    def fail(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("basenji_kipoi.base.array_files.Hdf5File.create", fail)
        result = mutate(inputs, out=out)
    assert result.exit_code == 2
    full = f"{out} cannot be written: no space left on device: make space and go on with --resume"
    assert result.stderr == f"error: {full}\n"
    folder = tmp_path / "x.h5.unfinished"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    block = folder / "pieces" / "block-000001.npz"
    block.write_bytes(block.read_bytes()[:1000])
    result = mutate(inputs, "--resume", out=out)
    assert result.exit_code == 2
    assert re.fullmatch(r"error: .*block-000001.npz is damaged .*: remove it .*\n", result.stderr)
    block.unlink()
    assert mutate(inputs, "--resume", out=out).exit_code == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": "x.tsv"}, "x.tsv names no known format: use .h5 or .zarr"),
        ({"out": "none/x.h5"}, "the folder of the output .* does not exist"),
        ({"mutations": "deletion:x"}, "expected snv or deletion:K"),
        ({"scores": "SAD,SAT"}, "--scores: no score 'SAT': expected some of SAD"),
        ({"scores": "SAD,SAD"}, "--scores: SAD,SAD names a score twice"),
        ({"scores": "SAD,REF"}, "--scores: REF is no effect of a mutation: name others"),
        ({"tracks": "dnase"}, "--tracks: no track 'dnase'"),
        ({"plots": "p", "plot-tracks": "1", "tracks": "0"}, "start_plus is not among the tracks"),
        ({"bed": "bad.bed"}, "bad.bed:1: chrI:0-20001 reaches beyond the end of chrI"),
        ({"bed": "many.bed", "plots": "p"}, "--plots would draw 120 figures: name tracks"),
        ({"fasta": "none.fa"}, "the FASTA file none.fa does not exist"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    tmp_path, inputs, changes, message, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("bad.bed").write_text("chrI\t0\t20001\n")
    Path("many.bed").write_text("chrI\t0\t20000\n" * 40)
    before = sorted(tmp_path.rglob("*"))
    result = mutate(inputs, **{"out": "x.h5", **changes})
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(rf"error: [^\n]*{message}[^\n]*\n", result.stderr), result.stderr
    assert sorted(tmp_path.rglob("*")) == before


# ---- figures ----


def test_importance_of_substitutions():
    effects = np.array([[0, -3, -2, -4], [6, 0, 0, 0], [np.nan] * 4], dtype=np.float32)
    np.testing.assert_array_equal(importance_of(effects, Mutations()), [3, -2, np.nan])


def test_importance_by_a_score_without_sign():
    effects = np.array([[0, 3, 2, 4], [np.nan] * 4], dtype=np.float32)
    found = importance_of(effects, Mutations(), signed=False)
    np.testing.assert_array_equal(found, [3, np.nan])


def test_importance_of_deletions_is_a_mean_over_those_that_take_the_base():
    effects = np.random.default_rng(0).normal(size=30).astype(np.float32)
    effects[[0, 1, 2, 3, 17]] = np.nan
    found = importance_of(effects, Mutations(4))
    for place in range(30):
        mine = effects[max(place - 3, 0) : place + 1]
        mine = mine[np.isfinite(mine)]
        expected = -mine.mean() if len(mine) else np.nan
        np.testing.assert_allclose(found[place], expected, rtol=1e-6)


def pixels(path):
    from matplotlib.image import imread

    return imread(path)


def test_figures_of_substitutions(tmp_path, inputs):
    pytest.importorskip("logomaker")
    (tmp_path / "x.bed").write_text("chrI\t4000\t5200\nchrII\t20\t70\n")
    result = mutate(
        inputs, out=tmp_path / "x.h5", bed=tmp_path / "x.bed", plots=tmp_path / "p",
        **{"plot-tracks": "2"},
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    names = [f"{place}.start_minus.SAD.png" for place in ("chrII_20_70", "chrI_4000_5200")]
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == sorted(names)
    short, long = (pixels(tmp_path / "p" / name) for name in names)
    # Rows of letters make a long interval's figure higher, not wider, and no higher than can be
    # looked at.
    assert short.shape[1] == long.shape[1]
    assert 4 * short.shape[0] < long.shape[0] < 4000
    # Both colours of the map are there: something goes up, something down.
    for image in (short, long):
        red, blue = image[..., 0] - image[..., 2], image[..., 2] - image[..., 0]
        assert ((red > 0.3).mean() > 0.002) & ((blue > 0.3).mean() > 0.002)


def test_figures_of_deletions_in_zarr(tmp_path, inputs):
    pytest.importorskip("logomaker")
    pytest.importorskip("zarr", "3")
    (tmp_path / "x.bed").write_text("chrII\t100\t112\n")
    result = mutate(
        inputs, out=tmp_path / "x.zarr", bed=tmp_path / "x.bed", mutations="deletion:3",
        tracks="start_plus", plots=tmp_path / "p",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    (figure,) = (tmp_path / "p").iterdir()
    assert figure.name == "chrII_100_112.start_plus.SAD.png"
    assert pixels(figure).std() > 0.05


def test_one_colour_has_one_meaning_in_a_map():
    codes, effects = np.zeros(120, dtype=np.uint8), np.zeros((120, 4), dtype=np.float32)
    effects[30:33, 1:], effects[60:63, 1:] = -2, 2
    figure = draw_map(
        Map(
            chrom="chrA",
            start=0,
            codes=codes,
            effects=effects,
            mutations=Mutations(None),
            title="atac",
            score="SAD",
            signed=True,
        )
    )
    bars = figure.axes[0].patches
    image = next(axes.images[0] for axes in figure.axes if axes.images)
    for place, effect in ((31, -2), (61, 2)):
        red, _, blue, _ = bars[place].get_facecolor()
        cell_red, _, cell_blue, _ = image.cmap(image.norm(effect))
        assert (red > blue) == (cell_red > cell_blue) == (effect > 0)
