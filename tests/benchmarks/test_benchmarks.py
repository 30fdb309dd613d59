"""The benchmark programs: what they measure is there and is formatted truthfully."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from published_files import KERAS_FILE, PARAMS_2020

from basenji_kipoi.base.errors import InputError

OTHER = str.maketrans("ACGT", "GTCA")
FOLDER = Path(__file__).parents[2] / "benchmarks" / "speed"


@pytest.fixture(scope="module")
def resources():
    spec = importlib.util.spec_from_file_location("resources", FOLDER / "resources.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_benchmarks_import_nothing_of_the_tests():
    root = FOLDER.parents[1]
    helpers = {
        path.stem for tests in ("tests", "training/tests") for path in (root / tests).glob("*.py")
    }
    programs = list(FOLDER.parent.rglob("*.py"))
    assert len(programs) > 15
    for program in programs:
        text = program.read_text()
        imported = set(re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE))
        assert not imported & helpers, program
        assert '"tests"' not in text, program  # nor on the path


def row(windows, seconds):
    stage = {"seconds": 0.5, "peak_bytes": 2**30}
    stages = dict.fromkeys(("import", "load", "first window", "one window"), stage)
    return {
        "name": "net",
        "dtype": "float32",
        "window": 2048,
        "tracks": 3,
        "parameters": 2_500_000,
        "windows": windows,
        "batch": 8,
        "stages": {**stages, "many windows": {"seconds": seconds, "peak_bytes": 2**31}},
    }


HOST = {
    "processor": "P",
    "cores": 2,
    "bfloat16": [],
    "memory_bytes": 2**34,
    "python": "3",
    "versions": {"keras": "3"},
}


def test_a_thousand_measured_windows_are_given_as_they_are(resources):
    table = resources.table([row(1000, 12.0)], HOST)
    assert table.splitlines()[2].endswith("| 12.0 s, 2.00 GiB, batches of 8 |")


def test_fewer_windows_are_marked_as_an_estimate(resources):
    table = resources.table([row(4, 8.0)], HOST)
    assert table.splitlines()[2].endswith("| about 2,000 s, 2.00 GiB: 4 windows measured |")


def test_the_table_replaces_only_what_is_between_its_marks(resources, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{resources.BEGIN}\nold\n{resources.END}\nafter\n")
    resources.replace_table(page, "new")
    assert page.read_text() == f"before\n{resources.BEGIN}\nnew\n{resources.END}\nafter\n"


def test_a_page_without_marks_is_refused(resources, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(InputError, match=r"page\.md: expected the lines"):
        resources.replace_table(page, "new")
    assert page.read_text() == "nothing\n"


def test_a_network_is_measured_in_a_process_of_its_own(small_bundle):
    command = [sys.executable, str(FOLDER / "measure_network.py"), "--bundle"]
    command += [str(small_bundle.path), "--dtype", "float32", "--windows", "5", "--batch", "2"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures = json.loads(done.stdout)
    assert figures["window"] == small_bundle.architecture.window
    assert figures["tracks"] == len(small_bundle.targets)
    stages = figures["stages"]
    assert list(stages) == ["import", "load", "first window", "one window", "many windows"]
    assert all(stage["seconds"] > 0 for stage in stages.values())
    peaks = [stage["peak_bytes"] for stage in stages.values()]
    assert peaks == sorted(peaks)
    assert peaks[0] > 2**26  # TensorFlow alone is larger


def test_published_files_are_measured_too():
    command = [sys.executable, str(FOLDER / "measure_network.py"), "--h5", str(KERAS_FILE)]
    command += ["--params", str(PARAMS_2020), "--dtype", "float32", "--windows", "2"]
    done = subprocess.run([*command, "--batch", "2"], check=True, stdout=subprocess.PIPE, text=True)
    figures = json.loads(done.stdout)
    assert (figures["window"], figures["tracks"]) == (16_384, 6)
    assert figures["parameters"] == 66_962


@pytest.mark.parametrize("case", ["shared", "grid"])
def test_incremental_inference_is_measured_part_by_part(case, tmp_path):
    out = tmp_path / "incremental.json"
    command = [sys.executable, str(FOLDER / "incremental.py"), "--out", str(out)]
    command += ["--network", "small:3", "--case", case, "--variants", "5", "--batch-size", "2"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    (row,) = json.loads(out.read_text())["measurements"]
    assert (row["network"], row["tracks"], row["case"], row["variants"]) == ("small", 3, case, 5)
    assert all(seconds >= 0 for seconds in row["parts"].values())
    if case == "grid":
        assert sum(row["parts"].values()) == pytest.approx(row["seconds"])
    assert row["ratio"] == pytest.approx(row["plain_seconds"] / row["seconds"])
    assert 0 < row["error"] < 1e-5
    assert f"| small | 3 | {case} | 5 |" in done.stdout


def test_a_network_without_tracks_is_refused(tmp_path):
    command = [sys.executable, str(FOLDER / "incremental.py"), "--network", "small"]
    command += ["--out", str(tmp_path / "a.json")]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "error: --network small: expected PRESET:TRACKS" in done.stderr


@pytest.mark.slow
def test_kipoi_veff_is_measured_with_and_without_sharing(tmp_path):
    out = tmp_path / "kipoi_veff.json"
    command = [sys.executable, str(FOLDER / "kipoi_veff.py"), "--out", str(out)]
    command += ["--network", "small", "--tracks", "3", "--span", "2000", "--batch-size", "4"]
    command += ["--variants", "5", "--off-variants", "3"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads(out.read_text())
    # So few variants take less than the program's start varies: only what is measured is there.
    assert (result["on"]["variants"], result["off"]["variants"]) == (5, 3)
    assert result["off_seconds"] == pytest.approx(result["off"]["seconds"] / 3 * 5)
    assert result["errors"]["ref"] < 1e-5
    assert min(result[setting]["peak_bytes"] for setting in ("on", "off")) > 2**26
    assert "| small | 3 | 5 | 2 kb |" in done.stdout


@pytest.mark.slow
def test_a_killed_and_resumed_run_equals_one_in_shards(small_bundle, tmp_path):
    random = np.random.default_rng(8)
    letters = "".join(random.choice([*"ACGT"], 20_000))
    (tmp_path / "genome.fa").write_text(f">one\n{letters}\n")
    rows = "".join(
        f"one\t{pos}\t.\t{letters[pos - 1]}\t{letters[pos - 1].translate(OTHER)}\t.\t.\t.\n"
        for pos in range(3000, 9000, 20)
    )
    header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "in.vcf").write_text(header + rows)
    command = [sys.executable, str(FOLDER / "interrupted_score.py"), "--model"]
    command += [str(small_bundle.path), "--fasta", str(tmp_path / "genome.fa"), "--vcf"]
    command += [str(tmp_path / "in.vcf"), "--out", str(tmp_path / "out"), "--part-size", "10"]
    command += ["--window", "centred", "--kills", "1"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads((tmp_path / "out" / "interrupted.json").read_text())
    assert (result["alleles"], result["same"]) == (300, True)
    assert (tmp_path / "out" / "memory.png").stat().st_size > 5000
    assert "| 300 |" in done.stdout


def test_a_figure_of_a_deletion(tmp_path, small_bundle):
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 9000))
    (tmp_path / "x.fa").write_text(f">chr1\n{letters}\n")

    def run(variant):
        command = [
            sys.executable,
            FOLDER.parent / "truth" / "indel_modes.py",
            "--model",
            small_bundle.path,
        ]
        command += ["--fasta", tmp_path / "x.fa", "--variant", variant, "--track", "0"]
        command += ["--out", tmp_path / "x.png"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    wrong = run(f"chr1:5000:{letters[4999:5003].translate(OTHER)}:A")
    assert wrong.returncode == 2
    assert "is not the genome's sequence" in wrong.stderr
    done = run(f"chr1:5000:{letters[4999:5003]}:{letters[4999]}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
