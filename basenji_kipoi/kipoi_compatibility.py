"""What old and new releases of Kipoi's programs need, each applied only where it is missing.

Nothing here runs in a process that has not imported the program that needs it.
"""

from __future__ import annotations

import collections
import collections.abc
import functools
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import byte_lines, open_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Postprocessing", "mend_kipoi_interpret", "mend_kipoi_veff"]


def mend_kipoi_interpret() -> None:
    """Give kipoi-interpret 0.1.2, where it was imported, the names that Python 3.10 dropped.

    It asks ``collections`` for ``Mapping`` and ``Sequence``, which are in ``collections.abc``.
    """
    if "kipoi_interpret" in sys.modules:
        for name in ("Mapping", "Sequence"):
            if not hasattr(collections, name):
                setattr(collections, name, getattr(collections.abc, name))


def mend_kipoi_veff() -> None:
    """Give kipoi-veff 0.3.1 the names that its dependencies dropped since its release.

    - NumPy 1.24 removed ``np.int``, ``np.str`` and ``np.object``, aliases of the built-in types.
      kipoi-veff uses the first two as dtypes; deepdish, by which it saves mutation maps, the third.
    - PyVCF3, the only release of PyVCF that still installs, added a last field (``type_code``) to
      the description of an INFO tag; kipoi-veff fills in the six fields that there were before.

    A mutation map of a region with unknown bases, of which kipoi-veff makes none, ends in its bare
    assertion after all work: that gets words.

    Files without an index are sorted with the bedtools program, which is no Python package: where
    there is none, that is done here.
    """
    for name, builtin in (("int", int), ("str", str), ("object", object)):
        if name not in vars(np):
            setattr(np, name, builtin)
    import vcf  # noqa: PLC0415 - kipoi-veff's dependency: other users do not have it

    info = vcf.parser._Info
    if len(info._fields) > 6 and not info._field_defaults:
        info.__new__.__defaults__ = (None,)
    maps = sys.modules.get("kipoi_veff.mutation_map")
    if maps and not hasattr(maps._generate_mutation_map, "__wrapped__"):
        maps._generate_mutation_map = _with_words(maps._generate_mutation_map)
    if not (shutil.which("bedtools") or shutil.which("sortBed")):
        import pybedtools  # noqa: PLC0415 - as vcf

        pybedtools.BedTool.sort = _sorted


def _with_words(generate: Callable[..., Any]) -> Callable[..., Any]:
    """Say what is wrong where making a mutation map fails in an assertion."""

    @functools.wraps(generate)
    def generate_or_say(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as kipoi-veff's
        try:
            return generate(*arguments, **options)
        except AssertionError:
            raise InputError(
                "kipoi-veff makes no map of unknown bases: leave out variants and regions with N "
                "around them, and those near a chromosome's end"
            ) from None

    return generate_or_say


def _sorted(self: Any, header: bool = False) -> Any:  # noqa: ANN401 - pybedtools.BedTool
    """Sort a BED or VCF file by contig and position, as ``BedTool.sort`` does."""
    with open_bytes(self.fn) as file:
        lines = list(byte_lines(file))
    is_top = [line.startswith((b"#", b"track", b"browser")) for line in lines]
    tops = [line for line, top in zip(lines, is_top) if top and header]
    rows = [line.split(b"\t", 2) for line, top in zip(lines, is_top) if line and not top]
    rows.sort(key=lambda row: (row[0], int(row[1])))
    path = self._tmp()
    Path(path).write_bytes(b"".join(line + b"\n" for line in (*tops, *map(b"\t".join, rows))))
    return type(self)(path)


class Postprocessing:
    """The ``postprocessing`` block of a component's YAML file, as an attribute of its class.

    kipoi attached it until 0.6.36. From 0.6.37 on it drops the block silently, while kipoi-veff
    still asks the model and the dataloader for it.

    Parameters
    ----------
    file
        The YAML file, "model.yaml" or "dataloader.yaml", relative to the component's directory.
    default_dir
        The component's directory where kipoi has not set ``source_dir``.
    """

    def __init__(self, file: str, default_dir: Path) -> None:
        self._file = file
        self._default_dir = default_dir
        # kipoi-veff sorts a file of variants as soon as it has loaded the model.
        if "kipoi_veff" in sys.modules:
            mend_kipoi_veff()

    def __set__(self, instance: object, value: object) -> None:
        """Ignore what old releases of kipoi assign: the same block, read from the same file."""

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        """Read the block: parsed by kipoi-veff's own classes where that is loaded."""
        import yaml  # noqa: PLC0415 - a dependency of kipoi, which may be absent otherwise

        source = getattr(owner if instance is None else instance, "source_dir", None)
        path = Path(source or self._default_dir) / self._file
        block = dict(yaml.safe_load(path.read_text(encoding="utf-8")).get("postprocessing") or {})
        # Importing kipoi_veff resets the program's logging, so this never imports it anew.
        if "variant_effects" in block and "kipoi_veff" in sys.modules:
            mend_kipoi_veff()
            specs = sys.modules["kipoi_veff"].specs
            parser = {
                "model.yaml": specs.VarEffectModelArgs,
                "dataloader.yaml": specs.VarEffectDataLoaderArgs,
            }[path.name]
            block["variant_effects"] = parser.from_config(block["variant_effects"])
        return block
