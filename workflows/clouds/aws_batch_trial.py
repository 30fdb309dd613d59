"""A workflow by the profile of AWS Batch, in containers of this machine.

    python workflows/clouds/aws_batch_trial.py FOLDER IMAGES

As root, where Debian's podman and debootstrap are installed or can be. The image of
workflows/containers is built, but for what of it lies in IMAGES already. Moto answers for Amazon's
services, and runs each job in a container of that image, by podman. The variants of the examples
are scored, and one job is killed: the scores must be those of one process that nobody disturbed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import trials
from engine import Engine, missing

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

_REGION = "eu-central-1"
#: What a job has made that does a shard.
_BEGUN = "compgen -G 'locks/shard/*/*'"


def queue(variables: Mapping[str, str]) -> dict[str, str]:
    """Make a queue and a role, and return the settings of the profile that name them."""
    session = botocore.session.get_session()
    keys = {
        "region_name": _REGION,
        "endpoint_url": variables["AWS_ENDPOINT_URL"],
        "aws_access_key_id": variables["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
    }
    iam, batch = (session.create_client(each, **keys) for each in ("iam", "batch"))
    role = iam.create_role(RoleName="jobs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machines = batch.create_compute_environment(
        computeEnvironmentName="machines", type="UNMANAGED", serviceRole=role
    )
    made = batch.create_job_queue(
        jobQueueName="queue",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[
            {"order": 1, "computeEnvironment": machines["computeEnvironmentArn"]}
        ],
    )
    return {"region": _REGION, "job-queue": made["jobQueueArn"], "job-role": role}


def kill_one(running: subprocess.Popen[bytes], engine: Engine) -> None:
    """Kill the first job whose command has begun on a shard."""

    def begun() -> list[str]:
        if running.poll() is not None:
            raise SystemExit("error: Snakemake ended before a shard began: see snakemake.log")
        shards = [each for each in engine.containers() if each.startswith("snakejob-shard-")]
        return [each for each in shards if engine.succeeds("exec", each, "bash", "-c", _BEGUN)]

    trials.wait_for("a shard", begun)
    killed = begun()[0]
    engine.podman("kill", killed)
    print(f"killed {killed}", flush=True)


def main() -> None:
    """Score, disturb, compare."""
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER IMAGES")
    if why := missing():
        print(f"AWS Batch: SKIPPED, {why}")
        return
    out, engine = Path(sys.argv[1]).resolve(), Engine(Path(sys.argv[2]).resolve())
    out.mkdir(parents=True)
    begun = time.monotonic()
    image = engine.build()
    print(f"{image} was built in {time.monotonic() - begun:.0f} s", flush=True)
    begun = time.monotonic()
    with engine.serving() as address:
        moto = {"DOCKER_HOST": address, "MOTO_DOCKER_NETWORK_MODE": "host"}
        with trials.bucket(out, moto) as variables:
            trials.lay_out_scores(out / "work", variables)
            settings = [
                word
                for name, value in queue(variables).items()
                for word in (f"--aws-batch-{name}", value)
            ]
            running = trials.begin(
                out / "work",
                "aws-batch",
                "score",
                *("--container-image", image, *settings),
                variables=variables | {"AWS_DEFAULT_REGION": _REGION},
            )
            kill_one(running, engine)
            trials.finish(running, out / "work")
            print(f"scored in {time.monotonic() - begun:.0f} s", flush=True)
            trials.check_scores(out, variables)


if __name__ == "__main__":
    main()
