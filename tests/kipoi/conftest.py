"""Fixtures: a home directory, programs that run in it, and a copy of the Kipoi files."""

from __future__ import annotations

import os

import pytest
from kipoi_site import Commands, Site, copy_kipoi_files, save_short


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home directory of the tests' own: kipoi writes its configuration there when imported."""
    path = tmp_path_factory.mktemp("home")
    previous = os.environ.get("HOME")
    os.environ["HOME"] = str(path)
    yield path
    if previous is not None:
        os.environ["HOME"] = previous


@pytest.fixture(scope="session")
def commands(home) -> Commands:
    return Commands(home)


@pytest.fixture(scope="session")
def site(tmp_path_factory, small_bundle, commands) -> Site:
    """The Kipoi files around the small bundle, fitted to it by the repository's own program.

    The directory is called Basenji because kipoi-veff2 goes by a model's name.
    """
    path = tmp_path_factory.mktemp("source") / "Basenji"
    copy_kipoi_files(path)
    save_short(small_bundle, path / "model_files")
    fitted = commands.run("python examples/make_expected.py", path)
    assert fitted.returncode == 0, fitted.stdout
    return Site(path)
