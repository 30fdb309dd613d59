"""Speed of incremental inference against plain passes of the whole network, as a table and JSON.

    python benchmarks/speed/incremental.py --out build/incremental.json

Cases, each scored by SAD (the sum of differences over the bins that count):

shared        SNVs that share one window, at random places of it
grid          SNVs within 10 kb, each with its window on the grid of bins
centred       the same, each in the middle of its own window
isolated      four SNVs too far apart to share anything, each in the middle of its window
saturation    all SNVs of 1 kb, in one window

Plain: the compiled Keras network over the reference and the alternative window of each allele, in
batches of one or two, whichever is faster; a few windows are timed, and scaled up. Incremental: all
alleles, timed whole. Both are warm. The weights are random, which cost what trained ones do. Run it
on a quiet machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from resources import machine

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError

NETWORKS = ["basenji2018:4229", "basenji2018:10", "basenji2:5313"]
CASES = ["shared", "grid", "centred", "isolated", "saturation"]


def measure(network: str, case: str, variants: int, batch_size: int) -> dict[str, Any]:
    """Measure one case of a network in a process of its own."""
    name, _, tracks = network.partition(":")
    command = [sys.executable, str(Path(__file__).with_name("measure_alleles.py"))]
    command += ["--network", name, "--tracks", tracks, "--case", case]
    command += ["--variants", str(variants), "--batch-size", str(batch_size)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def table(measurements: list[dict[str, Any]]) -> str:
    """Format the measurements as a Markdown table."""
    lines = [
        "| network | tracks | case | SNVs | plain | incremental | SNVs/s | ratio | where the time "
        "goes | peak | error |",
        "| --- " * 11 + "|",
    ]
    for row in measurements:
        parts = ", ".join(f"{name} {value:.2f} s" for name, value in row["parts"].items() if value)
        cells = [row["network"], f"{row['tracks']:,}", row["case"], f"{row['variants']:,}"]
        cells += [f"{row['plain_seconds']:.1f} s", f"{row['seconds']:.2f} s"]
        cells += [f"{row['variants_per_second']:.1f}", f"{row['ratio']:.1f}x", parts]
        cells += [f"{row['peak_bytes'] / 2**30:.2f} GiB", f"{row['error']:.0e}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    network: Annotated[list[str], typer.Option(help="PRESET:TRACKS; can be repeated.")] = NETWORKS,
    case: Annotated[list[str], typer.Option(help="A case; can be repeated.")] = CASES,
    variants: Annotated[
        int, typer.Option(min=1, help="SNVs of the cases shared, grid and centred.")
    ] = 100,
    batch_size: Annotated[int, typer.Option(min=1, help="Alleles computed at a time.")] = 8,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure incremental inference."""
    try:
        check_output(out, overwrite=overwrite)
        for one in network:
            if not one.partition(":")[2].isdecimal():
                raise InputError(f"--network {one}: expected PRESET:TRACKS, as {NETWORKS[0]}")
        if unknown := [one for one in case if one not in CASES]:
            raise InputError(f"--case {unknown[0]}: expected one of {', '.join(CASES)}")
        measurements = []
        for one in network:
            for each in case:
                print(f"measuring {one}, {each} ...", file=sys.stderr)
                measurements.append(measure(one, each, variants, batch_size))
                print(table(measurements).splitlines()[-1], file=sys.stderr)
                # What was measured is kept if a later case is interrupted.
                with atomic_path(out, overwrite=True) as temporary:
                    result = {"machine": machine(), "measurements": measurements}
                    temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(measurements))


if __name__ == "__main__":
    typer.run(main)
