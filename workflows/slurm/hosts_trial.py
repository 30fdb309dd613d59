"""A training by two hosts, one of which is lost, on a SLURM of two nodes on this machine.

    python workflows/slurm/hosts_trial.py FOLDER

As root, where Debian's slurm-wlm and munge are installed or can be. The workflow ``train`` makes a
model of the simulated genome, whose runs are trained by two hosts. After two epochs the second
host's process is killed, and the job's next try goes on; after two more, the job and Snakemake
are killed, and one host goes on. Losses of two hosts must be those of two devices in one process
that nobody stopped, to the last digit; one host sums in another order, and what that changes grows.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from trial import WORKFLOWS, missing, slurm, snakemake, wait_for

_RUN = Path("runs/quick/test/seed0")
_EPOCHS = 12
#: Largest difference of a loss of one host, which sums in another order, to that of two devices.
_MOST = 0.1


def history(folder: Path) -> list[dict[str, str]]:
    """Read the epochs of the run in a folder."""
    path = folder / _RUN / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def processes(number: int) -> list[str]:
    """List the process numbers of a training's process, of both that srun starts for it."""
    found = subprocess.run(
        ["pgrep", "-f", f"basenji-train fit .*--process {number}$"], capture_output=True, text=True
    )
    return found.stdout.split()


def configure(folder: Path, hosts: int) -> None:
    """Let a number of hosts train."""
    text = (WORKFLOWS / "example" / "train.yaml").read_text(encoding="utf-8")
    text = text.replace("seeds: [0, 1]", f"seeds: [0]\nhosts: {hosts}")
    (folder / "train.yaml").write_text(text, encoding="utf-8")


def prepare(folder: Path) -> None:
    """Simulate a genome and reads, and describe the training."""
    tools = WORKFLOWS.parent / ".venv-training" / "bin"
    folder.mkdir(parents=True)
    simulate = [tools / "basenji-train", "simulate", "--out", "simulation", "--size", "400000"]
    subprocess.run([*simulate, "--variants", "3"], cwd=folder, check=True)
    inputs = WORKFLOWS / "example" / "make_inputs.py"
    subprocess.run([tools / "python", inputs, "."], cwd=folder, check=True)
    recipe = json.loads((folder / "quick.json").read_text())
    # What sums in another order change grew at once in bfloat16 with dropout and a higher rate.
    recipe["settings"] |= {"epochs": _EPOCHS, "dtype": "float32", "learning_rate": 0.002}
    (folder / "quick.json").write_text(json.dumps(recipe))
    network = (folder / "simulated_network.json").read_text()
    network = re.sub(r',\s*\{"op": "dropout", "rate": 0.1\}', "", network)
    (folder / "simulated_network.json").write_text(network)


def train(folder: Path) -> int:
    """Train, while a host is lost and then all of it ends; return the epochs of two hosts."""
    on_nodes = ("--set-resources", "fit:nodes=2")
    configure(folder, hosts=2)
    first = snakemake(folder, *on_nodes, workflow="train")
    wait_for("two epochs by two hosts", lambda: len(history(folder)) >= 2 or first.poll())
    lost = processes(1)
    subprocess.run(["kill", "-KILL", *lost], check=True)
    print(f"killed the second host's process after {len(history(folder))} epochs", flush=True)
    wait_for("the rest of the job to end", lambda: not processes(0))
    wait_for("four epochs", lambda: len(history(folder)) >= 4 or first.poll())
    subprocess.run(["kill", "-KILL", *processes(0), *processes(1)], check=True)
    first.kill()
    first.wait()
    subprocess.run(["scancel", "--user=root"], check=True)
    wait_for("an end of all processes", lambda: not processes(0) + processes(1))
    together = len(history(folder))
    print(f"killed the job and Snakemake after {together} epochs", flush=True)
    configure(folder, hosts=1)
    snakemake(folder, "--unlock", workflow="train").wait()
    if snakemake(folder, workflow="train").wait():
        raise SystemExit(f"error: the workflow failed: see {folder / 'snakemake.log'}")
    return together


def compare(folder: Path, together: int) -> None:
    """End the program if losses are not those of two devices in one process."""
    alone = folder / "alone"
    (alone / _RUN).parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    subprocess.run(
        [
            *(WORKFLOWS.parent / ".venv-training" / "bin" / "basenji-train", "fit", "store.zarr"),
            *("--recipe", "quick.json", "--seed", "0", "--devices", "2", "--out", alone / _RUN),
        ],
        cwd=folder,
        env={
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            "PATH": "/usr/bin:/bin",
        },
        check=True,
    )
    print(f"two devices in one process: {time.monotonic() - began:.0f} s", flush=True)
    rows, others = history(folder), history(alone)
    if len(rows) != _EPOCHS or len(others) != _EPOCHS:
        raise SystemExit(f"error: {len(rows)} and {len(others)} epochs, not {_EPOCHS}")
    for number, (row, other) in enumerate(zip(rows, others, strict=True)):
        print(f"epoch {number + 1}: loss {row['loss']} and {other['loss']}", flush=True)
        most = 0 if number < together else _MOST
        if abs(float(row["loss"]) - float(other["loss"])) > most:
            raise SystemExit("error: that is another loss")
    print(f"{together} epochs of two hosts, one lost: the same; {_EPOCHS - together} of one: near")


def main() -> None:
    """Train by two hosts, disturb it, compare."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER")
    out = Path(sys.argv[1]).absolute()
    if reason := missing():
        print(f"SKIPPED: {reason}")
        return
    if out.exists():
        shutil.rmtree(out)
    prepare(out / "train")
    with slurm(out / "slurm", nodes=2) as has_begun:
        if not has_begun:
            print("SKIPPED: SLURM is installed, and cannot be begun here: the lines above say why")
            return
        together = train(out / "train")
    compare(out / "train", together)


if __name__ == "__main__":
    main()
