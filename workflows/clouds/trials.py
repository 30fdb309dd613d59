"""What trials of profiles for machines elsewhere share: a bucket, a run, and what must come out.

The variants of the examples are scored with the shipped model: genome, variants and model are in a
bucket of moto, on loopback, named by address, and jobs share nothing else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet
import s3fs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "BASENJI",
    "REPOSITORY",
    "SNAKEMAKE",
    "begin",
    "bucket",
    "check_scores",
    "files_of",
    "finish",
    "lay_out",
    "lay_out_scores",
    "wait_for",
]

_WORKFLOWS = Path(__file__).resolve().parents[1]
REPOSITORY = _WORKFLOWS.parent
BASENJI = REPOSITORY / ".venv" / "bin"
SNAKEMAKE = REPOSITORY / ".venv-workflows" / "bin"
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
def bucket(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Run a server of Amazon's services, and return the variables that lead to it.

    Parameters
    ----------
    folder
        Where its log is written, ``moto.log``.
    settings
        Further environment variables of the server.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "moto.log").open("wb") as log:
        server = subprocess.Popen(
            [SNAKEMAKE / "moto_server", "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | dict(settings or {}),
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


def files_of(variables: Mapping[str, str]) -> s3fs.S3FileSystem:
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
    shutil.copytree(_WORKFLOWS, folder / "workflows", ignore=shutil.ignore_patterns("__pycache__"))
    for words in (["init", "--quiet"], ["add", "workflows"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def lay_out_scores(folder: Path, variables: Mapping[str, str]) -> None:
    """Make the folder that scores are begun in, and lay what they need into the bucket."""
    files, examples = files_of(variables), REPOSITORY / "examples" / "data"
    files.mkdir("data")
    files.put(f"{REPOSITORY / 'model_files'}/", "data/model/", recursive=True)
    for name in ("genome.fa", "variants.vcf.gz"):
        files.put(str(examples / name), f"data/{name}")
    lay_out(folder)
    (folder / "score.yaml").write_text(_CONFIGURATION, encoding="utf-8")


def begin(
    folder: Path,
    profile: str,
    workflow: str,
    *more: str,
    variables: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Begin a workflow in a folder that has its configuration too.

    Parameters
    ----------
    folder
        A folder that was laid out.
    profile, workflow
        Their names.
    more
        Further words of the command line.
    variables
        What leads to the bucket; jobs are given it.
    environment
        Further environment variables of Snakemake.
    """
    with (folder / "snakemake.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(SNAKEMAKE / "snakemake", "--snakefile", f"workflows/{workflow}.smk"),
                *("--configfile", f"{workflow}.yaml", "--profile", f"workflows/profiles/{profile}"),
                *("--default-storage-prefix", "s3://results/run"),
                *("--jobs", "2", "--seconds-between-status-checks", "1"),
                *("--envvars", *variables),
                *more,
            ],
            cwd=folder,
            env=os.environ | dict(variables) | dict(environment or {}),
            stdout=log,
            stderr=log,
        )


def finish(running: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a workflow; end the program if it failed."""
    if running.wait():
        raise SystemExit(f"error: the workflow failed: see {folder / 'snakemake.log'}")


def check_scores(out: Path, variables: Mapping[str, str]) -> None:
    """End the program if the scores are not those of one process that nobody disturbed."""
    files_of(variables).get("results/run/scores/", str(out / "scores"), recursive=True)
    examples = REPOSITORY / "examples" / "data"
    command = [
        *(BASENJI / "basenji", "score", "--model", "yeast", "--fasta", examples / "genome.fa"),
        *("--vcf", examples / "variants.vcf.gz", "--scores", "SAD,logSAD", "--window", "grid"),
        *("--part-size", "3", "--out", out / "one.parquet", "--quiet"),
    ]
    subprocess.run(command, check=True, env=os.environ | _ONE_THREAD)
    one = pyarrow.parquet.read_table(out / "one.parquet")
    if not pyarrow.parquet.read_table(out / "scores" / "variants.parquet").equals(one):
        raise SystemExit("error: the scores are not those of one process")
    print(f"the same {len(one)} rows as one process", flush=True)
