"""A workflow by the profile of Kubernetes, on an emulation of its API on this machine.

    python workflows/kubernetes/trial.py FOLDER

No cluster is used (emulator.py says what is in its place), and the bucket is moto's, on loopback.
The variants of the examples are scored with the shipped model: genome, variants and model are in
the bucket, named by address, and jobs share nothing else. One job is killed. The scores must be
those of one process that nobody disturbed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet
import s3fs
from emulator import Cluster, Pod, cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKFLOWS = Path(__file__).resolve().parents[1]
_REPOSITORY = WORKFLOWS.parent
_BASENJI = _REPOSITORY / ".venv" / "bin"
SNAKEMAKE = _REPOSITORY / ".venv-workflows" / "bin"
#: What the image sets (workflows/containers/Dockerfile); its user has no home to write into.
IMAGE = {
    "PATH": f"{SNAKEMAKE}:{_BASENJI}:/usr/bin:/bin",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "HOME": "/proc/none",
}
#: Another number of threads adds in another order: the rows would differ by roundings.
_ONE_THREAD = dict.fromkeys(
    ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1"
)
#: How long anything is waited for (s).
_PATIENCE = 600
_CONFIGURATION = """\
model: s3://data/model
fasta: s3://data/genome.fa
variants: [s3://data/variants.vcf.gz]
shards: 2
vcf: true
options:
  scores: SAD,logSAD
  window: grid
  part_size: 3
"""


@contextlib.contextmanager
def bucket(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server of buckets, and return the variables that lead to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "moto.log").open("wb") as log:
        server = subprocess.Popen(
            [SNAKEMAKE / "moto_server", "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        wait_for("the bucket's server", lambda: _answers(port))
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "word",
        }
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def files_of(variables: dict[str, str]) -> s3fs.S3FileSystem:
    """Open the buckets, with nothing remembered of what was in them."""
    return s3fs.S3FileSystem(
        key=variables["AWS_ACCESS_KEY_ID"],
        secret=variables["AWS_SECRET_ACCESS_KEY"],
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def wait_for(what: str, condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"error: in vain waited {_PATIENCE} s for {what}")
        time.sleep(0.1)


def lay_out(folder: Path) -> None:
    """Make the folder that a workflow is begun in, as the documentation says."""
    shutil.copytree(WORKFLOWS, folder / "workflows", ignore=shutil.ignore_patterns("__pycache__"))
    for words in (["init", "--quiet"], ["add", "workflows"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def begin(
    folder: Path, made: Cluster, variables: dict[str, str], workflow: str, *more: str
) -> subprocess.Popen[bytes]:
    """Begin a workflow in a folder that has its configuration too."""
    with (folder / "snakemake.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(SNAKEMAKE / "snakemake", "--snakefile", f"workflows/{workflow}.smk"),
                *("--configfile", f"{workflow}.yaml", "--profile", "workflows/profiles/kubernetes"),
                *("--container-image", "basenji", "--default-storage-prefix", "s3://results/run"),
                *("--jobs", "2", "--seconds-between-status-checks", "1"),
                *("--envvars", *variables),
                *more,
            ],
            cwd=folder,
            env=os.environ | variables | {"KUBECONFIG": str(made.kubeconfig)},
            stdout=log,
            stderr=log,
        )


def kill_one(running: subprocess.Popen[bytes], made: Cluster) -> Pod:
    """Kill the first job whose command has begun on a shard."""

    def begun() -> list[Pod]:
        if running.poll() is not None:
            raise SystemExit("error: Snakemake ended before a shard began: see snakemake.log")
        return [pod for pod in list(made.pods) if list(pod.folder.glob("locks/shard/*/*"))]

    wait_for("a shard", begun)
    killed = begun()[0]
    killed.kill()
    print(f"killed {killed.name}", flush=True)
    return killed


def check_shared_nothing(made: Cluster, folder: Path) -> None:
    """End the program if a job was told of a folder of this machine."""
    for pod in made.pods:
        told = pod.job["spec"]["template"]["spec"]["containers"][0]["args"][-1]
        if str(folder) in told or str(_REPOSITORY) in told:
            raise SystemExit(f"error: {pod.name} was told of this machine: {told}")


def main() -> None:
    """Score, disturb, compare."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER")
    out, examples = Path(sys.argv[1]).resolve(), _REPOSITORY / "examples" / "data"
    out.mkdir(parents=True)
    begun = time.monotonic()
    with bucket(out) as variables:
        files = files_of(variables)
        files.mkdir("data")
        files.put(f"{_REPOSITORY / 'model_files'}/", "data/model/", recursive=True)
        for name in ("genome.fa", "variants.vcf.gz"):
            files.put(str(examples / name), f"data/{name}")
        work = out / "work"
        lay_out(work)
        (work / "score.yaml").write_text(_CONFIGURATION, encoding="utf-8")
        with cluster(out / "cluster", IMAGE) as made:
            running = begin(work, made, variables, "score")
            kill_one(running, made)
            if running.wait():
                raise SystemExit(f"error: the workflow failed: see {work / 'snakemake.log'}")
        check_shared_nothing(made, out)
        files.get("results/run/scores/", str(out / "scores"), recursive=True)
    print(f"{len(made.pods)} jobs in {time.monotonic() - begun:.0f} s", flush=True)
    command = [
        *(_BASENJI / "basenji", "score", "--model", "yeast", "--fasta", examples / "genome.fa"),
        *("--vcf", examples / "variants.vcf.gz", "--scores", "SAD,logSAD", "--window", "grid"),
        *("--part-size", "3", "--out", out / "one.parquet", "--quiet"),
    ]
    subprocess.run(command, check=True, env=os.environ | _ONE_THREAD)
    one = pyarrow.parquet.read_table(out / "one.parquet")
    if not pyarrow.parquet.read_table(out / "scores" / "variants.parquet").equals(one):
        raise SystemExit("error: the scores are not those of one process")
    print(f"the same {len(one)} rows as one process", flush=True)


if __name__ == "__main__":
    main()
