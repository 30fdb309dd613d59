"""What inserts do to predictions, in memory and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.faces import html_table, library

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from basenji_kipoi.interpretation.insertion.arrangements import Arrangement, Placed

__all__ = ["Insertions"]

_PLACE = ("inserts", "orientations", "position", "spacing", "track")
#: Columns of the table of backgrounds, and of that of means.
COLUMNS = (
    "background", *_PLACE, "background_value", "value", "effect",
    "first_effect", "second_effect", "cooperation",
)  # fmt: skip
SUMMARY_COLUMNS = (
    *_PLACE, "backgrounds", "effect", "effect_sd", "first_effect", "second_effect",
    "additive", "cooperation", "cooperation_sd",
)  # fmt: skip


class Insertions:
    """What inserts do to the predictions of backgrounds. Made by `basenji_kipoi.insert`.

    Parameters
    ----------
    inserts
        Names of what was put in.
    arrangements
        Where and how it stood.
    backgrounds
        Names of the backgrounds.
    labels
        Names of the outputs.
    parts
        What was predicted: the place of each in the arrays below.
    predicted : ndarray, float64, shape (backgrounds, 1 + parts, outputs)
        Predictions of the backgrounds, and with each part.
    part_effects : ndarray, float64, shape (backgrounds, parts, outputs)
        The effect of each part.
    attributes
        The model, and how it was computed; ``scale`` says what an effect is.

    Attributes
    ----------
    effects : ndarray, float64, shape (backgrounds, arrangements, outputs)
        What each arrangement does: log2 of the ratio to the background, or the difference.
    cooperation : ndarray, float64, shape (backgrounds, arrangements, outputs)
        Of pairs, the effect minus the sum of the effects of both alone; NaN of single inserts.
    arrangements, backgrounds, labels, attributes
        As they were given.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> found = bk.insert(
    ...     "model_files", ["reb1=TTACCCGG"], "genome.fa", "chrA:20,001-20,320",
    ...     tracks="atac", shuffles=2,
    ... )
    >>> found
    <Insertions of reb1: 2 arrangements in 2 backgrounds, 1 output>
    >>> found.effects.shape
    (2, 2, 1)
    """

    def __init__(
        self,
        inserts: Sequence[str],
        arrangements: Sequence[Arrangement],
        backgrounds: Sequence[str],
        labels: Sequence[str],
        parts: Mapping[tuple[Placed, ...], int],
        predicted: np.ndarray,
        part_effects: np.ndarray,
        attributes: Mapping[str, str | int],
    ) -> None:
        self.inserts, self.arrangements = list(inserts), list(arrangements)
        self.backgrounds, self.labels = list(backgrounds), list(labels)
        self.attributes = attributes
        numbers = [[parts[part] for part in each.parts] for each in arrangements]
        whole = [each[0] for each in numbers]
        self.effects = part_effects[:, whole]
        self._values, self._background = predicted[:, 1:][:, whole], predicted[:, 0]
        self._alone = np.full((*self.effects.shape, 2), np.nan)
        for row, each in enumerate(numbers):
            for place, number in enumerate(each[1:]):
                self._alone[:, row, :, place] = part_effects[:, number]
        self.cooperation = self.effects - self._alone.sum(axis=-1)

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield a row for each background, arrangement and output, of the columns `COLUMNS`."""
        for b, background in enumerate(self.backgrounds):
            for a, o, place in self._places():
                yield {
                    "background": background,
                    **place,
                    "background_value": _number(self._background[b, o]),
                    "value": _number(self._values[b, a, o]),
                    "effect": _number(self.effects[b, a, o]),
                    "first_effect": _number(self._alone[b, a, o, 0]),
                    "second_effect": _number(self._alone[b, a, o, 1]),
                    "cooperation": _number(self.cooperation[b, a, o]),
                }

    def summary_rows(self) -> Iterator[dict[str, object]]:
        """Yield means and spread over backgrounds, of the columns `SUMMARY_COLUMNS`."""
        alone = self._alone.mean(axis=0)
        for a, o, place in self._places():
            effects, cooperation = self.effects[:, a, o], self.cooperation[:, a, o]
            yield {
                **place,
                "backgrounds": len(self.backgrounds),
                "effect": _number(effects.mean()),
                "effect_sd": _number(_spread(effects)),
                "first_effect": _number(alone[a, o, 0]),
                "second_effect": _number(alone[a, o, 1]),
                "additive": _number(alone[a, o].sum()),
                "cooperation": _number(cooperation.mean()),
                "cooperation_sd": _number(_spread(cooperation)),
            }

    def _places(self) -> Iterator[tuple[int, int, dict[str, object]]]:
        for a, each in enumerate(self.arrangements):
            for o, label in enumerate(self.labels):
                yield (
                    a,
                    o,
                    {
                        "inserts": "+".join(self.inserts[placed.insert] for placed in each.placed),
                        "orientations": each.orientation,
                        "position": each.placed[0].position,
                        "spacing": each.spacing if each.is_pair else None,
                        "track": label,
                    },
                )

    def to_dataframe(self, *, summary: bool = True) -> Any:  # noqa: ANN401 - pandas is not everywhere
        """Make a table.

        Parameters
        ----------
        summary
            Whether of means and spread over the backgrounds, or a row for each background.

        Returns
        -------
        pandas.DataFrame
            The columns are those of the tables of `basenji insert`.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        pandas = library("pandas", "to_dataframe()")
        rows = self.summary_rows() if summary else self.rows()
        table = pandas.DataFrame(rows, columns=SUMMARY_COLUMNS if summary else COLUMNS)
        texts = {"background", "inserts", "orientations", "track"}
        for name in set(table.columns) - texts:
            table[name] = pandas.to_numeric(table[name])
        return table

    def _counted(self) -> list[tuple[str, int]]:
        return [
            ("arrangement", len(self.arrangements)),
            ("background", len(self.backgrounds)),
            ("output", len(self.labels)),
        ]

    def __repr__(self) -> str:
        first, second, third = (
            f"{number:,} {name}{'' if number == 1 else 's'}" for name, number in self._counted()
        )
        return f"<Insertions of {', '.join(self.inserts)}: {first} in {second}, {third}>"

    def _repr_html_(self) -> str:
        rows = [(f"{name}s", f"{number:,}") for name, number in self._counted()]
        return html_table(
            f"Insertions of {', '.join(self.inserts)}",
            [*rows, ("effect", str(self.attributes["scale"]))],
        )


def _spread(values: np.ndarray) -> float:
    """Compute the standard deviation over backgrounds; NaN of a single one."""
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _number(value: float) -> str | None:
    return None if np.isnan(value) else f"{value:.6g}"
