"""The workflows on a SLURM of this machine, undisturbed and disturbed.

    python workflows/slurm/trial.py FOLDER

As root, where Debian's slurm-wlm and munge are installed or can be. The example of the workflows
runs first. Then variants are scored while a job is killed, the node is drained and returned, and
Snakemake is killed and started again: the scores must be those of a run that nobody disturbed, and
no part of them may be computed twice. Where the variable BASENJI_DATA names the folder of measured
data, the variants are 20,000 natural ones of yeast, in eight shards, which one process scores too
(BASENJI_MODEL names another model than that of the example); elsewhere those of the example.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKFLOWS = Path(__file__).resolve().parents[1]
_PROGRAM = WORKFLOWS.parent / ".venv" / "bin" / "basenji"
_SNAKEMAKE = WORKFLOWS.parent / ".venv-workflows" / "bin" / "snakemake"
#: Debian's packages; `--no-install-recommends` leaves out a mail server.
_INSTALL = "apt-get update -q && apt-get install -q -y --no-install-recommends slurm-wlm munge"
_CONFIGURATION = Path("/etc/slurm/slurm.conf")
#: How long anything is waited for (s).
_PATIENCE = 900
#: Natural variants that are scored where there are measured data, and parts of each shard of them.
_RECORDS, _PART = 20_000, 250
_NATURAL = """\
model: {model}
fasta: {data}/genome.fa.gz
variants: [variants.vcf]
shards: 8
options:
  scores: SAD,logSAD
  window: grid
  genes: {data}/genes.gtf.gz
  part_size: {part}
"""


def missing() -> str | None:
    """Tell why there can be no SLURM here; install it where that is all that lacks."""
    if os.geteuid() != 0:
        return "a SLURM of its own needs root"
    if _CONFIGURATION.exists() and "loopback.sh" not in _CONFIGURATION.read_text(encoding="utf-8"):
        return f"{_CONFIGURATION} is of another SLURM, which stays as it is"
    if shutil.which("slurmctld") is None:
        done = subprocess.run(["bash", "-c", _INSTALL], capture_output=True, check=False)
        if done.returncode:
            return "slurm-wlm and munge could not be installed"
    return None


@contextlib.contextmanager
def slurm(folder: Path, nodes: int = 1) -> Iterator[bool]:
    """Run a SLURM of some nodes, whose logs and state are in a folder; tell whether it began."""
    script = Path(__file__).with_name("loopback.sh")
    begun = subprocess.run([script, "start", folder, str(nodes)], check=False)
    try:
        yield begun.returncode == 0
    finally:
        subprocess.run([script, "stop", folder], check=True)


def snakemake(folder: Path, *more: str, workflow: str = "score") -> subprocess.Popen[bytes]:
    """Begin a workflow in a folder; its messages are added to ``snakemake.log``."""
    with (folder / "snakemake.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(_SNAKEMAKE, "--snakefile", WORKFLOWS / f"{workflow}.smk"),
                *("--configfile", f"{workflow}.yaml"),
                *("--profile", WORKFLOWS / "profiles" / "loopback"),
                *more,
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )


def shards(*states: str) -> list[str]:
    """List the jobs of shards that are in some state of SLURM."""
    told = subprocess.run(
        ["squeue", "--noheader", "--states", ",".join(states), "--format", "%i %k"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split()[0] for line in told.stdout.splitlines() if "rule_shard" in line]


def wait_for(what: str, condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    print(f"waiting for {what}", flush=True)
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"error: in vain waited {_PATIENCE} s for {what}")
        time.sleep(0.2)


def pieces(folder: Path) -> dict[Path, int]:
    """Map the finished parts of unfinished shards to when they were made."""
    found = {}
    with contextlib.suppress(FileNotFoundError):  # a shard has ended meanwhile
        for path in folder.glob("shards/*/*.unfinished/pieces/part-*/alleles*"):
            found[path] = path.stat().st_mtime_ns
    return found


def disturb(folder: Path) -> None:
    """Score, while whatever can end ends."""
    node = f"NodeName={socket.gethostname()}"
    first = snakemake(folder)
    wait_for("the first parts", lambda: pieces(folder))
    kept = pieces(folder)
    killed = shards("RUNNING")
    subprocess.run(["scancel", "--full", "--signal=KILL", killed[0]], check=True)
    print(f"killed the job {killed[0]}, which leaves {len(kept)} parts", flush=True)
    subprocess.run(["scontrol", "update", node, "State=DRAIN", "Reason=trial"], check=True)
    wait_for("a job that the drained node does not take", lambda: shards("PENDING"))
    first.kill()
    first.wait()
    subprocess.run(["scontrol", "update", node, "State=RESUME"], check=True)
    print("killed Snakemake, returned the node", flush=True)
    snakemake(folder, "--unlock").wait()
    again = snakemake(folder)
    # Where a part is still there, it is the one that was made first.
    while again.poll() is None:
        now = pieces(folder)
        remade = [path for path in kept if now.get(path, kept[path]) != kept[path]]
        if remade:
            raise SystemExit(f"error: computed twice: {remade}")
        kept |= now
        time.sleep(0.1)
    if again.returncode:
        raise SystemExit(f"error: the second run failed: see {folder / 'snakemake.log'}")


def compare(one: Path, other: Path) -> None:
    """End the program if the scores in two folders are not the same."""
    for name in ("variants.parquet", "variants.genes.parquet"):
        rows, others = (pyarrow.parquet.read_table(each / "scores" / name) for each in (one, other))
        if not rows.equals(others):
            raise SystemExit(f"error: {name} is another one after the disturbances")
        print(f"{name}: the same {len(rows):,} rows, disturbed or not", flush=True)


def natural(data: Path, model: str, unbroken: Path, disturbed: Path) -> None:
    """Write what scores natural variants of yeast, and score them in one process."""
    with gzip.open(data / "variants" / "BY_RM.vcf.gz", "rt", encoding="utf-8") as lines:
        header = list(itertools.takewhile(lambda line: not line.startswith("#CHROM"), lines))
        # The line that ended the header is gone, and names the samples, of which nothing is asked.
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        records = ("\t".join(line.split("\t")[:7]) + "\t.\n" for line in lines)
        text = "".join([*header, columns, *itertools.islice(records, _RECORDS)])
    (disturbed / "variants.vcf").write_text(text, encoding="utf-8")
    configuration = _NATURAL.format(model=model, data=data, part=_PART)
    (disturbed / "score.yaml").write_text(configuration, encoding="utf-8")
    begun = time.monotonic()
    command = [
        *(_PROGRAM, "score", "--model", model, "--fasta", data / "genome.fa.gz"),
        *("--vcf", "variants.vcf", "--scores", "SAD,logSAD", "--window", "grid"),
        *("--genes", data / "genes.gtf.gz", "--part-size", str(_PART)),
        *("--out", unbroken / "scores" / "variants.parquet"),
    ]
    (unbroken / "scores").mkdir(parents=True)
    # As the jobs have it: several threads add in another order.
    threads = dict.fromkeys(
        ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1"
    )
    subprocess.run(command, cwd=disturbed, check=True, env=os.environ | threads)
    print(f"one process took {time.monotonic() - begun:.0f} s", flush=True)


def main() -> None:
    """Run the example, disturb, compare."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER")
    out = Path(sys.argv[1]).resolve()
    if reason := missing():
        print(f"SKIPPED: {reason}")
        return
    unbroken, disturbed = out / "undisturbed", out / "disturbed"
    disturbed.mkdir(parents=True)
    with slurm(out / "slurm") as has_begun:
        if not has_begun:
            print("SKIPPED: SLURM is installed, and cannot be begun here: the lines above say why")
            return
        subprocess.run([WORKFLOWS / "example" / "run.sh", unbroken, "loopback"], check=True)
        for name in ("simulation", "models"):
            shutil.copytree(unbroken / name, disturbed / name)
        if data := os.environ.get("BASENJI_DATA"):
            unbroken = out / "one_process"
            model = os.environ.get("BASENJI_MODEL", "models/quick/test")
            natural(Path(data).resolve() / "yeast", model, unbroken, disturbed)
        else:
            print("the example's variants alone: BASENJI_DATA names no measured data", flush=True)
            shutil.copy(unbroken / "score.yaml", disturbed)
        disturb(disturbed)
    compare(unbroken, disturbed)


if __name__ == "__main__":
    main()
