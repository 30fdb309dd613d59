"""Seconds and peak memory of training steps of the full-size networks, as a table and JSON.

    .venv-training/bin/python benchmarks/speed/training_step.py --out build/training_step.json \
        [--original CHECKOUT --original-python PYTHON]

Windows are 131,072 bp, weights and data are random. One process is measured for each network,
arithmetic and batch. With a checkout of the original programs (github.com/calico/basenji) and a
Python that runs them, a step of their 2020 network is measured beside. Run it on a quiet machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from resources import DTYPES, machine

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError

HERE = Path(__file__).parent
RECIPES = ("basenji2018", "basenji2")
BATCHES = (1, 2)


@dataclass(frozen=True)
class Case:
    """A program to be measured, and what it trains."""

    network: str
    arithmetic: str
    batch: int
    command: tuple[str, ...]


def cases(
    recipes: list[str], dtypes: list[str], batches: list[int], original: tuple[Path, Path] | None
) -> list[Case]:
    """List what is measured; `original` is the checkout and the Python that runs it."""
    ours = (sys.executable, str(HERE / "measure_training_step.py"))
    listed = [
        Case(recipe, dtype, batch, (*ours, "--recipe", recipe, "--dtype", dtype))
        for recipe in recipes
        for dtype in dtypes
        for batch in batches
    ]
    if original is not None:
        checkout, python = original
        theirs = (str(python), str(HERE / "measure_original_step.py"), str(checkout))
        listed += [
            Case("basenji2, original programs", "float32", batch, theirs) for batch in batches
        ]
    return listed


def measure(case: Case, steps: int) -> dict[str, Any]:
    """Measure one case in a process of its own.

    Returns
    -------
    dict
        Seconds of the first step and, as a median, of later ones: on the clock, and summed over the
        processor's cores (which says more than the clock where other programs run); bytes at the
        peak; the machine's load before.
    """
    load = os.getloadavg()[0]
    command = [*case.command, "--batch", str(case.batch), "--steps", str(steps)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    first, *later = figures["seconds"]
    return {
        "network": case.network,
        "arithmetic": case.arithmetic,
        "batch": case.batch,
        "first_step": first,
        "step": statistics.median(later),
        "processor_step": statistics.median(figures["processor_seconds"][1:]),
        "peak_bytes": figures["peak_bytes"],
        "load_before": load,
    }


def table(measurements: list[dict[str, Any]]) -> str:
    """Format the measurements as a Markdown table."""
    lines = [
        "| network | arithmetic | batch | first step | step | a window | all cores | memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['network']} | {row['arithmetic']} | {row['batch']} | {row['first_step']:.1f} s | "
        f"{row['step']:.2f} s | {row['step'] / row['batch']:.2f} s | "
        f"{row['processor_step']:.1f} s | "
        f"{row['peak_bytes'] / 2**30:.1f} GiB |"
        for row in measurements
    ]
    return "\n".join(lines)


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    recipe: Annotated[
        list[str], typer.Option(help="Network and settings; can be repeated.")
    ] = list(RECIPES),  # noqa: B006 - typer copies it
    dtype: Annotated[list[str], typer.Option(help="Arithmetic; can be repeated.")] = list(DTYPES),  # noqa: B006 - typer copies it
    batch: Annotated[list[int], typer.Option(help="Windows a step; repeatable.")] = list(BATCHES),  # noqa: B006 - typer copies it
    steps: Annotated[
        int, typer.Option(min=1, help="Steps behind the first; the median counts.")
    ] = 3,
    original: Annotated[
        Path | None, typer.Option(help="Checkout of the original programs.")
    ] = None,
    original_python: Annotated[
        Path | None, typer.Option(help="Python on which the original programs run.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure training steps."""
    try:
        check_output(out, overwrite=overwrite)
        if original is None or original_python is None:
            print(
                "the original programs are not measured: give --original and --original-python",
                file=sys.stderr,
            )
            pair = None
        else:
            pair = (original, original_python)
        measurements = []
        for case in cases(recipe, dtype, batch, pair):
            print(
                f"measuring {case.network}, {case.arithmetic}, batch {case.batch} ...",
                file=sys.stderr,
            )
            measurements.append(measure(case, steps))
        with atomic_path(out, overwrite=overwrite) as temporary:
            content = {"machine": machine(), "measurements": measurements}
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(measurements))


if __name__ == "__main__":
    typer.run(main)
