"""Output appears whole or not at all, and nothing is left beside it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from basenji_kipoi.base.atomic import atomic_path, check_output, remove_leftovers
from basenji_kipoi.base.errors import InputError


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    out = tmp_path / "out.tsv.gz"
    with atomic_path(out) as temporary:
        assert temporary.suffixes == out.suffixes
        assert not temporary.exists()
        temporary.write_text("complete")
        assert not out.exists()
    assert out.read_text() == "complete"
    assert names(tmp_path) == ["out.tsv.gz"]


def test_a_directory_appears_when_it_is_complete(tmp_path):
    out = tmp_path / "bundle"
    with atomic_path(out) as temporary:
        temporary.mkdir()
        (temporary / "part").write_text("complete")
        assert not out.exists()
    assert (out / "part").read_text() == "complete"
    assert names(tmp_path) == ["bundle"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_failure(tmp_path, error):
    def write():
        with atomic_path(tmp_path / "out") as temporary:
            temporary.mkdir()
            (temporary / "part").write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == []


def test_a_failure_leaves_the_earlier_output(tmp_path):
    out = tmp_path / "out"
    out.write_text("earlier")

    def write():
        with atomic_path(out, overwrite=True) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert out.read_text() == "earlier"
    assert names(tmp_path) == ["out"]


def test_a_body_that_writes_nothing_leaves_the_earlier_output(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "part").write_text("earlier")

    def write_nothing():
        with atomic_path(out, overwrite=True):
            pass

    with pytest.raises(FileNotFoundError):
        write_nothing()
    assert (out / "part").read_text() == "earlier"
    assert names(tmp_path) == ["out"]


def test_existing_output_is_kept_unless_it_may_be_replaced(tmp_path):
    out = tmp_path / "out"
    out.write_text("earlier")
    with pytest.raises(InputError, match=r"out exists already: .* --overwrite"):
        check_output(out, overwrite=False)
    with atomic_path(out, overwrite=True) as temporary:
        temporary.write_text("later")
    assert out.read_text() == "later"


@pytest.mark.parametrize("earlier", ["file", "directory"])
@pytest.mark.parametrize("later", ["file", "directory"])
def test_one_kind_replaces_the_other(tmp_path, earlier, later):
    out = tmp_path / "out"
    for kind in (earlier, later):
        with atomic_path(out, overwrite=True) as temporary:
            if kind == "file":
                temporary.write_text(kind)
            else:
                temporary.mkdir()
                (temporary / "new" if kind is later else temporary / "old").write_text(kind)
    assert out.is_dir() == (later == "directory")
    assert names(tmp_path) == ["out"]


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path):
    # As a kill leaves it: the process ends within the block, and no cleaning up runs.
    script = (
        "import os; from basenji_kipoi.base.atomic import atomic_path\n"
        "with atomic_path('x.h5') as path: path.write_text('half'); os._exit(9)"
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False)
    assert killed.returncode == 9
    left = names(tmp_path)
    assert len(left) == 1
    assert left[0].startswith(".x.h5.")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".notes.abcdefgh").write_text("a file of the user's")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".git", ".notes.abcdefgh"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"does not exist: create .*nowhere first"):
        check_output(tmp_path / "nowhere" / "out", overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o500)
    with pytest.raises(InputError, match=r"not writable: .*kept"):
        check_output(folder / "out", overwrite=False)


def test_a_name_without_a_folder_is_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with atomic_path("out") as temporary:
        temporary.write_text("x")
    assert names(tmp_path) == ["out"]
