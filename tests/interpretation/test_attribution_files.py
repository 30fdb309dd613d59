"""Every format holds the numbers that Python has; interrupted runs go on; errors are one line."""

from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pybigtools
import pytest
import zarr
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.app import app
from basenji_kipoi.interpretation import AttributionOptions, attribute_file
from basenji_kipoi.interpretation.attribution import run as runs

PLACES = [("chr1", 3000, 3064), ("chr2", 2950, 3014)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    letters = np.random.default_rng(3).choice(list("ACGT"), 6000)
    letters[3010:3012] = "N"
    letters = "".join(letters)
    (folder / "genome.fa").write_text(f">chr1\n{letters}\n>chr2\n{letters[1000:5000]}\n")
    lines = [f"{chrom}\t{start}\t{end}\tp{end}\n" for chrom, start, end in PLACES]
    (folder / "x.bed").write_text("".join(lines))
    (folder / "genes.gtf").write_text(
        'chr1\tx\ttranscript\t3001\t3900\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
        'chr1\tx\ttranscript\t2001\t3020\t.\t-\t.\tgene_id "G2";\n'
    )
    return folder


@pytest.fixture(scope="module")
def model(small_bundle):
    return bk.load(small_bundle.path)


@pytest.fixture(scope="module")
def found(files, model):
    return bk.attribute(model, files / "genome.fa", PLACES)


def write(files, model, out, **options):
    more = {name: options.pop(name) for name in ("resume", "overwrite", "plots") if name in options}
    described = AttributionOptions(**options)
    return attribute_file(model, files / "genome.fa", files / "x.bed", out, described, **more)


def test_results_are_taken_apart_by_interval_and_output(found):
    assert found.contributions.shape == (128, 3)
    one = found[1, "start_*"]
    np.testing.assert_array_equal(one.contributions, found.contributions[64:, 1:])
    np.testing.assert_array_equal(one.values, found.values[1:, 1:])
    assert (one.labels, len(one), one.positions[0]) == (["start_plus", "start_minus"], 1, 2950)
    np.testing.assert_array_equal(found[("chr2", 2950, 3014)].codes, found.codes[64:])
    table = found.to_dataframe()
    assert list(table.columns) == ["chrom", "position", "base", *found.labels]
    assert "".join(table.base) == found.sequence
    assert "Attributions by gradient: 2 intervals, 128 positions, 3 outputs" in repr(found)
    assert "Contributions by gradient" in found._repr_html_()


@pytest.mark.parametrize("suffix", ["h5", "zarr"])
def test_arrays_hold_what_python_has(files, model, found, suffix, tmp_path):
    out = tmp_path / f"x.{suffix}"
    summary = write(files, model, out)
    content = h5py.File(out) if suffix == "h5" else zarr.open_group(str(out), mode="r")
    for name in ("contributions", "hypothetical", "codes", "positions", "values", "sums"):
        np.testing.assert_allclose(content[name][:], getattr(found, name), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(content["intervals/offset"][:], [0, 64, 128])
    assert content.attrs["method"] == "gradient"
    gap = np.abs(found.sums - (found.values - found.background)).max(axis=0)
    expected = (gap / np.abs(found.values - found.background).max(axis=0)).max()
    assert summary.completeness == pytest.approx(expected, rel=1e-3)
    assert (summary.unknown, summary.positions) == (2, 128)
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name]


def test_arrays_for_motif_discovery(files, model, found, tmp_path):
    write(files, model, tmp_path / "x.npz", tracks="access,start_plus")
    with np.load(tmp_path / "x.ohe.npz") as content:
        letters = content["arr_0"]
    assert letters.shape == (2, 4, 64)
    np.testing.assert_array_equal(letters.sum(axis=1), (found.codes != 4).reshape(2, 64))
    for output, name in enumerate(["access", "start_plus"]):
        with np.load(tmp_path / f"x.shap.{name}.npz") as content:
            values = content["arr_0"]
        assert values.dtype == np.float32
        expected = found.hypothetical[:, :, output].reshape(2, 64, 4).transpose(0, 2, 1)
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-7)
        own = found.contributions[:, output].reshape(2, 64)
        np.testing.assert_allclose((values * letters).sum(axis=1), own, rtol=1e-5, atol=1e-7)


def test_bigwigs_hold_contributions_of_bases(files, model, found, tmp_path):
    write(files, model, tmp_path / "tracks")
    for output, name in enumerate(found.labels):
        with pybigtools.open(str(tmp_path / "tracks" / f"{name}.bw")) as track:
            for number, (chrom, start, end) in enumerate(PLACES):
                own = found.contributions[64 * number : 64 * (number + 1), output]
                np.testing.assert_allclose(
                    track.values(chrom, start, end, fillna=0), own, atol=1e-6
                )


def test_an_interrupted_run_goes_on(files, model, monkeypatch, tmp_path):
    options = {"method": "expected-gradients", "backgrounds": 2, "points": 2, "tracks": "0"}
    write(files, model, tmp_path / "whole.h5", **options)
    save, asked = runs.save_piece, []

    def stop_behind_the_first(path, found):
        if asked:
            raise KeyboardInterrupt
        asked.append(path)
        save(path, found)

    monkeypatch.setattr(runs, "save_piece", stop_behind_the_first)
    out = tmp_path / "x.h5"
    with pytest.raises(KeyboardInterrupt):
        write(files, model, out, **options)
    monkeypatch.undo()
    assert not out.exists()
    with pytest.raises(InputError, match="pass --resume to go on with it"):
        write(files, model, out, **options)
    with pytest.raises(InputError, match="was begun with another points"):
        write(files, model, out, resume=True, **{**options, "points": 3})
    write(files, model, out, resume=True, **options)
    with h5py.File(out) as one, h5py.File(tmp_path / "whole.h5") as other:
        np.testing.assert_array_equal(one["hypothetical"][:], other["hypothetical"][:])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.h5", "x.h5"]


def test_the_command(files, small_bundle, tmp_path):
    arguments = ["attribute", "--model", small_bundle.path, "--fasta", files / "genome.fa"]
    arguments += ["--genes", files / "genes.gtf", "--bed", files / "x.bed"]
    arguments += ["--out", tmp_path / "x.h5", "--plots", tmp_path / "figures"]
    arguments += ["--tracks", "start_*", "--length", 80, "--method", "gradient"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "2 intervals, 160 positions, 1 output," in result.output
    assert "completeness: sums of contributions differ" in result.output
    assert "unknown bases (N) contribute nothing" in result.output
    with h5py.File(tmp_path / "x.h5") as content:
        assert list(content["intervals/name"].asstr()) == ["p3064:one", "p3064:G2"]
        assert list(content["tracks/identifier"].asstr()) == ["start"]
        assert content.attrs["command"].startswith("basenji ")
    drawn = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert drawn == [f"chr1_2992_3072.p3064_{name}.start.png" for name in ("G2", "one")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--out": "x.txt"}, "error: the output x.txt names no known format: use .h5, .zarr, .npz"),
        ({"--bed": None}, "error: nothing to explain: pass intervals (--bed), genes (--genes)"),
        ({"--gene": "G1"}, "error: --gene needs the annotation that it is in: pass --genes"),
        ({"--tracks": "sample:b"}, "error: --tracks: no track of sample 'b': there is a"),
        ({"--bed": "long.bed"}, "error: chr1:100-5000 is longer than the window of 2,048 bp"),
        ({"--bed": "two.bed", "--out": "x.npz"}, "error: .npz holds intervals of one length"),
        ({"--bed": "same.bed", "--out": "x"}, "overlap, and a bigWig holds one value a base"),
    ],
)
def test_errors_are_one_line_before_keras_is_imported(
    files, small_bundle, changes, message, tmp_path, monkeypatch
):
    (tmp_path / "long.bed").write_text("chr1\t100\t5000\n")
    (tmp_path / "two.bed").write_text("chr1\t3000\t3100\nchr1\t3000\t3200\n")
    (tmp_path / "same.bed").write_text("chr1\t3000\t3100\nchr1\t3050\t3200\n")
    options = {
        "--model": small_bundle.path,
        "--fasta": files / "genome.fa",
        "--bed": files / "x.bed",
        "--out": "x.h5",
        **changes,
    }
    given = [str(each) for pair in options.items() if pair[1] is not None for each in pair]
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom basenji_kipoi.cli.app import app\n"
        f"result = CliRunner().invoke(app, {['attribute', *given]!r})\n"
        "print(result.output)\nassert 'keras' not in sys.modules\nsys.exit(result.exit_code)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2, run.stderr
    assert message in run.stdout
    assert len(run.stdout.strip().splitlines()) == 1
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"long.bed", "two.bed", "same.bed"}
