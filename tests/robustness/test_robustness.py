"""Bad inputs end in one line and leave nothing; the whole campaign is `make robustness`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("basenji_training", reason="the campaign drives both packages")

PROGRAM = Path(__file__).with_name("campaign.py")


@pytest.fixture(scope="session")
def fixtures(tmp_path_factory):
    """Make the fixtures once."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from robustness.fixtures import make_fixtures

    return make_fixtures(tmp_path_factory.mktemp("robustness") / "fixtures")


def campaign(fixtures, out, *options):
    """Run a part of the campaign: the lines of its table, and what failed."""
    command = [sys.executable, str(PROGRAM), "--fixtures", str(fixtures), "--out", str(out)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *failed, _ = done.stdout.partition("| command |")[0].splitlines(), ""
    return (out / "table.md").read_text().splitlines(), failed[0]


@pytest.mark.slow
def test_some_of_the_campaign(fixtures, tmp_path):
    table, failed = campaign(fixtures, tmp_path, "--every", "97", "--fuzz", "1000")
    assert failed == []
    assert sum(int(cell) for cell in table[-1].split("|")[2:-1]) > 50
