"""A copy of the Kipoi files around a small network, and Kipoi's programs run on it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np

from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import centred_window, read_bed
from basenji_kipoi.models.bundle import Bundle, save_bundle
from basenji_kipoi.models.networks.building import build_network

ROOT = Path(__file__).resolve().parents[2]
#: kipoi 0.6.35 is the last release with `kipoi veff`; newer ones leave it to the plug-in itself.
OLD_KIPOI = tuple(map(int, version("kipoi").split("."))) < (0, 6, 37)
VEFF = "kipoi veff" if OLD_KIPOI else "python -m kipoi_veff"
#: TensorFlow's setting, which users do not have, and what they would read of noisy programs.
QUIET = "TF_CPP_MIN_LOG_LEVEL"
NOTICES = ("cuda", "oneDNN", "ArraySchema mismatch")
LONGEST = 600  # seconds that one program may take, on a busy machine
WINDOW = 512
#: The directories of the models on the shipped bundle.
MODELS = (
    ".",
    "kipoi_models/variant_effects",
    "kipoi_models/variant_centered",
    "kipoi_models/mutation_map",
)
#: The group of published networks, and their names in it, each with its two variant models.
GROUP = "kipoi_models/published"
PUBLISHED = ("human_2018", "basenji2_human", "basenji2_mouse")
VARIANTS = ("variant_effects", "variant_centered")


class Site:
    """A directory that holds the repository's Kipoi files, the example and a bundle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.examples = path / "examples" / "data"
        self.bundle = Bundle.load(path / "model_files")
        self.network = self.bundle.network()
        self.window = self.bundle.architecture.window
        self.genome = Genome(self.examples / "genome.fa")

    def windows(self, bed: Path) -> tuple[list[tuple[str, int, int]], np.ndarray]:
        """Positions and one-hot windows of a BED file, without Kipoi."""
        places = [
            (interval.chrom, *centred_window(interval.start, interval.end, self.window))
            for interval in read_bed(bed, self.genome.lengths)
        ]
        return places, one_hot(np.stack([self.genome.codes(*place) for place in places]))

    def predict(self, windows: np.ndarray) -> np.ndarray:
        """(n, window, 4) to (n, bins, tracks), without Kipoi."""
        return self.network.predict(windows, verbose=0)

    def alleles(self, chrom: str, position: int, alt: str, index: int) -> np.ndarray:
        """Predict reference and alternative, (2, bins, tracks).

        ``position`` is the VCF's, ``index`` the variant's place in the window.
        """
        start = position - 1 - index
        codes = np.stack([self.genome.codes(chrom, start, start + self.window)] * 2)
        codes[1, index] = encode(alt)[0]
        return self.predict(one_hot(codes))


class Commands:
    """Programs of the environment that runs the tests, a few at a time.

    Each imports TensorFlow, which takes seconds: a module names all commands that it looks at, and
    its first test starts them together.
    """

    def __init__(self, home: Path) -> None:
        self._pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", QUIET)},
            "HOME": str(home),
            "PATH": programs,
        }

    def run(self, command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            shlex.split(command),
            cwd=cwd,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )

    def start(self, commands: dict[str, str], cwd: Path) -> dict[str, Future]:
        return {name: self._pool.submit(self.run, line, cwd) for name, line in commands.items()}


def succeeded(future: Future) -> str:
    """Wait for a command and return what it printed."""
    done = future.result()
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    for notice in NOTICES:
        assert notice not in done.stdout, done.stdout
    return done.stdout


def save_short(bundle: Bundle, path: Path, *, both_strands: bool = False) -> None:
    """Save a bundle with the same weights for short windows: a mutation map tries every base."""
    architecture = bundle.architecture.with_window(WINDOW)
    network = build_network(architecture)
    network.set_weights(bundle.network().get_weights())
    save_bundle(
        path,
        network=network,
        architecture=architecture,
        targets=bundle.targets,
        both_strands=both_strands,
        name="short",
        assembly="simulated",
        training={},
        evaluation={},
        model_card="# A network with random weights\n",
    )


def copy_kipoi_files(path: Path) -> None:
    """Copy what a Kipoi source has to hold, without a bundle."""
    ignored = shutil.ignore_patterns("__pycache__", "*.fai", "*.h5", "downloaded")
    for folder in ("basenji_kipoi", "kipoi_models", "examples"):
        shutil.copytree(ROOT / folder, path / folder, ignore=ignored)
    for file in ("model.yaml", "dataloader.yaml", "dataloader.py", "basenji_model.py"):
        shutil.copy(ROOT / file, path / file)
