"""Commands of the pages: the programs know their options, and what can be run is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from page_commands import (
    PAGES,
    REASONS,
    blocks,
    command_lines,
    mistake,
    mistakes,
    name,
    program_mistake,
    to_run,
)

from basenji_kipoi.cli.app import app

# Its commands import no library of its environment before they run.
REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.append(str(REPOSITORY / "training"))

from basenji_training.cli.app import app as training  # noqa: E402 - the line before finds it


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_have_the_options_that_they_are_given(page):
    assert mistakes(app, "basenji", page) + mistakes(training, "basenji-train", page) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_programs_and_targets_that_are_started_exist(page):
    found = []
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "sh":
            found += [
                said for words in command_lines(block.text) if (said := program_mistake(words))
            ]
    assert found == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_not_run_says_why(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        assert not block.reason or block.reason in REASONS, f"{name(page)}:{block.line}"


RUN = [page for page in PAGES if to_run(page)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone of the working tree, with the environment of this one."""
    if not (REPOSITORY / ".git").exists() or not (REPOSITORY / ".venv/bin/activate").exists():
        pytest.skip("this is no clone with its environment (make install)")
    folder = tmp_path_factory.mktemp("clone")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for each in filter(None, files.stdout.split("\0")):
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / each, folder / each, follow_symlinks=False)
    # As make install leaves it.
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    (folder / "build").mkdir()
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    return folder


def git(folder, *arguments):
    run = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=name)
def test_what_can_be_run_runs_and_leaves_nothing_in_the_clone(page, clone):
    # Pages may write files of the same name.
    shutil.rmtree(clone / "build")
    (clone / "build").mkdir()
    environment = {**os.environ, "PATH": f"{clone}/.venv/bin:{os.environ['PATH']}"}
    for block in to_run(page):
        start = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": ["python", "-c"]}
        ran = subprocess.run(
            [*start[block.language], block.text],
            cwd=clone, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, f"{name(page)}:{block.line}\n{ran.stderr}"
    # .venv is no folder here, hence not what .gitignore means.
    new = git(clone, "ls-files", "--others", "--exclude-standard").split()
    assert set(new) <= {".venv"}
    assert git(clone, "diff", "--name-only") == ""


def test_what_is_planted_is_found():
    page = """\
<!-- not run: minutes -->
```sh
source x && FOO=1 make nothing  # a comment: it's none
basenji predict --model m \\
    --fasta "a b.fa" --bed x.bed --out x.h5 | head -3 > y
```

  ```python
  x = 1
  ```
"""
    shell, python = blocks(page)
    assert (shell.language, shell.line, shell.reason) == ("sh", 2, "minutes")
    assert (python.language, python.text, python.reason) == ("python", "x = 1\n", "")
    lines = list(command_lines(shell.text))
    assert lines[2][:5] == ["basenji", "predict", "--model", "m", "--fasta"]
    assert [mistake(app, words) for words in lines if words[0] == "basenji"] == [""]
    assert "No such command" in mistake(app, ["basenji", "predikt"])
    assert "--fast" in mistake(app, [*lines[2], "--fast"])
    assert "Missing option" in mistake(app, ["basenji", "predict", "--model", "m"])
    assert mistake(app, ["basenji", "predict", "--model", "m", "…"]) == ""
    assert program_mistake(["make", "nothing"]) == "make has no target nothing"
    assert "no option" in program_mistake(["python", "examples/run_example.py", "--outt", "x"])
    assert "there is no" in program_mistake(["python", "examples/nothing.py"])
    assert not program_mistake(["python", "examples/run_example.py", "--out", "--outt x"])
