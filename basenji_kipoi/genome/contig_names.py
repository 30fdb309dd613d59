"""Names of contigs, and how to find them where two files spell them differently."""

from __future__ import annotations

import difflib
import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Optional, Protocol

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "Contigs",
    "contig_key",
    "did_you_mean",
    "matching_contigs",
    "placed_contigs",
    "suggest_contig",
]

logger = logging.getLogger(__name__)

#: Names that a message lists.
_SHOWN = 5
#: Roman numerals of chromosomes. A lone X is none: it is also a sex chromosome's name.
_ROMAN = {
    tens + ones: str(10 * ten + one)
    for ten, tens in enumerate(("", "x", "xx", "xxx"))
    for one, ones in enumerate(("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"))
    if tens + ones
}
_AMBIGUOUS = "x"


def suggest_contig(name: str, known: Iterable[str]) -> str | None:
    """Find the contig that was probably meant.

    Parameters
    ----------
    name
        A name that is not among the known ones.
    known
        The names that exist.

    Returns
    -------
    str or None
        The known name that `matching_contigs` finds, else one that is spelled nearly the same and
        has the same digits, else None.
    """
    candidates = list(known)
    matched = matching_contigs([name], candidates).get(name)
    if matched is not None:
        return matched
    # Sequence matching is quadratic: assemblies with a million scaffolds would take minutes.
    spelled = {_squeezed(each): each for each in candidates[:10_000]}
    wanted = _squeezed(name)
    similar = difflib.get_close_matches(wanted, spelled, n=_SHOWN, cutoff=0.8)
    return next((spelled[each] for each in similar if _digits(each) == _digits(wanted)), None)


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]", "", contig_key(name))


def _digits(name: str) -> list[str]:
    return re.findall(r"\d+", name)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """End an error message about an unknown contig.

    Parameters
    ----------
    name
        A name that is not among the known ones.
    known
        The names that exist.

    Returns
    -------
    str
        The suggestion of `suggest_contig`, else some names that exist.
    """
    known = list(known)
    suggestion = suggest_contig(name, known)
    if suggestion is not None:
        return f": did you mean {suggestion!r}?"
    return f": it has {_listed(known)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def contig_key(name: str) -> str:
    """Reduce a contig's name to what tells it from others of its assembly.

    Parameters
    ----------
    name
        A contig's name.

    Returns
    -------
    str
        The same for names that differ by a "chr" prefix, by upper and lower case, or by the names
        of the mitochondrion (M, MT, Mito, MtDNA).
    """
    key = name.lower()
    key = key[3:] if key.startswith("chr") else key
    return "mt" if key in ("m", "mito", "mtdna") else key


class Contigs(Protocol):
    """What knows the contigs of a genome: a `Genome`, or a table of their lengths.

    Attributes
    ----------
    path : Path
        Where they were read from, for messages.
    lengths : mapping of str to int
        Length of each contig (bp); None where it is not known.
    """

    path: Path
    lengths: Mapping[str, Optional[int]]


def matching_contigs(names: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Find the genome's contigs by the names that another file has for them.

    Parameters
    ----------
    names
        The other file's names.
    known
        The genome's contigs.

    Returns
    -------
    dict of str to str
        The genome's name of each contig that it has under the same name or, if exactly one of its
        names does, under one that differs by "chr", by case, as M and MT do, or as a Roman and an
        Arabic number do.

    Notes
    -----
    A numeral is a number where the genome numbers its chromosomes I, II, III and so on, up to the
    first gap: chrX is the tenth chromosome of yeast, but not of the worm, which has I to V and X.
    Where the genome has Arabic numbers, so is a Roman one in the file, but X only if the file has
    I to IX too.
    """
    names = list(names)
    by_key: dict[str, str | None] = {}
    for name in known:
        key = contig_key(name)
        by_key[key] = None if key in by_key else name
    numbered = {_ROMAN[key]: key for key in _numbering(by_key)}
    counted = None
    found = {}
    for name in names:
        key = contig_key(name)
        if name in known:
            found[name] = name
            continue
        if key not in by_key:
            if key in numbered:
                key = numbered[key]
            elif key in _ROMAN:
                if counted is None:
                    counted = _numbering(map(contig_key, names))
                key = _ROMAN[key] if key != _AMBIGUOUS or key in counted else key
        ours = by_key.get(key)
        if ours is not None:
            found[name] = ours
    return found


def _numbering(keys: Iterable[str]) -> list[str]:
    """List the Roman numerals from I to the first that is missing; none if there is no II."""
    present, run = set(keys), []
    for numeral in _ROMAN:
        if numeral not in present:
            break
        run.append(numeral)
    return run if len(run) > 1 else []


def placed_contigs(
    contigs: Iterable[str], genome: Contigs, path: str | os.PathLike[str], records: str
) -> dict[str, str]:
    """Match the contigs of a file's records, and warn once of those that the genome lacks.

    Parameters
    ----------
    contigs
        The contig of each record.
    genome
        The genome.
    path
        The file, for messages.
    records
        What a record is, for messages, such as "intervals".

    Returns
    -------
    dict of str to str
        As `matching_contigs` gives it: records of other contigs are to be left out.

    Raises
    ------
    InputError
        If there are records and all lie on contigs that the genome lacks.
    """
    number = Counter(contigs)
    total = sum(number.values())
    matched = matching_contigs(number, genome.lengths)
    lacking = [name for name in number if name not in matched]
    if number and not matched:
        raise InputError(
            f"{path}: all its {records} lie on contigs that {genome.path} lacks "
            f"({_listed(lacking)}): it has {_listed(list(genome.lengths))}"
        )
    if lacking:
        logger.warning(
            "%s: %s of %s %s lie on contigs that %s lacks (%s): left out",
            path,
            f"{sum(number[name] for name in lacking):,}",
            f"{total:,}",
            records,
            genome.path,
            _listed(lacking),
        )
    return matched
