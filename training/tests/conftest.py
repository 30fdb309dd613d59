"""Fixtures that several test modules share."""

from __future__ import annotations

import os

# Before anything imports TensorFlow: its notices would bury a test's own output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from store_inputs import inputs

__all__ = ["inputs"]
