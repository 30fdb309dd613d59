"""What training a network in folds would take on devices that never trained it: projected.

    python benchmarks/speed/training_cost.py --out build/training_cost.json

The arithmetic of a window is counted: multiplications and additions of convolutions and heads,
three times those of a prediction for a training step. What a device reached in a training that was
measured, of a small network, says how fast it is at least; a share of its peak is what a large
network may reach. Folds do not wait for each other: up to one device a fold nothing is lost, and
more devices share a fold's batch, at best without loss. Nothing of this is a measurement.
"""

from __future__ import annotations

import heapq
import json
from pathlib import Path
from typing import Annotated

import typer

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.presets.presets import read_preset

ROOT = Path(__file__).resolve().parents[2]
#: A training step computes the network forwards once and, for its gradients, twice as much.
STEP = 3


def operations_of(architecture: Architecture) -> int:
    """Count the multiplications and additions of the convolutions and heads in a whole pass."""
    import keras  # noqa: PLC0415 - seconds

    from basenji_kipoi.models.networks.building import build_network  # noqa: PLC0415

    total = 0
    for layer in build_network(architecture).layers:
        if isinstance(layer, (keras.layers.Conv1D, keras.layers.Dense)):
            size = 1
            for each in layer.kernel.shape:
                size *= each
            total += 2 * size * layer.output.shape[1]
    return total


def hours_of(fold: float, folds: int, batch: int, devices: int) -> float:
    """Lay folds out over devices: when the last one ends (h).

    Parameters
    ----------
    fold
        What a fold takes on one device (h).
    folds
        How many there are.
    batch
        Windows of a step, which a fold's devices share evenly.
    devices
        How many there are.
    """
    shared = max(
        (n for n in range(1, batch + 1) if batch % n == 0 and n * folds <= devices), default=1
    )
    ends = [0.0] * max(1, min(devices // shared, folds))
    for _ in range(folds):
        heapq.heapreplace(ends, ends[0] + fold / shared)
    return max(ends)


def main(
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    network: Annotated[str, typer.Option(help="Preset that is trained.")] = "basenji2",
    windows: Annotated[int, typer.Option(help="Windows of an epoch.")] = 27_000,
    epochs: Annotated[int, typer.Option(help="Epochs of a fold.")] = 50,
    folds: Annotated[int, typer.Option(help="Folds.")] = 10,
    batch: Annotated[int, typer.Option(help="Windows of a step.")] = 4,
    devices: Annotated[str, typer.Option(help="Numbers of devices, by commas.")] = "1,8,64",
    seen: Annotated[Path, typer.Option(help="Architecture that a device trained.")] = (
        ROOT / "model_files" / "architecture.json"
    ),
    seen_windows: Annotated[int, typer.Option(help="Windows of its epochs.")] = 580,
    seen_together: Annotated[int, typer.Option(help="Trainings on the device at once.")] = 10,
    seen_seconds: Annotated[float, typer.Option(help="What an epoch took then (s).")] = 5.7,
    peak: Annotated[float, typer.Option(help="The device's peak (TFLOP/s).")] = 989.0,
    share: Annotated[float, typer.Option(help="Share of it that is assumed.")] = 0.2,
) -> None:
    """Count, project, print a table."""
    small, large = (operations_of(each) for each in (Architecture.read(seen), read_preset(network)))
    reached = small * STEP * seen_windows * seen_together / seen_seconds
    rates = {"reached by small networks": reached, f"{share:.0%} of the peak": share * peak * 1e12}
    numbers = [int(each) for each in devices.split(",")]
    rows = []
    for name, rate in rates.items():
        epoch = large * STEP * windows / rate
        hours = [hours_of(epoch * epochs / 3600, folds, batch, number) for number in numbers]
        rows.append({"rate": name, "flop_per_s": rate, "epoch_s": epoch, "hours": hours})
    found = {
        "network": network,
        "operations_of_a_window": large,
        "operations_of_a_window_seen": small,
        "folds": folds,
        "epochs": epochs,
        "devices": numbers,
        "projected": rows,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out, overwrite=True) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"a window: {large / 1e9:.1f} GFLOP of {network}, {small / 1e9:.2f} of the one seen")
    print("| rate | TFLOP/s | an epoch | " + " | ".join(f"{n} devices" for n in numbers) + " |")
    print("| --- " * (3 + len(numbers)) + "|")
    for row in rows:
        hours = " | ".join(f"{each:,.1f} h" for each in row["hours"])
        rate, minutes = row["flop_per_s"] / 1e12, row["epoch_s"] / 60
        print(f"| {row['rate']} | {rate:.1f} | {minutes:.1f} minutes | {hours} |")


if __name__ == "__main__":
    typer.run(main)
