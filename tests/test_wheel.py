"""A wheel installs in a clean environment without Kipoi, and holds the shipped model."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import basenji_kipoi as bk

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
UV = shutil.which("uv") or REPOSITORY / ".tools/bin/uv"

#: What a user does first, in the clean environment and far from the repository.
PROGRAM = """
import importlib.util
import basenji_kipoi as bk
assert importlib.util.find_spec("kipoi") is None
assert "site-packages" in bk.__file__, bk.__file__
model = bk.load("yeast")
assert "site-packages" in str(model.bundles[0].path)
print(repr(float(bk.predict(model, "genome.fa", "chrA:20001-20320", tracks="atac").values.sum())))
"""


def run(*command, folder):
    ran = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _interpreter(python):
    """Find a Python of a version that runs, or skip: pyenv's are there though not on the PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for place in (f"python{python}", *pyenv.glob(f"versions/{python}.*/bin/python{python}")):
        with contextlib.suppress(OSError):
            if not subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode:
                return place
    pytest.skip(f"no Python {python} on this machine")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel as a release does: of an sdist, which must hold all that it needs."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ".", folder=REPOSITORY)
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
def test_a_wheel_predicts_in_a_clean_environment(wheel, python, tmp_path):
    env = tmp_path / "env"
    run(UV, "venv", "--quiet", "--python", _interpreter(python), env, folder=tmp_path)
    run(UV, "pip", "install", "--quiet", "--python", env / "bin/python", wheel, folder=tmp_path)
    shutil.copy(REPOSITORY / "examples/data/genome.fa", tmp_path)
    said = float(run(env / "bin/python", "-c", PROGRAM, folder=tmp_path))
    genome = REPOSITORY / "examples/data/genome.fa"
    here = bk.predict("yeast", genome, "chrA:20001-20320", tracks="atac").values.sum()
    assert said == pytest.approx(float(here), rel=1e-4)
    assert run(env / "bin/basenji", "--version", folder=tmp_path).strip() == bk.__version__
    (tmp_path / "x.bed").write_text("chrA\t20000\t20320\n")
    out = ("--bed", "x.bed", "--out", "tracks")
    run(env / "bin/basenji", "predict", "--model", "yeast", "--fasta", "genome.fa", *out,
        folder=tmp_path)  # fmt: skip
    assert len(list((tmp_path / "tracks").glob("*.bw"))) == 18


def test_a_wheel_holds_the_shipped_model_and_nothing_else_of_the_repository(wheel):
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        model = "basenji_kipoi/models/shipped/yeast/"
        there = {name[len(model) :]: files.read(name) for name in names if name.startswith(model)}
    wanted = {path.name: path.read_bytes() for path in (REPOSITORY / "model_files").iterdir()}
    assert there == wanted
    assert {re.split("[/-]", name)[0] for name in names} == {"basenji_kipoi"}
    modules = {str(path.relative_to(REPOSITORY)) for path in _files("basenji_kipoi", "*.py")}
    assert modules <= set(names)
    # Templates, presets, tables: whatever stands beside the modules.
    for pattern in ("*.jinja", "*.json", "*.tsv.gz"):
        beside = {str(path.relative_to(REPOSITORY)) for path in _files("basenji_kipoi", pattern)}
        assert beside
        assert beside <= set(names)


def _files(folder, pattern):
    return (REPOSITORY / folder).rglob(pattern)


def test_a_folder_of_a_shipped_models_name_is_what_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bk.load("yeast").name == "basenji-yeast"
    (tmp_path / "yeast").mkdir()
    with pytest.raises(bk.InputError, match="metadata"):
        bk.load("yeast")


def test_one_version_is_told_everywhere():
    """The training package and the citation repeat what `basenji_kipoi.__version__` says."""
    training = (REPOSITORY / "training/pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.*)"$', training, re.MULTILINE) == [bk.__version__]
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [bk.__version__]
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == bk.__version__
