"""What a reporter would measure of a short sequence, for kipoi-veff: (insert, 4) to activities."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from kipoi.model import BaseModel

_DIRECTORY = Path(__file__).resolve().parent
# Kipoi loads this file by its path; the project stands two directories above.
if str(_DIRECTORY.parents[1]) not in sys.path:
    sys.path.append(str(_DIRECTORY.parents[1]))

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import codes_of, reverse_complement
from basenji_kipoi.effects.reporters.oligos import OligoRule, Oligos, strands_of
from basenji_kipoi.kipoi_compatibility import Postprocessing
from basenji_kipoi.models.tensorflow_notices import without_notices

if TYPE_CHECKING:
    from basenji_kipoi.models.model import Model

__all__ = ["BasenjiReporter"]


class BasenjiReporter(BaseModel):
    """A bundle's reporter behind Kipoi's interface.

    A window is the insert of an oligo; the vector around it is the assay's.

    Parameters
    ----------
    model_dir
        The bundle's directory, relative to the directory that Kipoi loads the model from.
    reporter
        Name of the reporter; by default the only one.
    strand
        The direction in which the insert is read: ``+``, ``-``, or ``both``, whose mean is taken.

    Attributes
    ----------
    model : Model
        The model.

    Raises
    ------
    InputError
        If the bundle is incomplete, damaged or without this reporter, or there is no such strand.
    """

    postprocessing = Postprocessing("model.yaml", _DIRECTORY)

    def __init__(
        self,
        model_dir: str = "model_files",
        reporter: str | None = None,
        strand: Literal["both", "+", "-"] = "both",
    ) -> None:
        if strand not in ("both", "+", "-"):
            raise InputError(f"no strand {strand!r}: expected one of both, +, -")
        # Keras takes seconds to import, and Kipoi also loads this module to read descriptions.
        with without_notices():
            from basenji_kipoi.effects.reporters.engine import ReporterEngine  # noqa: PLC0415
            from basenji_kipoi.models.model import load  # noqa: PLC0415

            # Weights are read at the first prediction, when Kipoi has gone back to where it was.
            self.model: Model = load(Path(model_dir).resolve())
        name, assay = self.model.assay_of(reporter)
        rule = OligoRule.of(Oligos(), assay, self.model.architecture.reporters[name].window)
        self._insert, self._strands = rule.insert, strands_of(strand)
        self._engine = ReporterEngine(self.model, name, rule)

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Predict a batch of any size.

        Parameters
        ----------
        x : ndarray, shape (batch, insert, 4)
            One-hot inserts, channels A, C, G, T; a position without any channel counts as unknown.

        Returns
        -------
        ndarray, float64, shape (batch, activities)
            In the assay's units.

        Raises
        ------
        InputError
            If the inserts have another length, or hold mixtures of bases.
        """
        inserts = np.asarray(x, dtype=np.float32)
        if inserts.ndim != 3 or inserts.shape[1:] != (self._insert, 4):
            raise InputError(
                f"the reporter reads one-hot inserts of shape (batch, {self._insert}, 4), not "
                f"{inserts.shape}"
            )
        blank = (inserts == 0).all(axis=-1, keepdims=True)
        codes, exact = codes_of(np.where(blank, np.float32(0.25), inserts))
        if not exact.all():
            raise InputError("the reporter reads bases, not mixtures of them")
        read = {"+": codes, "-": reverse_complement(codes)}
        return np.mean([self._engine.of_inserts(read[strand]) for strand in self._strands], axis=0)
