"""The tutorials: what is stored in them is whole, and they run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "docs" / "tutorials").glob("*.ipynb"))
#: Those that take less than 20 s; the others are run with the slow tests.
QUICK = ("first-predictions", "variant")
TOOLS = REPOSITORY / ".tools" / "tutorials"


def name(notebook):
    return notebook.stem


def cells_of(notebook, kind):
    return [each for each in json.loads(notebook.read_text())["cells"] if each["cell_type"] == kind]


def environment_of(notebook):
    """Find the environment that the Makefile runs a notebook in."""
    makefile = (REPOSITORY / "Makefile").read_text()
    training = re.search(r"^TRAINING_TUTORIALS := (.+)$", makefile, re.MULTILINE)[1]
    return ".venv-training" if notebook.stem in training.split() else ".venv"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_what_a_notebook_shows_is_stored(notebook):
    cells = cells_of(notebook, "code")
    numbers = [each["execution_count"] for each in cells]
    assert numbers == list(range(1, len(cells) + 1)), "run all of it: make tutorials"
    outputs = [output for each in cells for output in each["outputs"]]
    assert outputs
    assert not [each for each in outputs if each["output_type"] == "error"]
    shown = json.dumps(outputs)
    assert str(REPOSITORY) not in shown
    assert "\\u001b[" not in shown
    # Numbers of tables and sentences alone make no tutorial.
    if notebook.stem != "published":
        assert "image/png" in shown


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_a_notebook_is_listed_and_says_what_it_needs(notebook):
    assert f"tutorials/{notebook.name}" in (REPOSITORY / "docs" / "README.md").read_text()
    text = " ".join("".join(each["source"]) for each in cells_of(notebook, "markdown"))
    code = " ".join("".join(each["source"]) for each in cells_of(notebook, "code"))
    assert ("BASENJI_DATA" in code) == ("BASENJI_DATA" in text)
    assert (environment_of(notebook) == ".venv-training") == (".venv-training" in text)


@pytest.mark.parametrize(
    "notebook",
    [
        pytest.param(each, id=each.stem, marks=[] if each.stem in QUICK else [pytest.mark.slow])
        for each in NOTEBOOKS
    ],
)
def test_a_notebook_runs(notebook):
    if "BASENJI_DATA" in notebook.read_text() and "BASENJI_DATA" not in os.environ:
        pytest.skip("BASENJI_DATA names no real data")
    if not TOOLS.is_dir():
        pytest.skip("what runs notebooks is not there: make test installs it")
    python = REPOSITORY / environment_of(notebook) / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no {python}: make install")
    if "snakemake" in notebook.read_text() and not (REPOSITORY / ".venv-workflows").is_dir():
        pytest.skip("no .venv-workflows: make workflows")
    before = notebook.read_bytes()
    run = subprocess.run(
        [python, "docs/tutorials/execute.py", "--check", notebook],
        cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(TOOLS)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    assert notebook.read_bytes() == before
