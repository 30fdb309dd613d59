"""The images: what describes them is sound, and their steps install what runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "workflows" / "containers"
HADOLINT = REPOSITORY / ".venv-workflows" / "bin" / "hadolint"


@pytest.mark.skipif(not HADOLINT.exists(), reason="no .venv-workflows: make workflows")
def test_the_dockerfile_is_sound(tmp_path):
    run = subprocess.run(
        [HADOLINT, FOLDER / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    bad = tmp_path / "Dockerfile"
    bad.write_text((FOLDER / "Dockerfile").read_text() + "RUN cd /opt && apt-get install x\n")
    assert subprocess.run([HADOLINT, bad], capture_output=True, check=False).returncode == 1


def test_both_images_are_made_alike():
    docker, apptainer = ((FOLDER / name).read_text() for name in ("Dockerfile", "basenji.def"))
    assert (
        re.search(r"^FROM (\S+)", docker, re.M)[1] == re.search(r"^From: (\S+)", apptainer, re.M)[1]
    )
    for text in (docker, apptainer):
        assert "/opt/source/workflows/containers/install.sh /opt/basenji " in text


def let_through():
    """List what .dockerignore lets through."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    return [line[1:] for line in lines if line.startswith("!")]


def test_both_images_are_made_of_the_same_files():
    """Apptainer copies all that is named: of a checkout, environments and builds too."""
    text = (FOLDER / "basenji.def").read_text()
    section = re.search(r"^%files\n((?: .*\n)+)", text, re.M)[1]
    copied = dict(line.split() for line in section.splitlines())
    assert copied == {name: f"/opt/source/{name}" for name in let_through()}


@pytest.mark.parametrize("lock", ["modern.txt", "cuda.txt"])
@pytest.mark.parametrize("extra", ["compare", "locus", "motifs", "plot"])
def test_images_have_what_commands_need_beyond(lock, extra):
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    locked = (REPOSITORY / "requirements" / lock).read_text()
    names = {each.lower() for each in re.findall(r"^([A-Za-z0-9_.-]+)==", locked, re.MULTILINE)}
    needed = project["optional-dependencies"][extra]
    assert {re.match(r"[A-Za-z0-9_.-]+", each)[0].lower() for each in needed} <= names


@pytest.mark.parametrize("name", ["Makefile", "workflows/containers/install.sh"])
def test_environments_come_with_bytecode(name):
    """Where none may be written, every command would compile thousands of modules anew."""
    synced = re.findall(r"pip sync .*", (REPOSITORY / name).read_text())
    assert synced
    assert all("--compile-bytecode" in command for command in synced)


def copied(folder):
    """Copy what .dockerignore lets through."""
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in let_through():
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=leave_out)
        else:
            shutil.copy(source, folder / name)


@pytest.mark.slow
def test_the_steps_install_what_runs(tmp_path):
    source, prefix = tmp_path / "source", tmp_path / "basenji"
    source.mkdir()
    copied(source)
    steps = source / "workflows" / "containers" / "install.sh"
    run = subprocess.run([steps, prefix, "cpu"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    shutil.rmtree(source)  # nothing of it is needed any more
    path = re.search(r"^ENV PATH=(\S+):\$PATH", (FOLDER / "Dockerfile").read_text(), re.M)[1]
    path = path.replace("/opt/basenji", str(prefix)) + ":/usr/bin:/bin"
    commands = [prefix / "bin" / name for name in ("basenji", "basenji-train", "snakemake")]
    # What a job on Kubernetes begins with.
    kubernetes = [shutil.which("python", path=path), "-m", "snakemake"]
    for command in (*([each] for each in commands), kubernetes):
        told = subprocess.run(
            [*command, "--version"], env={"PATH": path}, cwd=tmp_path,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert re.search(r"\d+\.\d+\.\d+", told.stdout)
    for environment in {command.resolve().parents[1] for command in commands}:
        assert any(environment.glob("lib/python*/site-packages/yaml/__pycache__/*.pyc"))
    (shared,) = (prefix / "inference").glob("lib/python*/site-packages/clang/native/libclang.so")
    assert shared.stat().st_nlink == 2  # that of the training environment
    assert not (prefix / ".cache").exists()
    usage = subprocess.run(
        [FOLDER / "install.sh", prefix], capture_output=True, text=True, check=False
    )
    assert usage.returncode == 2
    assert usage.stderr.startswith("usage: ")
