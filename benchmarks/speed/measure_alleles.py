"""Measure one case of incremental inference in this process; print the figures as a line of JSON.

`incremental.py` starts it once for each network and case, so that no measurement inherits memory or
compiled functions from another.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measure_network import peak_bytes
from random_model import save_random

from basenji_kipoi.base.resources import MEMORY_BYTES
from basenji_kipoi.base.sequence import ALPHABET, Allele, one_hot
from basenji_kipoi.effects.engine import PlainEngine
from basenji_kipoi.effects.stretch_engine import StretchEngine
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.incremental.steps import lower
from basenji_kipoi.models.incremental.window import IncrementalNetwork
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.operations import Pooling
from basenji_kipoi.models.networks.presets.presets import read_preset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras

    from basenji_kipoi.models.bundle import Bundle

#: Largest error of predictions, relative to the largest one.
TOLERANCE = 1e-5
SPAN = 10_000  # bp, within which neighbouring SNVs lie
SATURATED = 1_000  # bp


def seconds_of(function: Callable[[], Any], repeats: int = 3) -> float:
    """Return the median time of a call, behind one that warms up."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def other_bases(codes: np.ndarray) -> np.ndarray:
    """Draw a base that differs from each code."""
    random = np.random.default_rng(1)
    return (codes + random.integers(1, 4, len(codes), dtype=np.uint8)) % 4


# ---- alleles of one window ----


def one_window(
    architecture: Architecture, network: keras.Model, positions: np.ndarray, batch_size: int
) -> dict[str, Any]:
    """Measure SNVs of one window: all in one pass of reference, scored by sums of differences."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, architecture.window, dtype=np.uint8)
    bases = other_bases(codes[positions])
    repeats = 1 if len(positions) > 1000 else 3

    def alleles(architecture: Architecture, network: keras.Model) -> float:
        engine = IncrementalNetwork(lower(architecture, network), batch_size=batch_size)
        reference = engine.reference(codes)
        engine.totals(reference, positions[:batch_size], bases[:batch_size])
        some = seconds_of(lambda: engine.totals(reference, positions[:96], bases[:96]))
        return some * len(positions) / min(len(positions), 96)

    engine = IncrementalNetwork(lower(architecture, network), batch_size=batch_size)
    reference = engine.reference(codes)
    first = seconds_of(lambda: engine.reference(codes), repeats)
    engine.totals(reference, positions[:batch_size], bases[:batch_size])
    start = time.perf_counter()
    engine.totals(reference, positions, bases)
    whole = time.perf_counter() - start
    peak = peak_bytes()
    # The head's part and that of the layers behind the tower follow from smaller networks.
    one = architecture.with_tracks(1)
    trunk = alleles(one, build_network(one))
    tower = alleles(tower_of(architecture), build_network(tower_of(architecture)))
    changes = engine.substitutions(reference, positions[:1], bases[:1])
    codes[positions[0]] = bases[0]
    expected = network.predict_on_batch(one_hot(codes[None]))[0]
    return {
        "seconds": first + whole,
        "peak_bytes": peak,
        "parts": {
            "reference": first,
            "tower": tower,
            "dilated": max(trunk - tower, 0.0),
            "head": max(whole - trunk, 0.0),
            "reading": 0.0,
        },
        "error": relative_error(changes.expand(reference)[0], expected),
    }


def tower_of(architecture: Architecture) -> Architecture:
    """Describe the network up to its last pooling, with a head of one track."""
    pools = [i for i, step in enumerate(architecture.trunk) if isinstance(step, Pooling)]
    content = architecture.with_tracks(1).model_dump()
    return Architecture.model_validate({**content, "trunk": content["trunk"][: pools[-1] + 1]})


# ---- alleles with windows of their own ----


def own_windows(
    bundle: Bundle, genome: Genome, positions: Sequence[int], *, grid: bool
) -> dict[str, Any]:
    """Measure SNVs with a window each, from reading the genome to sums of differences."""
    architecture = bundle.architecture
    requests = []
    for position, base in zip(positions, np.random.default_rng(2).integers(0, 4, len(positions))):
        start = position - architecture.window // 2 + 1
        if grid:
            start = round(start / architecture.bin) * architecture.bin
        allele = Allele(position - start, 1, np.array([base], dtype=np.uint8))
        requests.append(AlleleWindow("one", start, allele))
    plain = PlainEngine([bundle], genome)
    engine = StretchEngine([bundle], genome, other=lambda: plain, memory_bytes=MEMORY_BYTES)
    if not all(engine.is_local(request.allele) for request in requests):
        raise ValueError("the bins that an allele changes see an end of its window")
    parts = dict.fromkeys(("tower", "dilated", "alleles", "reading"), 0.0)
    watch(engine._networks[0], genome, parts)

    def score() -> np.ndarray:
        sums = np.empty((len(requests), engine.tracks), dtype=np.float32)
        for group in engine.groups(requests):
            effects = engine.effects([requests[index] for index in group])
            differences = effects.alternative - effects.reference
            differences[~effects.valid] = 0
            sums[group] = differences.sum(axis=1)
        return sums

    score()
    parts.update(dict.fromkeys(parts, 0.0))
    start = time.perf_counter()
    score()
    seconds = time.perf_counter() - start
    spent, peak = dict(parts), peak_bytes()
    found, expected = engine.effects(requests[:1]), plain.effects(requests[:1])
    rows = np.flatnonzero(found.valid[0])
    return {
        "seconds": seconds,
        "peak_bytes": peak,
        "parts": {**spent, "rest": seconds - sum(spent.values())},
        "error": relative_error(found.alternative[0, rows], expected.alternative[0, rows]),
    }


def watch(network: Any, genome: Genome, parts: dict[str, float]) -> None:  # noqa: ANN401 - private
    """Add up the time that the parts of an engine take."""

    def timed(function: Callable, name: str) -> Callable:
        def run(*arguments: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
            start = time.perf_counter()
            found = function(*arguments)
            parts[name] += time.perf_counter() - start
            return found

        return run

    names = {"_enter": "tower", "_next": "tower", "_finish": "dilated", "_rows": "alleles"}
    for attribute, name in names.items():
        make = getattr(network, attribute)
        setattr(network, attribute, lambda *sizes, make=make, name=name: timed(make(*sizes), name))
    genome.codes = timed(genome.codes, "reading")


def relative_error(values: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest error, relative to the largest value; raise if it is not rounding."""
    error = float(np.abs(values - expected).max() / np.abs(expected).max())
    if not error < TOLERANCE:
        raise ArithmeticError(f"the incremental predictions are off by {error}")
    return error


# ---- cases ----


def measure(name: str, tracks: int, case: str, variants: int, batch_size: int) -> dict[str, Any]:
    """Measure one case.

    Returns
    -------
    dict
        Seconds of both ways for all alleles, those of the parts, memory and error.
    """
    architecture = read_preset(name).with_tracks(tracks)
    network = build_network(architecture)
    window, random = architecture.window, np.random.default_rng(3)
    plain = {}
    for batch in (1, 2):
        codes = random.integers(0, 4, (batch, window), dtype=np.uint8)
        # Called as compiled, the sum over bins included: what a plain scorer does.
        windows = one_hot(codes)
        seconds = seconds_of(lambda x=windows: network.predict_on_batch(x).sum(axis=1), 2)
        plain[batch] = seconds / batch
    if case == "shared":
        found = one_window(architecture, network, random.integers(0, window, variants), batch_size)
    elif case == "saturation":
        variants = 3 * SATURATED
        positions = window // 2 + np.repeat(np.arange(SATURATED), 3)
        found = one_window(architecture, network, positions, batch_size)
    else:
        with tempfile.TemporaryDirectory() as folder:
            bundle, genome = write_files(Path(folder), architecture, network)
            if case == "isolated":
                variants = 4
                positions = window * (1 + np.arange(variants)) + random.integers(0, 128, variants)
            else:
                positions = 3 * window + random.integers(0, SPAN, variants)
            found = own_windows(bundle, genome, positions.tolist(), grid=case == "grid")
    plain_seconds = min(plain.values()) * 2 * variants
    return {
        "network": name,
        "tracks": tracks,
        "case": case,
        "variants": variants,
        "plain_seconds_a_window": plain,
        "plain_seconds": plain_seconds,
        "variants_per_second": variants / found["seconds"],
        "ratio": plain_seconds / found["seconds"],
        **found,
    }


def write_files(
    folder: Path, architecture: Architecture, network: keras.Model
) -> tuple[Bundle, Genome]:
    """Write the network as a bundle, and a genome of random bases."""
    bundle = save_random(folder / "bundle", network, architecture)
    codes = np.random.default_rng(4).integers(0, 4, 6 * architecture.window)
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[codes].tobytes()
    (folder / "genome.fa").write_bytes(b">one\n" + letters + b"\n")
    return bundle, Genome(folder / "genome.fa")


def main() -> None:
    """Measure the case that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True)
    parser.add_argument("--tracks", type=int, required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--variants", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    given = parser.parse_args()
    print(
        json.dumps(
            measure(**{name.replace("network", "name"): v for name, v in vars(given).items()})
        )
    )


if __name__ == "__main__":
    main()
