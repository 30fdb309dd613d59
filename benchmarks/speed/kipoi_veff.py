"""Speed of kipoi-veff's program with and without what windows share, as a table and JSON.

    python benchmarks/speed/kipoi_veff.py --out build/kipoi_veff.json

`python -m kipoi_veff score_variants` on a copy of `kipoi_models/variant_effects/` around a network
of full size with random weights. The variants are SNVs within some kb, their windows on the grid
of bins (``grid: true``). Each setting runs twice, on a VCF of warm-up variants of another contig
and on one that has the measured variants behind them; the difference is what the measured ones
take, without the start of the program, reading of the model and compilation. Without sharing a few
variants are measured, and scaled up. Run it on a quiet machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pysam
import typer
from random_model import save_random
from resources import machine

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.presets.presets import read_preset

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "examples"))
from make_expected import write_shapes  # noqa: E402 - found through the line above

#: The model, by its folder.
MODEL = "kipoi_models/variant_effects"
#: Largest difference between the two settings, relative to the largest of a variant's scores.
TOLERANCE = 1e-5
#: Contigs of the two groups of variants.
WARM, MEASURED = "chr1", "chr2"


def make_model(folder: Path, architecture: Architecture) -> None:
    """Copy the Kipoi files and save a network with random weights among them."""
    ignored = shutil.ignore_patterns("__pycache__", "*.h5", "downloaded")
    for name in ("basenji_kipoi", "kipoi_models", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("model.yaml", "dataloader.yaml", "dataloader.py", "basenji_model.py"):
        shutil.copy(ROOT / name, folder / name)
    save_random(folder / "model_files", build_network(architecture), architecture)
    write_shapes(folder)


def make_genome(folder: Path, window: int, span: int) -> dict[str, np.ndarray]:
    """Write two random contigs that hold the windows of all variants; return their codes."""
    random = np.random.default_rng(0)
    genome = {
        name: random.integers(0, 4, 2 * window + span, dtype=np.uint8) for name in (WARM, MEASURED)
    }
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
    with (folder / "genome.fa").open("w", encoding="ascii") as file:
        for name, codes in genome.items():
            file.write(f">{name}\n{letters[codes].tobytes().decode('ascii')}\n")
    pysam.faidx(str(folder / "genome.fa"))
    return genome


def write_variants(
    path: Path, genome: dict[str, np.ndarray], window: int, span: int, counts: dict[str, int]
) -> None:
    """Write SNVs at random places of a span, compressed and indexed."""
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={name},length={len(codes)}>" for name, codes in genome.items()]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for name, codes in genome.items():
        # The same order whatever the number, so that a few variants are some of many.
        random = np.random.default_rng(list(genome).index(name) + 1)
        positions = window + np.sort(random.permutation(span)[: counts[name]])
        alternatives = (codes[positions] + random.integers(1, 4, len(codes))[positions]) % 4
        lines += [
            f"{name}\t{position + 1}\t.\t{ALPHABET[codes[position]]}\t{ALPHABET[alt]}\t.\t.\t."
            for position, alt in zip(positions, alternatives)
        ]
    plain = path.with_suffix("")
    plain.write_text("\n".join([*lines, ""]), encoding="ascii")
    pysam.tabix_index(str(plain), preset="vcf", force=True)


def run(folder: Path, vcf: str, batch_size: int) -> dict[str, Any]:
    """Run the program once.

    Returns
    -------
    dict
        Seconds, peak bytes, and the scores of the measured variants by score and position.

    Raises
    ------
    RuntimeError
        If the program fails; holds what it printed.
    """
    arguments = json.dumps({"fasta_file": "genome.fa", "grid": True})
    output = folder / "scores.vcf"
    command = [sys.executable, "-m", "kipoi_veff", "score_variants", MODEL]
    command += ["--source=dir", "--dataloader_args", arguments, "-i", vcf, "-o", str(output)]
    command += ["-s", "diff", "ref", "--batch_size", str(batch_size)]
    environment = {**os.environ, "HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    peak = 0
    start = time.perf_counter()
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        program = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        while program.poll() is None:
            status = Path(f"/proc/{program.pid}/status").read_text(encoding="ascii")
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            peak = max(peak, int(found.group(1)) * 1024 if found else 0)
            time.sleep(0.05)
    seconds = time.perf_counter() - start
    if program.returncode:
        raise RuntimeError((folder / "log.txt").read_text(encoding="utf-8"))
    scores: dict[str, dict[int, np.ndarray]] = {"DIFF": {}, "REF": {}}
    for line in output.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{MEASURED}\t"):
            fields = line.split("\t")
            for name, values in re.findall(r":(DIFF|REF)=([^;]*)", fields[7]):
                scores[name][int(fields[1])] = np.array(values.split("|"), dtype=float)
    output.unlink()
    return {"seconds": seconds, "peak_bytes": peak, "scores": scores}


def measure(
    folder: Path, *, incremental: bool, counts: dict[str, int], batch_size: int
) -> dict[str, Any]:
    """Measure one setting by the difference of two runs."""
    path = folder / MODEL / "model.yaml"
    setting = f"incremental: {str(incremental).lower()}"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"incremental: \w+", setting, text), encoding="utf-8")
    warm, whole = (
        run(folder, f"{name}_{setting[13:]}.vcf.gz", batch_size) for name in ("warm", "all")
    )
    return {
        "variants": counts[MEASURED],
        "warm_up_variants": counts[WARM],
        "batch_size": batch_size,
        "seconds": whole["seconds"] - warm["seconds"],
        "program_seconds": whole["seconds"],
        "peak_bytes": whole["peak_bytes"],
        "scores": whole["scores"],
    }


def compare(on: dict[str, Any], off: dict[str, Any]) -> dict[str, float]:
    """Compare the scores of the variants that both settings scored.

    Raises
    ------
    ArithmeticError
        If predictions differ by more than rounding.
    """
    scores = {"on": on.pop("scores"), "off": off.pop("scores")}
    errors = {}
    for name in ("REF", "DIFF"):
        both = [(scores["on"][name][position], v) for position, v in scores["off"][name].items()]
        errors[name.lower()] = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in both)
    if not errors["ref"] < TOLERANCE:
        raise ArithmeticError(f"the two settings differ by {errors['ref']}")
    return errors


def table(result: dict[str, Any]) -> str:
    """Format the result as a Markdown table."""
    on, off = result["on"], result["off"]
    lines = [
        "| network | tracks | SNVs | within | off | on | SNVs/s | ratio | peak off | peak on | "
        "error of REF | of DIFF |",
        "| --- " * 12 + "|",
    ]
    cells = [result["network"], f"{result['tracks']:,}", f"{on['variants']:,}"]
    cells += [f"{result['span'] / 1000:g} kb", f"{result['off_seconds']:.1f} s"]
    cells += [f"{on['seconds']:.1f} s", f"{on['variants'] / on['seconds']:.1f}"]
    cells += [f"{result['ratio']:.1f}x"]
    cells += [f"{row['peak_bytes'] / 2**30:.2f} GiB" for row in (off, on)]
    cells += [f"{result['errors'][name]:.0e}" for name in ("ref", "diff")]
    lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines.append(
        f"Off: {off['variants']} variants measured in batches of {off['batch_size']}, scaled to "
        f"{on['variants']}. On: all measured, in batches of {on['batch_size']}; the program took "
        f"{on['program_seconds']:.1f} s with its start and {on['warm_up_variants']} variants "
        "before them."
    )
    return "\n".join(lines)


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    network: Annotated[str, typer.Option(help="A preset.")] = "basenji2018",
    tracks: Annotated[int, typer.Option(min=1, help="Tracks of its head.")] = 4229,
    variants: Annotated[int, typer.Option(min=1, help="Measured SNVs.")] = 100,
    span: Annotated[int, typer.Option(min=1, help="Bases that the SNVs lie in (bp).")] = 10_000,
    batch_size: Annotated[int, typer.Option(min=1, help="Variants in a batch.")] = 32,
    off_variants: Annotated[int, typer.Option(min=1, help="SNVs measured without.")] = 6,
    off_batch_size: Annotated[int, typer.Option(min=1, help="Variants in a batch without.")] = 2,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure kipoi-veff's score_variants."""
    try:
        check_output(out, overwrite=overwrite)
        if max(variants, off_variants) > span:
            raise InputError(f"no room for {variants} SNVs in --span {span}")
        architecture = read_preset(network).with_tracks(tracks)
        # Warm-up takes a whole batch and a rest, whose smaller batches are compiled as well.
        counts = {
            "true": {WARM: min(batch_size + 5, span), MEASURED: variants},
            "false": {WARM: min(off_batch_size, span), MEASURED: off_variants},
        }
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_model(folder, architecture)
            genome = make_genome(folder, architecture.window, span)
            for setting, count in counts.items():
                for name, wanted in (("warm", {**count, MEASURED: 0}), ("all", count)):
                    path = folder / f"{name}_{setting}.vcf.gz"
                    write_variants(path, genome, architecture.window, span, wanted)
            rows = {}
            for setting, size in (("true", batch_size), ("false", off_batch_size)):
                print(f"measuring with incremental: {setting} ...", file=sys.stderr)
                rows[setting] = measure(
                    folder, incremental=setting == "true", counts=counts[setting], batch_size=size
                )
        on, off = rows["true"], rows["false"]
        off_seconds = off["seconds"] / off["variants"] * variants
        result = {
            "machine": machine(),
            "network": network,
            "tracks": tracks,
            "span": span,
            "errors": compare(on, off),
            "on": on,
            "off": off,
            "off_seconds": off_seconds,
            "ratio": off_seconds / on["seconds"],
        }
        with atomic_path(out, overwrite=overwrite) as path:
            path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(result))


if __name__ == "__main__":
    typer.run(main)
