"""Profiles say nothing that Snakemake or an executor does not know."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
import yaml
from snakemake_command import REPOSITORY, SNAKEMAKE, needs_snakemake

PROFILES = REPOSITORY / "workflows" / "profiles"

pytestmark = needs_snakemake


# Those for machines elsewhere ask their bucket first: their own tests have one.
@pytest.mark.parametrize(
    "profile", sorted({path.name for path in PROFILES.iterdir()} - {"aws-batch", "kubernetes"})
)
def test_snakemake_knows_all_of_a_profile(tmp_path, profile):
    examples = REPOSITORY / "examples" / "data"
    (tmp_path / "score.yaml").write_text(
        f"model: yeast\nfasta: {examples / 'genome.fa'}\n"
        f"variants: [{examples / 'variants.vcf.gz'}]\nshards: 2\n"
    )
    done = subprocess.run(
        [
            *(SNAKEMAKE, "--snakefile", REPOSITORY / "workflows" / "score.smk"),
            *("--configfile", "score.yaml", "--profile", PROFILES / profile, "--dry-run"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rule shard" in done.stdout + done.stderr


def test_the_page_gives_all_that_the_command_line_takes_the_place_of():
    profile = yaml.safe_load((PROFILES / "slurm" / "config.yaml").read_text())
    page = (REPOSITORY / "docs" / "how-to" / "cluster.md").read_text()
    (given,) = re.findall(r"`--default-resources (.*)`", page)
    words = dict(word.split("=", 1) for word in shlex.split(given))
    assert words.items() >= profile["default-resources"].items()
