"""A workflow by the profile of Kubernetes, on an emulation of its API on this machine.

    python workflows/clouds/kubernetes_trial.py FOLDER

No cluster is used (kubernetes_api.py says what is in its place). The variants of the examples are
scored, and one job is killed: the scores must be those of one process that nobody disturbed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import trials
from kubernetes_api import Cluster, Pod, cluster

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

#: What the image sets (workflows/containers/Dockerfile); its user has no home to write into.
IMAGE = {
    "PATH": f"{trials.SNAKEMAKE}:{trials.BASENJI}:/usr/bin:/bin",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "HOME": "/proc/none",
}


def begin(
    folder: Path, made: Cluster, variables: Mapping[str, str], workflow: str, *more: str
) -> subprocess.Popen[bytes]:
    """Begin a workflow, whose jobs are pods of a cluster."""
    return trials.begin(
        folder,
        "kubernetes",
        workflow,
        *("--container-image", "basenji", *more),
        variables=variables,
        environment={"KUBECONFIG": str(made.kubeconfig)},
    )


def kill_one(running: subprocess.Popen[bytes], made: Cluster) -> Pod:
    """Kill the first job whose command has begun on a shard."""

    def begun() -> list[Pod]:
        if running.poll() is not None:
            raise SystemExit("error: Snakemake ended before a shard began: see snakemake.log")
        return [pod for pod in list(made.pods) if list(pod.folder.glob("locks/shard/*/*"))]

    trials.wait_for("a shard", begun)
    killed = begun()[0]
    killed.kill()
    print(f"killed {killed.name}", flush=True)
    return killed


def check_shared_nothing(made: Cluster, folder: Path) -> None:
    """End the program if a job was told of a folder of this machine."""
    for pod in made.pods:
        told = pod.job["spec"]["template"]["spec"]["containers"][0]["args"][-1]
        if str(folder) in told or str(trials.REPOSITORY) in told:
            raise SystemExit(f"error: {pod.name} was told of this machine: {told}")


def main() -> None:
    """Score, disturb, compare."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER")
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True)
    begun = time.monotonic()
    with trials.bucket(out) as variables:
        trials.lay_out_scores(out / "work", variables)
        with cluster(out / "cluster", IMAGE) as made:
            running = begin(out / "work", made, variables, "score")
            kill_one(running, made)
            trials.finish(running, out / "work")
        check_shared_nothing(made, out)
        print(f"{len(made.pods)} jobs in {time.monotonic() - begun:.0f} s", flush=True)
        trials.check_scores(out, variables)


if __name__ == "__main__":
    main()
