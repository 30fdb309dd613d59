"""What is wrong with stores and bundles, and the changes of files that make it so."""

from __future__ import annotations

import json
import math
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from robustness.corruptions import sum_again

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BUNDLES",
    "ROOT",
    "STORES",
    "WEIGHTS",
    "changed",
    "edited",
    "junk",
    "put",
    "removed",
]


def edited(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Change what a JSON file holds, in place or by returning something else."""

    def spoil(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        changed = change(content)
        (folder / name).write_text(json.dumps(content if changed is None else changed))

    return spoil


def put(name: str, *place: Any) -> Callable[[Path], None]:
    """Put a value, the last of the arguments, at a place of a JSON file."""
    *keys, last, value = place

    def change(content: Any) -> None:
        for key in keys:
            content = content[key]
        content[last] = value

    return edited(name, change)


def without(name: str, *place: Any) -> Callable[[Path], None]:
    *keys, last = place

    def change(content: Any) -> None:
        for key in keys:
            content = content[key]
        del content[last]

    return edited(name, change)


def changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return spoil


def removed(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :]


def junk(content: bytes) -> bytes:
    return random.Random(2).randbytes(len(content))


ROOT, _ARRAY = "st.zarr/zarr.json", "st.zarr/chr8/coverage/zarr.json"
_COVERAGE, _SEQUENCE = "st.zarr/chr8/coverage/c/0/0", "st.zarr/chr8/sequence/c/0"
STORES: dict[str, Callable[[Path], None]] = {
    "array's record missing": removed(_ARRAY),
    "array's record cut": changed(_ARRAY, lambda text: text[:194]),
    "sequence's record missing": removed("st.zarr/chr8/sequence/zarr.json"),
    "contig's record missing": removed("st.zarr/chr8/zarr.json"),
    "contig missing": removed("st.zarr/chr8"),
    "coverage missing": removed("st.zarr/chr8/coverage"),
    "root's record empty": changed(ROOT, lambda _: b""),
    "root's record cut": changed(ROOT, lambda text: text[:300]),
    "bin 0": put(ROOT, "attributes", "bin", 0),
    "no bin": without(ROOT, "attributes", "bin"),
    "folds a list": put(ROOT, "attributes", "folds", ["train"]),
    "fold of an unknown contig": put(ROOT, "attributes", "folds", "test", ["chrQ"]),
    "no folds": without(ROOT, "attributes", "folds"),
    "lengths huge": put(ROOT, "attributes", "lengths", "chr8", 10**13),
    "lengths a list": put(ROOT, "attributes", "lengths", [1, 2]),
    "no lengths": without(ROOT, "attributes", "lengths"),
    "length too small": put(ROOT, "attributes", "lengths", "chr8", 10_000),
    "no targets": without(ROOT, "attributes", "targets"),
    "targets with more": put(ROOT, "attributes", "targets", 0, "strange", 1),
    "fewer targets": without(ROOT, "attributes", "targets", 0),
    "targets a text": put(ROOT, "attributes", "targets", "accessibility"),
    "regions bad": put(ROOT, "attributes", "regions", {"chr8": [[5]]}),
    "regions beyond": put(ROOT, "attributes", "regions", {"chr8": ["chr8", 0, 10**9]}),
    "array's type unknown": put(_ARRAY, "data_type", "zzz"),
    "array's type another": put(_ARRAY, "data_type", "int16"),
    "array of one dimension": put(_ARRAY, "shape", [625]),
    "array smaller": put(_ARRAY, "shape", [300, 3]),
    "array huge": put(_ARRAY, "shape", [10**12, 3]),
    "codec unknown": put(_ARRAY, "codecs", [{"name": "evil"}]),
    "chunk of sequence flipped": changed(_SEQUENCE, flipped),
    "chunk of sequence missing": removed(_SEQUENCE),
    "chunk of sequence empty": changed(_SEQUENCE, lambda _: b""),
    "chunk of coverage flipped": changed(_COVERAGE, flipped),
    "chunk of coverage missing": removed(_COVERAGE),
    "chunk of coverage cut": changed(_COVERAGE, lambda content: content[: len(content) // 2]),
    "chunk of coverage random": changed(_COVERAGE, junk),
}


def _weights(change: Callable[[h5py.File, str], None]) -> Callable[[Path], None]:
    """Change the first array of a bundle's weights, and make the checksums fit."""

    def spoil(folder: Path) -> None:
        with h5py.File(folder / "m" / "model.weights.h5", "r+") as file:
            names: list[str] = []
            file.visititems(
                lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
            )
            change(file, names[0])
        sum_again(folder / "m")

    return spoil


def _filled(value: float) -> Callable[[h5py.File, str], None]:
    def change(file: h5py.File, name: str) -> None:
        file[name][...] = value

    return change


def _another(make: Callable[[h5py.File, str], None]) -> Callable[[h5py.File, str], None]:
    """Remove an array and make something else of its name."""

    def change(file: h5py.File, name: str) -> None:
        del file[name]
        make(file, name)

    return change


def _external(file: h5py.File, name: str) -> None:
    Path(file.filename).with_name("bytes").write_bytes(bytes(4000))
    file.create_dataset(name, (1000,), np.float32, external="bytes")


WEIGHTS: dict[str, Callable[[Path], None]] = {
    "NaN": _weights(_filled(math.nan)),
    "infinite": _weights(_filled(math.inf)),
    "in another file": _weights(_another(_external)),
    "a link to another file": _weights(
        _another(lambda file, name: file.__setitem__(name, h5py.ExternalLink("/etc/passwd", "x")))
    ),
    "a soft link": _weights(
        _another(lambda file, name: file.__setitem__(name, h5py.SoftLink("/nowhere")))
    ),
    "references": _weights(
        _another(lambda file, name: file.create_dataset(name, (2,), h5py.ref_dtype))
    ),
    "huge": _weights(
        _another(lambda file, name: file.create_dataset(name, (10**11,), "f4", chunks=(1000,)))
    ),
    "of another shape": _weights(
        _another(lambda file, name: file.create_dataset(name, data=np.zeros((2, 3))))
    ),
    "without an array": _weights(_another(lambda *_: None)),
}


def _summed(spoil: Callable[[Path], None]) -> Callable[[Path], None]:
    """Spoil a bundle and make its checksums fit."""

    def both(folder: Path) -> None:
        spoil(folder)
        sum_again(folder / "m")

    return both


_ARCHITECTURE = "m/architecture.json"


def _many_layers(content: Any) -> None:
    content["trunk"][3:3] = [{"op": "activation", "function": "relu"}] * 20_000


def _absurd_tracks(content: Any) -> None:
    for head in content["heads"].values():
        head["tracks"] = 10**9


def _slash_in_head(content: Any) -> None:
    content["heads"] = {"../x/y": content["heads"].popitem()[1]}


BUNDLES: dict[str, Callable[[Path], None]] = {
    "an absurd window": _summed(put(_ARCHITECTURE, "window", 2**35)),
    "20,000 layers": _summed(edited(_ARCHITECTURE, _many_layers)),
    "a head with slashes": _summed(edited(_ARCHITECTURE, _slash_in_head)),
    "absurd filters": _summed(put(_ARCHITECTURE, "trunk", 0, "filters", 10**9)),
    "absurd tracks": _summed(edited(_ARCHITECTURE, _absurd_tracks)),
    "evaluation bad": _summed(changed("m/evaluation.json", lambda _: b"{bad")),
    "evaluation with 5,000 digits": _summed(
        changed("m/evaluation.json", lambda _: b'{"a": ' + b"9" * 5000 + b"}")
    ),
    "evaluation too deep": _summed(changed("m/evaluation.json", lambda _: b'{"a":' * 50_000)),
    "evaluation a list": _summed(changed("m/evaluation.json", lambda _: b"[1]")),
    "evaluation a text": _summed(changed("m/evaluation.json", lambda _: b'"text"')),
    "targets in Latin-1": _summed(
        changed("m/targets.tsv", lambda text: text[:20] + b"\xe9" + text[20:])
    ),
    "targets of random bytes": _summed(changed("m/targets.tsv", junk)),
}
