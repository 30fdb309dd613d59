"""Attributions beside those of tangermeme, of one network in both.

    python -m venv build/peers && build/peers/bin/pip install tangermeme
    .venv/bin/python benchmarks/speed/peers.py --model model_files \
        --peer build/peers/bin/python --out build/peers.json

The first network of the model is written as PyTorch modules with the same weights; both programs
explain the same windows of random bases on one strand: one track, summed over the bins that overlap
the middle 512 bp.

- gradient: times input, minus its mean over the four letters (`attribute`; `saliency`), all bases;
- mutation: every substitution of the middle bases, minus the mean over the letters
  (`attribute --method mutation`; `saturation_mutagenesis`, with and without its fast path);
- marginal: a motif put into the windows at several places, as log2 of the ratio (`insert`;
  `substitute` and `predict`, as its `marginalize` has them at one place).

Told of each: the largest difference as a share of the largest value, and processor seconds on one
thread, of the second time each is run, for the first one compiles. Both programs run in processes
of their own, one after the other.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

# Before TensorFlow is imported, and for the other program too.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)  # fmt: skip
os.environ.update(ONE_THREAD)

import numpy as np  # noqa: E402
import typer  # noqa: E402

from basenji_kipoi.base.atomic import atomic_path, check_output  # noqa: E402
from basenji_kipoi.base.errors import InputError  # noqa: E402
from basenji_kipoi.base.sequence import letters  # noqa: E402
from basenji_kipoi.genome.fasta import Genome  # noqa: E402
from basenji_kipoi.genome.intervals import Interval  # noqa: E402
from basenji_kipoi.interpretation.attribution.methods import GradientMethod  # noqa: E402
from basenji_kipoi.interpretation.attribution.mutation import MutationMethod  # noqa: E402
from basenji_kipoi.interpretation.attribution.outputs import Output  # noqa: E402
from basenji_kipoi.interpretation.attribution.questions import Question  # noqa: E402
from basenji_kipoi.interpretation.insertion.backgrounds import Background  # noqa: E402
from basenji_kipoi.interpretation.insertion.experiment import Experiment  # noqa: E402
from basenji_kipoi.interpretation.insertion.options import InsertOptions  # noqa: E402
from basenji_kipoi.interpretation.insertion.predictors import TrackPredictor  # noqa: E402
from basenji_kipoi.models.model import Model, load  # noqa: E402
from basenji_kipoi.models.networks.building import layer_name  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras

    from basenji_kipoi.models.networks.operations import Operation

MOTIF, WIDTH, BATCH, REPEATS = "TTACCCGG", 512, 32, 3
PLACES = tuple(range(-240, 241, 20))


def described(operations: Sequence[Operation], prefix: str) -> list[dict[str, Any]]:
    """Describe operations with the names of their layers."""
    found = []
    for position, operation in enumerate(operations):
        name = layer_name(prefix, position, operation)
        entry = {**operation.model_dump(), "name": name}
        if "branch" in entry:
            entry["branch"] = described(operation.branch, name)
        found.append(entry)
    return found


def written(
    path: Path, model: Model, network: keras.Model, codes: np.ndarray, asked: dict[str, Any]
) -> None:
    """Write the network, its weights, the windows and what is asked of them."""
    weights = {
        f"{layer.name}/{number}": values
        for layer in network.layers
        for number, values in enumerate(layer.get_weights())
    }
    ((name, head),) = model.architecture.heads.items()
    matrix = weights.pop(f"head_{name}/0")
    weights[f"head_{name}/0"] = matrix[None] if matrix.ndim == 2 else matrix
    last = [
        {"op": "convolution", "dilation": 1, "name": f"head_{name}"},
        {"op": "activation", "function": head.activation},
    ]
    operations = [*described(model.architecture.trunk, "trunk"), *last]
    job = json.dumps({"operations": operations, **asked})
    np.savez(path, job=np.array(job), codes=codes, **weights)


def timed(run: Callable[[], np.ndarray], repeats: int) -> tuple[np.ndarray, list[float]]:
    """Run once untimed, then several times; return what it finds, and processor seconds."""
    run()
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        found = run()
        spent.append(time.process_time() - began)
    return found, spent


def our_answers(
    bundles: list[Any], genome: Genome, track: int, bases: int
) -> tuple[dict[str, np.ndarray], dict[str, list[float]], tuple[int, int]]:
    """Explain the windows with this package: hypothetical contributions (windows, 4, bases)."""
    model = Model(bundles)
    options = InsertOptions(
        (MOTIF,), positions=PLACES, orientations=("+",), tracks=str(track), both_strands=False
    )
    predictor = TrackPredictor(model, options)
    bins = predictor.bins
    window = model.architecture.window
    output = [Output("track", (track,))]

    def explained(method: Any, start: int, end: int) -> np.ndarray:  # noqa: ANN401
        found = []
        for number, contig in enumerate(genome.lengths):
            question = Question(Interval(contig, start, end), 0, tuple(bins))
            answer = method.explain(question, number, lambda _: None)
            found.append(answer.hypothetical[:, :, 0].T)
        return np.stack(found)

    backgrounds = [Background(name, genome.codes(name, 0, window)) for name in genome.lengths]
    work = Experiment(predictor, backgrounds, options)

    def marginal() -> np.ndarray:
        found = np.stack([work.predict(number)[:, 0] for number in range(len(backgrounds))])
        return found.T

    begin = (window - bases) // 2
    gradient = GradientMethod(bundles, genome, output, both_strands=False)
    mutation = MutationMethod(bundles, genome, output, both_strands=False)
    found, seconds = {}, {}
    found["gradient"], seconds["gradient"] = timed(lambda: explained(gradient, 0, window), REPEATS)
    found["mutation"], seconds["mutation"] = timed(
        lambda: explained(mutation, begin, begin + bases), 1
    )
    both, seconds["marginal"] = timed(marginal, REPEATS)
    found["values"], found["marginal"] = both[0], both[1:]
    return found, seconds, (bins.start, bins.stop)


def compared(
    ours: dict[str, np.ndarray],
    seconds: dict[str, list[float]],
    theirs: dict[str, np.ndarray],
    their_seconds: dict[str, list[float]],
) -> list[dict[str, Any]]:
    """Set answers and seconds side by side, a row a method."""
    cases = (
        ("gradient", "gradient"),
        ("mutation", "mutation"),
        ("mutation", "mutation fast"),
        ("marginal", "marginal"),
    )
    rows = []
    for name, other in cases:
        one, two = ours[name], theirs[other]
        if name == "marginal":
            one, two = (np.log2(each / values) for each, values in (
                (one, ours["values"]), (two, theirs["values"])
            ))  # fmt: skip
        spent = [float(np.median(each)) for each in (seconds[name], their_seconds[other])]
        rows.append(
            {
                "method": other,
                "values": int(one.size),
                "difference": float(np.abs(one - two).max() / np.abs(two).max()),
                "seconds": spent[0],
                "their_seconds": spent[1],
                "ratio": spent[1] / spent[0],
            }
        )
    return rows


def main(
    model: Annotated[Path, typer.Option(help="The model (a bundle); its first network counts.")],
    peer: Annotated[Path, typer.Option(help="Python of the environment that has tangermeme.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    windows: Annotated[int, typer.Option(min=1, help="Windows of random bases.")] = 2,
    bases: Annotated[int, typer.Option(min=1, help="Bases of each that are mutated (bp).")] = 256,
    track: Annotated[int, typer.Option(min=0, help="Index of the track.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Compare attributions with those of tangermeme."""
    try:
        check_output(out, overwrite=overwrite)
        if not peer.is_file():
            raise InputError(f"{peer} is missing: --peer names the Python that has tangermeme")
        bundles = load(model).members[:1]
        one = Model(bundles)
        length = one.architecture.window
        random = np.random.default_rng(0)
        codes = random.integers(0, 4, (windows, length), dtype=np.uint8)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            text = "".join(f">w{n}\n{''.join(letters(c))}\n" for n, c in enumerate(codes))
            (folder / "windows.fa").write_text(text)
            with Genome(folder / "windows.fa") as genome:
                ours, seconds, bins = our_answers(bundles, genome, track, bases)
            begin = (length - bases) // 2
            asked = {
                "track": track, "bins": bins, "mutated": [begin, begin + bases], "motif": MOTIF,
                "places": [length // 2 + place - len(MOTIF) // 2 for place in PLACES],
                "batch": BATCH, "repeats": REPEATS,
            }  # fmt: skip
            network = bundles[0].network(both_strands=False)
            written(folder / "job.npz", one, network, codes, asked)
            script = Path(__file__).with_name("peers_torch.py")
            done = subprocess.run(
                [peer, script, folder / "job.npz", folder / "found.npz"],
                env={**os.environ, **ONE_THREAD}, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["it said nothing"]
                raise InputError(f"{peer} {script.name}: {lines[-1]}")
            with np.load(folder / "found.npz") as content:
                theirs = dict(content)
        said = json.loads(str(theirs.pop("said")))
        rows = compared(ours, seconds, theirs, said["seconds"])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    result = {
        "model": one.name,
        "windows": windows,
        "window": length,
        "bases": bases,
        "versions": {"python": platform.python_version(), **said["versions"]},
        "predictions": float(
            np.abs(ours["values"] - theirs["values"]).max() / np.abs(theirs["values"]).max()
        ),
        "rows": rows,
    }
    with atomic_path(out, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("| method | values | largest difference | seconds | tangermeme's | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row['method']} | {row['values']:,} | {row['difference']:.1e} | "
            f"{row['seconds']:.2f} | {row['their_seconds']:.2f} | {row['ratio']:.1f} |"
        )


if __name__ == "__main__":
    typer.run(main)
