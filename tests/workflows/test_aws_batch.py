"""The profile of AWS Batch: what it asks for is what the plugin knows, and its trial passes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake_command import REPOSITORY, SNAKEMAKE, needs_snakemake

PROFILE = REPOSITORY / "workflows" / "profiles" / "aws-batch" / "config.yaml"
KNOWN = "from snakemake_executor_plugin_aws_batch import constant; print("
KNOWN += "[m for m, cores in constant.VALID_RESOURCES_MAPPING.items() if 1 in cores])"

pytestmark = needs_snakemake


def test_memory_is_what_the_plugin_has_for_one_core():
    """Of any other it would make the least, or refuse the job when it is tried again."""
    told = subprocess.run(
        [SNAKEMAKE.with_name("python"), "-c", KNOWN], capture_output=True, text=True, check=True
    )
    known = ast.literal_eval(told.stdout)
    profile = yaml.safe_load(PROFILE.read_text())
    asked = [profile["default-resources"], *profile["set-resources"].values()]
    for attempt in range(1, profile["retries"] + 2):
        for resources in asked:
            value = resources["mem_mb"]
            # Expressions of the profile, as Snakemake evaluates them.
            assert eval(value, {"attempt": attempt, "min": min}) in known, (value, attempt)
    shard = [eval(asked[1]["mem_mb"], {"attempt": each, "min": min}) for each in (1, 2)]
    assert shard == [4096, 8192]


def test_snakemake_knows_all_of_the_profile(clouds, tmp_path):
    work = tmp_path / "work"
    with clouds.trials.bucket(tmp_path) as variables:
        clouds.trials.lay_out_scores(work, variables)
        run = clouds.trials.begin(work, "aws-batch", "score", "--dry-run", variables=variables)
        assert run.wait() == 0, (work / "snakemake.log").read_text()
    assert "rule shard" in (work / "snakemake.log").read_text()


@pytest.mark.slow
def test_scores_of_a_queue_are_those_of_one_process(clouds, tmp_path):
    if why := clouds.engine.missing():
        pytest.skip(why)
    # Images of earlier builds are used where their sources are the same.
    images = REPOSITORY / "build" / "containers"
    trial = REPOSITORY / "workflows" / "clouds" / "aws_batch_trial.py"
    run = subprocess.run(
        [sys.executable, trial, tmp_path / "out", images],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "killed snakejob-shard-" in run.stdout
    assert run.stdout.endswith("the same 10 rows as one process\n")
    # What is mounted there could not be removed with the folder.
    assert str(images) not in Path("/proc/mounts").read_text()
