"""Time and peak memory of the shipped model and of the full-size networks, as a table and JSON.

    python benchmarks/speed/resources.py --out build/resources.json

One process is measured for each network and dtype; see `measure_network.py`. Run it on a quiet
machine. The full-size networks have random weights, which cost what trained ones do.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
DTYPES = ("float32", "bfloat16")
MANY = 1000
BEGIN, END = "<!-- resources: begin -->", "<!-- resources: end -->"


@dataclass(frozen=True)
class Case:
    """A network to be measured: its option, and ``windows`` in batches for the throughput."""

    name: str
    source: tuple[str, ...]
    windows: int
    batch: int


def measure(case: Case, dtype: str) -> dict[str, Any]:
    """Measure a network in a process of its own.

    Returns
    -------
    dict
        The case's fields, the network's size, and seconds and peak bytes of each stage.
    """
    command = [sys.executable, str(Path(__file__).with_name("measure_network.py"))]
    command += [*case.source, "--dtype", dtype]
    command += ["--windows", str(case.windows), "--batch", str(case.batch)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    figures = json.loads(done.stdout.splitlines()[-1])
    return {
        "name": case.name,
        "windows": case.windows,
        "batch": case.batch,
        "dtype": dtype,
        **figures,
    }


def machine() -> dict[str, Any]:
    """Describe the processor, the memory (bytes) and the libraries."""
    processor = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    fields = dict(
        (part.strip() for part in line.split(":", 1))
        for line in processor.splitlines()
        if ":" in line
    )
    flags = fields.get("flags", "").split()
    return {
        "processor": fields.get("model name", "unknown"),
        "cores": len(os.sched_getaffinity(0)),
        "bfloat16": [flag for flag in ("avx512_bf16", "amx_bf16") if flag in flags],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": sys.version.split()[0],
        "versions": {
            name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")
        },
    }


def table(measurements: list[dict[str, Any]], host: dict[str, Any]) -> str:
    """Format the measurements as a Markdown table with the machine below it."""
    lines = [
        "| network | arithmetic | import | load | first window | one window | 1,000 windows |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in measurements:
        stages = row["stages"]
        cells = [
            f"{row['name']}: {row['window']:,} bp, {row['tracks']:,} tracks, "
            f"{row['parameters'] / 1e6:.2f} M parameters",
            row["dtype"],
        ]
        cells += [
            _cell(stages[stage]) for stage in ("import", "load", "first window", "one window")
        ]
        many, windows = stages["many windows"], row["windows"]
        if windows == MANY:
            cells.append(f"{_cell(many)}, batches of {row['batch']}")
        else:
            estimate = {**many, "seconds": many["seconds"] / windows * MANY}
            cells.append(f"about {_cell(estimate)}: {windows} windows measured")
        lines.append(f"| {' | '.join(cells)} |")
    versions = ", ".join(f"{name} {version}" for name, version in host["versions"].items())
    bfloat16 = " and ".join(host["bfloat16"]) or "no bfloat16 instructions"
    lines += [
        "",
        f"{host['processor']}, {host['cores']} cores, {bfloat16}, "
        f"{host['memory_bytes'] / 2**30:.0f} GiB of memory; Python {host['python']}, {versions}.",
    ]
    return "\n".join(lines)


def _cell(stage: dict[str, float]) -> str:
    seconds = stage["seconds"]
    if seconds < 1:
        duration = f"{seconds * 1000:.0f} ms"
    else:
        duration = f"{seconds:,.1f} s" if seconds < 100 else f"{seconds:,.0f} s"
    return f"{duration}, {stage['peak_bytes'] / 2**30:.2f} GiB"


def replace_table(path: Path, content: str) -> None:
    """Put a table between the two marks of a Markdown page.

    Raises
    ------
    InputError
        If the page has no such marks.
    """
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{path}: expected the lines {BEGIN} and {END} around the table")
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n{content}\n{END}{after}", encoding="utf-8")


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    model: Annotated[Path, typer.Option(help="The shipped model.")] = ROOT / "model_files",
    full_windows: Annotated[
        int,
        typer.Option(help="Windows measured of each full-size network; its 1,000 are estimated."),
    ] = 5,
    dtype: Annotated[list[str], typer.Option(help="Arithmetic; can be repeated.")] = list(DTYPES),  # noqa: B006 - typer copies it
    markdown: Annotated[
        Optional[Path], typer.Option(help="A page whose marked table is replaced.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure time and peak memory of the networks."""
    cases = [
        Case("shipped model", ("--bundle", str(model)), MANY, 8),
        Case("2018", ("--preset", "basenji2018"), full_windows, 1),
        Case("2020", ("--preset", "basenji2"), full_windows, 1),
    ]
    try:
        check_output(out, overwrite=overwrite)
        measurements = []
        for case in cases:
            for name in dtype:
                print(f"measuring {case.name}, {name} ...", file=sys.stderr)
                measurements.append(measure(case, name))
        host = machine()
        content = table(measurements, host)
        with atomic_path(out, overwrite=overwrite) as temporary:
            result = {"machine": host, "measurements": measurements}
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        if markdown:
            replace_table(markdown, content)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(content)


if __name__ == "__main__":
    typer.run(main)
