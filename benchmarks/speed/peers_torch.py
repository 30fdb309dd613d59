"""What tangermeme says of a network that peers.py describes. Runs in an environment of its own.

    python peers_torch.py JOB.npz FOUND.npz

JOB has the network as JSON with the names of its layers, their weights, windows, and what is asked;
FOUND gets what tangermeme finds, and seconds of each method.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from tangermeme import saturation_mutagenesis as mutagenesis
from tangermeme.ersatz import substitute
from tangermeme.predict import predict
from tangermeme.saliency import saliency


class ExpLinear(torch.nn.Module):
    """exp(x) below zero, x + 1 above."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        return torch.nn.functional.elu(x) + 1


FUNCTIONS = {
    "relu": torch.nn.ReLU,
    "gelu_tanh": lambda: torch.nn.GELU(approximate="tanh"),
    "gelu_erf": torch.nn.GELU,
    "softplus": torch.nn.Softplus,
    "exp_linear": ExpLinear,
    "linear": torch.nn.Identity,
}


class Crop(torch.nn.Module):
    """Leaves bins at both ends out."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Crop (batch, channels, bins)."""
        return x[:, :, self.bins : x.shape[2] - self.bins]


class Branch(torch.nn.Module):
    """A branch that is added to what it came from, or set beside it."""

    def __init__(self, branch: torch.nn.Module, *, adds: bool) -> None:
        super().__init__()
        self.branch, self.adds = branch, adds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Join the branch with its input (batch, channels, positions)."""
        found = self.branch(x)
        return x + found if self.adds else torch.cat([x, found], dim=1)


class SumOfBins(torch.nn.Module):
    """The sum of one track over some bins: (batch, 1)."""

    def __init__(self, trunk: torch.nn.Module, track: int, bins: tuple[int, int]) -> None:
        super().__init__()
        self.trunk, self.track, self.bins = trunk, track, bins

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict and sum."""
        found = self.trunk(x)[:, self.track, self.bins[0] : self.bins[1]]
        return found.sum(dim=-1, keepdim=True)


def converted(operations: list[dict], weights: dict[str, np.ndarray]) -> torch.nn.Sequential:
    """Make modules of operations, with their weights."""
    return torch.nn.Sequential(*(module_of(operation, weights) for operation in operations))


def module_of(operation: dict, weights: dict[str, np.ndarray]) -> torch.nn.Module:
    """Make the module of an operation."""
    kind = operation["op"]
    if kind == "convolution":
        # Keras has (taps, channels, filters), PyTorch (filters, channels, taps).
        kernel = weights[f"{operation['name']}/0"].transpose(2, 1, 0)
        bias = weights.get(f"{operation['name']}/1")
        made = torch.nn.Conv1d(
            kernel.shape[1], kernel.shape[0], kernel.shape[2],
            dilation=operation["dilation"], padding="same", bias=bias is not None,
        )  # fmt: skip
        made.weight.data = torch.from_numpy(kernel.copy())
        if bias is not None:
            made.bias.data = torch.from_numpy(bias.copy())
        return made
    if kind == "normalisation":
        parts = [torch.from_numpy(weights[f"{operation['name']}/{n}"].copy()) for n in range(4)]
        made = torch.nn.BatchNorm1d(len(parts[0]), eps=operation["epsilon"])
        made.weight.data, made.bias.data, made.running_mean, made.running_var = parts
        return made
    if kind in ("residual", "concatenate"):
        return Branch(converted(operation["branch"], weights), adds=kind == "residual")
    if kind == "activation":
        return FUNCTIONS[operation["function"]]()
    if kind == "pooling":
        return torch.nn.MaxPool1d(operation["size"])
    return Crop(operation["bins"]) if kind == "crop" else torch.nn.Identity()


def timed(run: Callable[[], np.ndarray], seconds: dict, name: str, repeats: int) -> np.ndarray:
    """Run once untimed, then several times; keep processor seconds and return what it finds."""
    run()
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        found = run()
        spent.append(time.process_time() - began)
    seconds[name] = spent
    return found


def main() -> None:
    """Answer the job."""
    torch.set_num_threads(1)
    job, out = sys.argv[1:]
    with np.load(job) as content:
        arrays = dict(content)
    asked = json.loads(str(arrays.pop("job")))
    trunk = converted(asked["operations"], arrays)
    model = SumOfBins(trunk, asked["track"], tuple(asked["bins"])).eval()
    codes = torch.from_numpy(arrays["codes"].astype(np.int64))
    windows = torch.nn.functional.one_hot(codes, 4).transpose(1, 2).to(torch.int8)
    start, end, repeats = *asked["mutated"], asked["repeats"]
    seconds: dict[str, list[float]] = {}

    def mutated(*, fast: bool) -> np.ndarray:
        # It is not even tried for jobs of less than half a minute otherwise.
        mutagenesis._FAST_MIN_SECONDS = 0.0
        return mutagenesis.saturation_mutagenesis(
            model, windows, start=start, end=end, hypothetical=True, fast=fast, device="cpu",
            batch_size=asked["batch"],
        ).numpy()  # fmt: skip

    def marginal() -> np.ndarray:
        return np.stack(
            [
                predict(
                    model, substitute(windows, asked["motif"], start=place), device="cpu",
                    batch_size=asked["batch"],
                ).numpy()[:, 0]
                for place in asked["places"]
            ]
        )  # fmt: skip

    with torch.no_grad():
        values = predict(model, windows, device="cpu", batch_size=asked["batch"]).numpy()[:, 0]
    found = {
        "values": values,
        "gradient": timed(
            lambda: saliency(model, windows, hypothetical=True, device="cpu").detach().numpy(),
            seconds, "gradient", repeats,
        ),
        "mutation": timed(lambda: mutated(fast=False), seconds, "mutation", 1),
        "mutation fast": timed(lambda: mutated(fast=True), seconds, "mutation fast", 1),
        "marginal": timed(marginal, seconds, "marginal", repeats),
    }  # fmt: skip
    versions = {name: importlib.metadata.version(name) for name in ("tangermeme", "torch")}
    said = json.dumps({"seconds": seconds, "versions": versions})
    np.savez(out, said=np.array(said), **found)


if __name__ == "__main__":
    main()
