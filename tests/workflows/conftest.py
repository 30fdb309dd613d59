"""What the tests of the workflows share."""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

WORKFLOWS = Path(__file__).parents[2] / "workflows"


@contextlib.contextmanager
def imported(folder, *names):
    """Import modules of a folder that is no package, and forget them again."""
    sys.path.insert(0, str(folder))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    sys.path.remove(str(folder))
    for name in names:
        del sys.modules[name]


@pytest.fixture(scope="module")
def modules():
    """Import the modules of the workflows, which Snakemake finds in their folder."""
    names = ("checking", "command_lines", "configuration", "costs", "inputs", "training_tables")
    names += ("loci_configuration", "loci_costs", "steps", "training_costs")
    with imported(WORKFLOWS, *names) as found:
        yield found


@pytest.fixture(scope="module")
def clouds():
    """Import what tries profiles for machines elsewhere."""
    names = ("trials", "kubernetes_api", "kubernetes_trial", "engine", "aws_batch_trial")
    with imported(WORKFLOWS / "clouds", *names) as found:
        yield found
