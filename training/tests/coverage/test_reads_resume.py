"""Coverage that is interrupted anywhere and resumed is that of an unbroken call."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time

import pysam
import pytest
from second_call import assert_kept_out
from simulated_reads import simulate_reads, write_bam, write_fasta

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.unfinished import UnfinishedRun, unfinished_folder
from basenji_training.coverage.run import make_coverage
from basenji_training.reads import step_results
from basenji_training.reads.settings import Settings

STRANDED = Settings(
    mode="cut", stranded=True, gc=True, smooth_sd=2, min_mapq=0, fragment_length=100
)
UNSTRANDED = Settings(mode="cut", gc=True, smooth_sd=2, min_mapq=0, fragment_length=100)


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """Write two files of reads, whose alignments are told by tags and by names, and fragments."""
    folder = tmp_path_factory.mktemp("reads")
    simulated = simulate_reads(
        {"chr1": 30_000, "chr2": 20_000, "chr10": 6000}, families=2, copies=2, depth=0.1, seed=1
    )
    fragments = folder / "fragments.bed"
    fragments.write_text("chr1\t10\t260\nchr10\t20\t300\nchr2\t2000\t2100\n" * 200)
    return {
        "fasta": write_fasta(folder / "g.fa", simulated.sequences),
        "tagged": write_bam(folder / "tagged.bam", simulated, tags="NH"),
        "named": write_bam(folder / "named.bam", simulated, tags="names"),
        "fragments": fragments,
    }


def outputs(folder):
    """Read all outputs, without the time and the command."""
    found = {path.name: path.read_bytes() for path in folder.glob("*.bw")}
    table = json.loads((folder / "x.json").read_text())
    del table["created"], table["command"]
    assert (folder / "x.html").stat().st_size > 10_000
    return found, table


def interrupted_at(monkeypatch, number, folder):
    """Let a call be killed when its step ``number`` has written its files and not yet said so."""
    count, known = 0, {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    def place(path):
        nonlocal count, known
        count += 1
        now = {each: each.stat().st_mtime_ns for each in path.parent.iterdir() if each.is_file()}
        if count == number:
            for each, changed in now.items():
                if known.get(each) != changed and each.suffix not in (".npz", ".bai"):
                    # A file that the step was writing.
                    each.write_bytes(each.read_bytes() + b"half of a row")
        if count >= number:
            raise KeyboardInterrupt
        known = now
        return atomic_path(path)

    monkeypatch.setattr(step_results, "atomic_path", place)


@pytest.mark.parametrize(
    ("names", "settings"),
    [(("tagged", "named"), STRANDED), (("fragments", "named"), UNSTRANDED)],
    ids=["alignments", "fragments"],
)
def test_interrupted_at_any_step_it_goes_on_to_the_same(
    reads, names, settings, tmp_path, monkeypatch
):
    files = [reads[name] for name in names]
    arguments = {"settings": settings, "fasta": reads["fasta"]}
    whole = tmp_path / "whole"
    whole.mkdir()
    make_coverage(files, whole / "x.bw", **arguments)
    assert len(list(whole.iterdir())) == len(settings.tracks) + 2
    folder = tmp_path / "resumed"
    folder.mkdir()
    calls = 0
    while True:
        done = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
        # Each call but the first takes one step, and is stopped at the next.
        interrupted_at(monkeypatch, 1 if calls == 0 else 2, folder)
        try:
            make_coverage(files, folder / "x.bw", resume=True, **arguments)
        except KeyboardInterrupt:
            now = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
            assert now.items() >= done.items()
            assert len(now) == calls
            assert all(path.suffix == ".unfinished" for path in folder.iterdir())
            calls += 1
            continue
        break
    assert calls > 15
    assert outputs(folder) == outputs(whole)
    assert len(list(folder.iterdir())) == len(settings.tracks) + 2


def arguments(reads, folder):
    return [
        "coverage", str(reads["named"]), "--assay", "dnase", "--smooth", "2", "--min-mapq", "0",
        "--fragment-length", "100", "--fasta", str(reads["fasta"]),
        "--out", str(folder / "x.bw"),
    ]  # fmt: skip


@pytest.mark.parametrize("options", [["--resume"], []], ids=["kept", "killed"])
def test_killed_at_random_it_goes_on_to_the_same(reads, options, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    make_coverage([reads["named"]], whole / "x.bw", UNSTRANDED, fasta=reads["fasta"])
    command = [sys.executable, "-m", "basenji_training", *arguments(reads, tmp_path)]
    left = unfinished_folder(tmp_path / "x.bw")
    wanted = random.Random(os.getpid()).randint(1, 8)
    with subprocess.Popen([*command, *options]) as process:
        deadline = time.monotonic() + 600
        while process.poll() is None and len(list(left.glob("pieces/*.npz"))) < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
    assert not (tmp_path / "x.bw").exists(), f"finished before step {wanted} was seen"
    steps = {path.name: path.stat().st_mtime_ns for path in left.glob("pieces/*.npz")}
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "holds the work of an interrupted run: pass --resume to go on" in refused.stderr
    now = {path.name: path.stat().st_mtime_ns for path in left.glob("pieces/*.npz")}
    assert now == steps
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert outputs(tmp_path) == outputs(whole)
    assert not left.exists()


def test_a_second_call_at_the_same_time_is_kept_out(reads, tmp_path, monkeypatch):
    calls = 0

    def place(path):
        nonlocal calls
        calls += 1
        if calls == 3:
            assert_kept_out(*arguments(reads, tmp_path))
        return atomic_path(path)

    monkeypatch.setattr(step_results, "atomic_path", place)
    make_coverage([reads["named"]], tmp_path / "x.bw", UNSTRANDED, fasta=reads["fasta"])
    assert calls > 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bw", "x.html", "x.json"]


def test_a_step_whose_result_is_damaged_is_named(reads, tmp_path, monkeypatch):
    def make(**options):
        make_coverage(
            [reads["tagged"]], tmp_path / "x.bw", UNSTRANDED, fasta=reads["fasta"], **options
        )

    with monkeypatch.context() as context:
        interrupted_at(context, 9, tmp_path)
        with pytest.raises(KeyboardInterrupt):
            make(resume=True)
    step = unfinished_folder(tmp_path / "x.bw") / "pieces" / "read.0.1.npz"
    step.write_bytes(step.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"read\.0\.1\.npz is damaged .*: begin anew, with"):
        make(resume=True)
    make(overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bw", "x.html", "x.json"]


@pytest.mark.parametrize("resume", [False, True])
def test_what_an_older_version_left_is_refused(reads, tmp_path, resume):
    # As version 1 left it: its steps' results could run code when they are read.
    left = tmp_path / ".x.bw.unfinished"
    left.mkdir()
    content = {"settings": {}, "inputs": [], "versions": {}}
    (left / "plan.json").write_text(json.dumps(content))
    (left / "read.0.0.done").write_bytes(b"\x80\x05cos\nsystem\n")
    (left / "0.0.rows").write_bytes(b"rows")
    with pytest.raises(InputError, match=r"\.x\.bw\.unfinished is of another version"):
        make_coverage([reads["tagged"]], tmp_path / "x.bw", Settings(mode="cut"), resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == [left.name]
    assert len(list(left.iterdir())) == 3
    make_coverage([reads["tagged"]], tmp_path / "x.bw", Settings(mode="cut"), overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bw", "x.html", "x.json"]


def test_interrupted_between_its_outputs_it_goes_on(reads, tmp_path, monkeypatch):
    def make():
        make_coverage(
            [reads["tagged"]], tmp_path / "x.bw", UNSTRANDED, fasta=reads["fasta"], resume=True
        )

    def stop(_run):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(UnfinishedRun, "_discard", stop)
        with pytest.raises(KeyboardInterrupt):
            make()
    expected = outputs(tmp_path)
    (tmp_path / "x.html").unlink()
    make()
    assert outputs(tmp_path) == expected
    # Now it is complete, and a stranger to another call.
    with pytest.raises(InputError, match="exists already"):
        make()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bw", "x.html", "x.json"]


def test_other_inputs_and_settings_are_not_gone_on_with(reads, tmp_path, monkeypatch):
    bam = tmp_path / "reads.bam"
    bam.write_bytes(reads["tagged"].read_bytes())
    pysam.index(str(bam))
    out = tmp_path / "out"
    out.mkdir()

    def begin(settings, **arguments):
        with monkeypatch.context() as context:
            interrupted_at(context, 3, out)
            with pytest.raises(KeyboardInterrupt):
                make_coverage([bam], out / "x.bw", settings, resume=True, **arguments)

    raw, wide = Settings(mode="cut", min_mapq=0), Settings(mode="cut", min_mapq=0, smooth_sd=4)
    begin(raw)
    with pytest.raises(InputError, match=r"begun with another smooth_sd \(0.0, now 4.0\)"):
        make_coverage([bam], out / "x.bw", wide, resume=True)
    begin(wide, overwrite=True)
    # The same reads, written again.
    bam.write_bytes(bam.read_bytes())
    pysam.index(str(bam))
    with pytest.raises(InputError, match="begun with another reads "):
        make_coverage([bam], out / "x.bw", wide, resume=True)
    make_coverage([bam], out / "x.bw", wide, resume=True, overwrite=True)
    make_coverage([bam], tmp_path / "x.bw", wide)
    assert outputs(out) == outputs(tmp_path)
    assert sorted(path.name for path in out.iterdir()) == ["x.bw", "x.html", "x.json"]


def test_files_of_one_name_have_indices_of_their_own(reads, tmp_path):
    files = []
    for name in ("tagged", "named"):
        files.append(tmp_path / name / "reads.bam")
        files[-1].parent.mkdir()
        files[-1].write_bytes(reads[name].read_bytes())
    settings = Settings(mode="cut", min_mapq=0)
    make_coverage(files, tmp_path / "x.bw", settings)
    both = outputs(tmp_path)[0]
    make_coverage([reads["tagged"], reads["named"]], tmp_path / "x.bw", settings, overwrite=True)
    assert outputs(tmp_path)[0] == both
