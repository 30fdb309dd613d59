"""Motifs in memory, with their names, sites and what they were found in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.faces import html_table, library
from basenji_kipoi.figures.sequence_map import check_plotting
from basenji_kipoi.interpretation.motifs.outputs import COLUMNS, TEXTS, rows_of, write_motifs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from basenji_kipoi.interpretation.motifs.described import Described

__all__ = ["FOLDER", "Motifs"]

FOLDER = Folder("a folder of motifs", holds=("motifs.meme", "motifs.tsv", "hits.bed"))
#: Motifs that are named where a result shows itself.
_SHOWN = 10


class Motifs:
    """Motifs of contributions, those with most sites first. Made by `basenji_kipoi.motifs`.

    ``found[i]`` is motif i, ``found["motif_1"]`` the one of that name; a loop goes over them.

    Parameters
    ----------
    described
        The motifs.
    labels
        Names of the outputs that contributions are to.
    sequences
        How many sequences there were.
    attributes
        How the motifs were found: text and numbers.

    Attributes
    ----------
    labels : list of str
        Names of the outputs.
    sequences : int
        How many sequences there were.
    attributes : dict
        Where contributions are from, their ``scale``, the tracks that were searched, the
        ``database``, and what distances of sites count from (``where``).

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> contributions = bk.attribute(model, genome, "chrA:20,001-20,100", tracks="atac")
    >>> found = bk.motifs(contributions, progress=False)
    >>> len(found), found.labels, found.attributes["scale"]
    (0, ['atac'], 'relative')
    """

    def __init__(
        self,
        described: Sequence[Described],
        labels: Sequence[str],
        sequences: int,
        attributes: Mapping[str, str | int],
    ) -> None:
        self._described = list(described)
        self.labels, self.sequences, self.attributes = list(labels), sequences, dict(attributes)

    def __len__(self) -> int:
        return len(self._described)

    def __iter__(self) -> Iterator[Described]:
        return iter(self._described)

    def __getitem__(self, key: int | str) -> Described:
        if isinstance(key, int):
            return self._described[key]
        for each in self._described:
            if each.name == key:
                return each
        raise InputError(f"no motif {key!r}: there are motif_1 to motif_{len(self)}")

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is not in every environment
        """Make a table with a row a motif.

        Returns
        -------
        pandas.DataFrame
            The columns are those of ``motifs.tsv`` (``docs/how-to/motifs.md``).

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        pandas = library("pandas", "to_dataframe()")
        table = pandas.DataFrame(rows_of(self._described, self.labels), columns=COLUMNS)
        for name in set(COLUMNS) - TEXTS:
            table[name] = pandas.to_numeric(table[name])
        return table

    def write(
        self, out: str | os.PathLike[str], *, overwrite: bool = False, command: str = ""
    ) -> None:
        """Write what `basenji motifs` writes.

        Parameters
        ----------
        out
            Directory to be made: ``motifs.meme``, ``motifs.tsv``, ``hits.bed``, ``index.html``.
        overwrite
            Whether an existing one may be replaced.
        command
            A command, which the page will name.

        Raises
        ------
        InputError
            If it may not be written, or a library is missing.
        """
        out = Path(out)
        check_output(out, overwrite=overwrite, folder=FOLDER)
        check_plotting()
        with atomic_path(out, overwrite=overwrite) as folder:
            self.write_new(folder, command)

    def write_new(self, folder: Path, command: str = "") -> None:
        """Write it to a path that does not exist and nobody watches."""
        facts = [
            f"{len(self):,} motifs of {self.sequences:,} sequences of "
            f"{self.attributes['attributions']}; contributions {self.attributes['scale']}",
            f"tracks: {self.attributes['tracks']}; database: "
            f"{self.attributes['database'] or 'none'}; version {self.attributes['version']}",
            *([command] if command else []),
        ]
        write_motifs(folder, self._described, self.labels, facts, str(self.attributes["where"]))

    def __repr__(self) -> str:
        motifs, sites, sequences = self._counted()
        return f"<Motifs of {sequences}: {motifs}, {sites}>"

    def _repr_html_(self) -> str:
        rows = [
            (each.title, f"{each.consensus}, {len(each.hits.start):,} sites")
            for each in self._described[:_SHOWN]
        ]
        if len(self) > _SHOWN:
            rows.append(("…", f"{len(self) - _SHOWN:,} more"))
        motifs, _, sequences = self._counted()
        return html_table(f"{motifs} of {sequences}", rows)

    def _counted(self) -> list[str]:
        numbers = {
            "motif": len(self),
            "site": sum(len(each.hits.start) for each in self._described),
            "sequence": self.sequences,
        }
        return [f"{n:,} {name}{'' if n == 1 else 's'}" for name, n in numbers.items()]
