"""Commands of the pages: the programs know their options, and what can be run is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from page_commands import (
    PAGES,
    blocks,
    command_lines,
    mistake,
    mistakes,
    name,
    program_mistake,
)

from basenji_kipoi.cli.app import app

# Its commands import no library of its environment before they run.
sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))

from basenji_training.cli.app import app as training


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
