"""Fixtures that several test modules share."""

from __future__ import annotations

import os

# Before anything imports TensorFlow: its notices would bury a test's own output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings
from store_inputs import inputs

# How long an example takes is no property of the code: machines are busy at times.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

__all__ = ["inputs"]


@pytest.fixture(scope="session")
def letters(tmp_path_factory):
    """Write a store whose tracks count letters."""
    from known_truth import letters_store

    return letters_store(tmp_path_factory.mktemp("letters") / "letters.zarr").load()


@pytest.fixture(scope="session")
def weak_letters(tmp_path_factory):
    """Write a store of another genome with one track."""
    from known_truth import weak_letters_store

    return weak_letters_store(tmp_path_factory.mktemp("weak") / "weak.zarr").load()


@pytest.fixture(scope="session")
def trained(letters, tmp_path_factory):
    """Train a tiny network on these letters: the store and the finished run."""
    from known_truth import train_unbroken

    return train_unbroken(letters, tmp_path_factory.mktemp("run") / "unbroken")
