"""Speed of incremental inference against plain passes of the whole network, as a table and JSON.

    python benchmarks/incremental.py --out build/incremental.json

SNVs that share one window, at random positions of it, scored by the sum of differences over the
bins. Plain: the compiled Keras network over the reference and the alternative window of each SNV;
a few windows are measured, and scaled up. Incremental: one reference pass and all alleles, measured
whole. Both are warm. The weights are random, which cost what trained ones do. Run it on a quiet
machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from measure_network import peak_bytes
from resources import machine

from basenji_kipoi.architecture import Architecture, Pooling
from basenji_kipoi.atomic import atomic_path, check_output
from basenji_kipoi.errors import InputError
from basenji_kipoi.incremental import IncrementalNetwork
from basenji_kipoi.network import build_network
from basenji_kipoi.presets import read_preset
from basenji_kipoi.sequence import one_hot

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

NETWORKS = ["basenji2018:10", "basenji2018:4229"]
REPEATS = 3
#: Largest error of an allele's predictions, relative to the largest prediction.
TOLERANCE = 1e-5


def seconds_of(function: Callable[[], Any]) -> float:
    """Return the median time of a call, behind one that warms up."""
    function()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure(name: str, tracks: int, variants: int, batch_size: int) -> dict[str, Any]:
    """Measure one network.

    Returns
    -------
    dict
        Seconds of both ways for all variants, those of the incremental way's parts, and the error.
    """
    architecture = read_preset(name).with_tracks(tracks)
    network = build_network(architecture)
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, architecture.window, dtype=np.uint8)
    positions = random.integers(0, architecture.window, variants)
    alternatives = (codes[positions] + random.integers(1, 4, variants, dtype=np.uint8)) % 4

    plain = {}
    for batch in (1, 2):
        windows = one_hot(np.repeat(codes[None], batch, axis=0))
        plain[batch] = seconds_of(lambda x=windows: network.predict_on_batch(x).sum(axis=1)) / batch

    def alleles(architecture: Architecture) -> float:
        engine = IncrementalNetwork(
            architecture, build_network(architecture), batch_size=batch_size
        )
        reference = engine.reference(codes)
        return seconds_of(lambda: engine.totals(reference, positions, alternatives))

    engine = IncrementalNetwork(architecture, network, batch_size=batch_size)
    reference = engine.reference(codes)
    first = seconds_of(lambda: engine.reference(codes))
    whole = seconds_of(lambda: engine.totals(reference, positions, alternatives))
    peak = peak_bytes()
    trunk = alleles(architecture.with_tracks(1))
    tower = alleles(tower_of(architecture))
    plain_seconds = min(plain.values()) * 2 * variants
    return {
        "network": name,
        "tracks": tracks,
        "variants": variants,
        "batch_size": batch_size,
        "plain_seconds_a_window": plain,
        "plain_seconds": plain_seconds,
        "seconds": first + whole,
        "variants_per_second": variants / (first + whole),
        "ratio": plain_seconds / (first + whole),
        "parts": {
            "reference": first,
            "tower": tower,
            "dilated": trunk - tower,
            "head": whole - trunk,
        },
        "kept_bytes": reference.nbytes,
        "peak_bytes": peak,
        **error_of(engine, network, codes, positions[0], alternatives[0]),
    }


def tower_of(architecture: Architecture) -> Architecture:
    """Describe the network up to its last pooling, with a head of one track."""
    pools = [i for i, step in enumerate(architecture.trunk) if isinstance(step, Pooling)]
    content = architecture.with_tracks(1).model_dump()
    return Architecture.model_validate({**content, "trunk": content["trunk"][: pools[-1] + 1]})


def error_of(
    engine: IncrementalNetwork, network: keras.Model, codes: np.ndarray, position: int, base: int
) -> dict[str, float]:
    """Compare an allele with the whole network.

    Raises
    ------
    ArithmeticError
        If they differ by more than rounding.
    """
    reference = engine.reference(codes)
    changes = engine.substitutions(reference, np.array([position]), np.array([base]))
    codes = codes.copy()
    codes[position] = base
    expected = network.predict_on_batch(one_hot(codes[None]))[0]
    error = float(np.abs(changes.expand(reference)[0] - expected).max() / np.abs(expected).max())
    if not error < TOLERANCE:
        raise ArithmeticError(f"the incremental predictions are off by {error}")
    return {"error": error, "change": float(np.abs(expected - reference.values).max())}


def table(measurements: list[dict[str, Any]]) -> str:
    """Format the measurements as a Markdown table."""
    lines = [
        "| network | tracks | SNVs | plain | incremental | SNVs/s | ratio | reference | tower | "
        "dilated | head | kept | peak | error |",
        "| --- " * 14 + "|",
    ]
    for row in measurements:
        cells = [row["network"], f"{row['tracks']:,}", f"{row['variants']:,}"]
        cells += [f"{row['plain_seconds']:.1f} s", f"{row['seconds']:.2f} s"]
        cells += [f"{row['variants_per_second']:.1f}", f"{row['ratio']:.0f}x"]
        cells += [f"{seconds:.2f} s" for seconds in row["parts"].values()]
        cells += [f"{row[name] / 2**30:.2f} GiB" for name in ("kept_bytes", "peak_bytes")]
        cells.append(f"{row['error']:.0e}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    network: Annotated[list[str], typer.Option(help="PRESET:TRACKS; can be repeated.")] = NETWORKS,
    variants: Annotated[int, typer.Option(min=1, help="SNVs that share the window.")] = 100,
    batch_size: Annotated[int, typer.Option(min=1, help="Alleles computed at a time.")] = 8,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure incremental inference."""
    try:
        check_output(out, overwrite=overwrite)
        measurements = []
        for case in network:
            name, _, tracks = case.partition(":")
            if not tracks.isdecimal():
                raise InputError(f"--network {case}: expected PRESET:TRACKS, as {NETWORKS[0]}")
            print(f"measuring {name} with {tracks} tracks ...", file=sys.stderr)
            measurements.append(measure(name, int(tracks), variants, batch_size))
        with atomic_path(out, overwrite=overwrite) as temporary:
            result = {"machine": machine(), "measurements": measurements}
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(measurements))


if __name__ == "__main__":
    typer.run(main)
