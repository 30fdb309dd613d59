"""Runs that are interrupted anywhere go on and end as if they had not been."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.unfinished import UnfinishedRun, unfinished_folder

SETTINGS = {"model": ["abc"], "scores": ["SAD"]}
PIECES = 5


def begin(out, settings=SETTINGS, *, resume=False, overwrite=False, **more):
    outputs = [out, out.with_name("more.txt")]
    return UnfinishedRun(
        outputs, "basenji test", settings, command="the command", resume=resume,
        overwrite=overwrite, **more,
    )  # fmt: skip


def work(out, *, step=lambda: None, **options):
    """Write two outputs from five pieces; returns the numbers of those that were made now."""
    made = []
    with begin(out, **options) as run:
        for number in range(PIECES):
            step()
            if not run.has(f"{number}.txt"):
                with run.piece(f"{number}.txt") as path:
                    path.write_text(f"{number}\n")
                    step()
                made.append(number)
        step()
        for output in run.outputs:
            run.output(output).write_text(
                "".join(run.path(f"{number}.txt").read_text() for number in range(PIECES))
            )
            step()
        run.place()
    return made


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


WHOLE = dict.fromkeys(("out.txt", "more.txt"), "0\n1\n2\n3\n4\n")


class InterruptedRunError(Exception):
    """Stands for whatever ends a run."""


def stop_at(number):
    """Return what raises when it is called for the nth time."""
    calls = iter(range(1000))

    def step():
        if next(calls) == number:
            raise InterruptedRunError

    return step


@pytest.mark.parametrize("number", range(2 * PIECES + 3))
def test_an_interrupted_run_goes_on_wherever_it_was(tmp_path, number):
    out = tmp_path / "out.txt"
    with pytest.raises(InterruptedRunError):
        work(out, step=stop_at(number))
    assert not out.exists()
    before = [path.name for path in (unfinished_folder(out) / "pieces").glob("*.txt")]
    made = work(out, resume=True)
    assert len(made) == PIECES - len(before)
    assert contents(tmp_path) == WHOLE
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(WHOLE)


def work_until_killed(out, steps):
    """Work in another process, which ends without a word before a step that changes the disk."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    left = steps

    def killing(function):
        def inner(*arguments, **options):
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return function(*arguments, **options)

        return inner

    for name in ("rename", "replace", "mkdir", "unlink", "rmdir"):
        setattr(os, name, killing(getattr(os, name)))
    Path.touch = killing(Path.touch)
    try:
        work(out, resume=True)
    finally:
        os._exit(0 if out.exists() and not unfinished_folder(out).exists() else 1)


def test_a_killed_run_goes_on_wherever_it_was(tmp_path):
    for steps in range(200):
        folder = tmp_path / str(steps)
        folder.mkdir()
        out = folder / "out.txt"
        status = work_until_killed(out, steps)
        is_complete = contents(folder) == WHOLE
        if is_complete:
            with contextlib.suppress(InputError):  # the outputs exist already
                work(out, resume=True)
        else:
            work(out, resume=True)
        assert contents(folder) == WHOLE
        assert sorted(path.name for path in folder.iterdir()) == sorted(WHOLE)
        if status == 0:
            break
        assert status == 9
    assert steps > 4 * PIECES


def test_what_is_unfinished_is_neither_taken_nor_removed_unasked(tmp_path):
    out = tmp_path / "out.txt"
    with pytest.raises(InterruptedRunError):
        work(out, step=stop_at(4))
    with pytest.raises(InputError, match=r"--resume to go on with it, or --overwrite"):
        work(out)
    with pytest.raises(InputError, match=r'another scores \(\["SAD"\], now \["JS"\]\)'):
        work(out, settings={**SETTINGS, "scores": ["JS"]}, resume=True)
    assert work(out, overwrite=True) == list(range(PIECES))


@pytest.mark.parametrize("settings", [SETTINGS, {**SETTINGS, "scores": ["D1"]}])
def test_a_run_of_other_settings_begins_anew_where_that_is_asked(tmp_path, settings):
    out = tmp_path / "out.txt"
    with pytest.raises(InterruptedRunError):
        work(out, step=stop_at(5))
    is_same = settings == SETTINGS
    made = work(out, settings=settings, resume=True, overwrite=True)
    # What is finished is taken only if it was made with the same settings.
    assert made == list(range(PIECES))[2 if is_same else 0 :]
    assert contents(tmp_path) == WHOLE


def test_a_run_of_another_command_is_not_gone_on_with(tmp_path):
    out = tmp_path / "out.txt"
    with pytest.raises(InterruptedRunError):
        work(out, step=stop_at(4))
    other = UnfinishedRun([out], "other", SETTINGS, command="", resume=True, overwrite=False)
    with pytest.raises(InputError, match=r"another command \(basenji test\)"), other:
        pass


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.txt.unfinished", {"settings": SETTINGS}),
        ("out.txt.unfinished", {"format": "basenji-run", "format_version": 0}),
        ("out.txt.unfinished", "no JSON"),
        ("out.txt.parts", {"settings": SETTINGS, "command": "x"}),
        (".out.txt.unfinished", None),
    ],
)
@pytest.mark.parametrize("resume", [False, True])
def test_what_an_older_version_left_is_refused(tmp_path, name, content, resume):
    out, folder = tmp_path / "out.txt", tmp_path / name
    folder.mkdir()
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "run.json").write_text(text)
    with pytest.raises(InputError, match="is of another version, which cannot be gone on with"):
        work(out, resume=True)
    assert (folder / "run.json").read_text() == text
    work(out, resume=resume, overwrite=True)
    assert not folder.exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_the_user_is_not_touched(tmp_path, overwrite):
    folder = tmp_path / "out.txt.unfinished"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match=r"holds thesis.tex, which is not of one"):
        work(tmp_path / "out.txt", overwrite=overwrite)
    assert (folder / "thesis.tex").read_text() == "mine"


def test_two_equal_runs_do_not_meet(tmp_path):
    out = tmp_path / "out.txt"
    with begin(out) as run, run.piece("0.txt") as path:
        path.write_text("0\n")
        for overwrite in (False, True):
            with pytest.raises(InputError, match=r"another run is writing .*out.txt"):
                work(out, overwrite=overwrite)
    assert work(out, resume=True) == [1, 2, 3, 4]


def test_an_existing_output_is_refused_before_any_work(tmp_path):
    out = tmp_path / "out.txt"
    out.with_name("more.txt").write_text("there")
    with pytest.raises(InputError, match=r"more.txt exists already"):
        work(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more.txt"]
    work(out, overwrite=True)
    assert contents(tmp_path) == WHOLE


def test_notes_survive_but_for_a_line_that_was_cut(tmp_path):
    out = tmp_path / "out.txt"
    with begin(out) as run:
        run.note(("chr1", 0), [1.5, None])
        run.note("b", 2)
    notes = unfinished_folder(out) / "notes.jsonl"
    notes.write_text(notes.read_text()[:-3])
    with begin(out, resume=True) as run:
        assert run.notes == {("chr1", 0): [1.5, None]}
        run.note("c", 3)
    with begin(out, resume=True) as run:
        assert run.notes == {("chr1", 0): [1.5, None], "c": 3}


@pytest.mark.parametrize(
    "damage", ["5", '[["a"]]', '[[["a"]], 1]', "[{}, 1]", '["b", 2', b"\xff\x00"]
)
def test_a_damaged_note_is_as_if_it_were_not_there(tmp_path, damage):
    out = tmp_path / "out.txt"
    with begin(out) as run:
        run.note("a", 1)
    with (unfinished_folder(out) / "notes.jsonl").open("ab") as notes:
        notes.write(damage if isinstance(damage, bytes) else damage.encode())
    with begin(out, resume=True) as run:
        run.note("c", 3)
    with begin(out, resume=True) as run:
        assert run.notes == {"a": 1, "c": 3}


def test_an_output_that_grows_stays_where_it_is(tmp_path):
    out = tmp_path / "store"
    options = {"kind": "x", "settings": {}, "command": "", "grows_outputs": True}
    with UnfinishedRun([out], resume=False, overwrite=False, **options) as run:
        run.output(out).mkdir()
        (run.output(out) / "a").write_text("a")
        run.note("a", 1)
    with UnfinishedRun([out], resume=True, overwrite=False, **options) as run:
        assert run.is_resumed
        assert not run.is_placed
        assert (run.output(out) / "a").read_text() == "a"
        run.place()
    assert [path.name for path in out.iterdir()] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_was_taken_from_a_growing_output_is_made_again(tmp_path):
    out = tmp_path / "store"
    options = {"kind": "x", "settings": {}, "command": "", "grows_outputs": True}
    with UnfinishedRun([out], resume=False, overwrite=False, **options) as run:
        run.output(out).mkdir()
        run.note("a", 1)
    run.output(out).rmdir()
    with UnfinishedRun([out], resume=True, overwrite=False, **options) as run:
        assert not run.is_resumed
        assert not run.is_placed
        assert run.notes == {}


def test_nothing_is_kept_where_that_is_not_wanted(tmp_path):
    with pytest.raises(InterruptedRunError):
        work(tmp_path / "out.txt", step=stop_at(4), keep=False)
    assert list(tmp_path.iterdir()) == []
