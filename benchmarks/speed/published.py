"""Time and memory of the published networks, read from their own files, by size of batch.

    python benchmarks/speed/published.py --out build/published.json

Without the files, ones of the published size with random weights are written first, which cost
what the published ones do. One process is measured for each network and size of batch; see
`measure_network.py`. Run it on a quiet machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from resources import ROOT, Case, machine, measure

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.published.family_2018 import read_params
from basenji_kipoi.published.family_2020 import Params
from basenji_kipoi.published.writing import (
    checkpoint_variables,
    write_checkpoint,
    write_keras_file,
)

GROUP = ROOT / "kipoi_models" / "published"
PARAMS_2018 = GROUP / "params_2018.txt"
PARAMS_2020 = GROUP / "params_2020_human.json"


def table(measurements: list[dict[str, Any]], host: dict[str, Any]) -> str:
    """Format the measurements as a Markdown table with the machine below it."""
    lines = [
        "| network | batch | load | a window | peak memory |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in measurements:
        load, many = row["stages"]["load"], row["stages"]["many windows"]
        lines.append(
            f"| {row['name']}: {row['parameters'] / 1e6:.2f} M weights | {row['batch']} "
            f"| {load['seconds']:.1f} s | {many['seconds'] / row['windows']:.2f} s "
            f"| {many['peak_bytes'] / 2**30:.1f} GiB |"
        )
    versions = ", ".join(f"{name} {version}" for name, version in host["versions"].items())
    return "\n".join([*lines, "", f"{host['processor']}, {host['cores']} cores; {versions}."])


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    checkpoint: Annotated[
        Optional[str], typer.Option(help="The 2018 checkpoint's prefix.", show_default="random")
    ] = None,
    h5: Annotated[
        Optional[str], typer.Option(help="Basenji2's human file.", show_default="random")
    ] = None,
    windows: Annotated[int, typer.Option(help="Windows to measure.")] = 16,
    batch: Annotated[list[int], typer.Option(help="Windows a batch; can be repeated.")] = [1, 2, 8],  # noqa: B006 - typer copies it
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure load time, time a window and peak memory of the published networks."""
    try:
        check_output(out, overwrite=overwrite)
        with tempfile.TemporaryDirectory() as folder:
            if checkpoint is None:
                network = randomised(build_network(read_params(PARAMS_2018)))
                variables = checkpoint_variables(network)
                checkpoint = str(write_checkpoint(Path(folder) / "model.tf", variables))
            if h5 is None:
                network = randomised(build_network(Params.read(PARAMS_2020).architecture("human")))
                h5 = str(write_keras_file(Path(folder) / "model_human.h5", network))
            sources = {
                "2018": ("--checkpoint", checkpoint, "--params", str(PARAMS_2018)),
                "Basenji2, human": ("--h5", h5, "--params", str(PARAMS_2020)),
            }
            measurements = []
            for name, source in sources.items():
                for size in batch:
                    print(f"measuring {name}, batches of {size} ...", file=sys.stderr)
                    case = Case(name, source, max(windows, size), size)
                    measurements.append(measure(case, "float32"))
        host = machine()
        with atomic_path(out, overwrite=overwrite) as temporary:
            result = {"machine": host, "measurements": measurements}
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(measurements, host))


if __name__ == "__main__":
    typer.run(main)
