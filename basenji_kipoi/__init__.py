"""Inference with Basenji models: predictions from DNA sequence, alone or under Kipoi.

``import basenji_kipoi as bk`` imports no library; what is used is imported when it is used:

>>> import basenji_kipoi as bk
>>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
>>> bk.predict(model, genome, "chrA:20,001-20,320", tracks="atac").values.shape
(10, 1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.activities.run import activity
    from basenji_kipoi.base import __version__
    from basenji_kipoi.base.errors import InputError
    from basenji_kipoi.comparison.options import CompareOptions
    from basenji_kipoi.comparison.run import Comparison, compare
    from basenji_kipoi.effects.reporters.oligos import Oligos
    from basenji_kipoi.effects.scores import SCORES
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import read_genes
    from basenji_kipoi.genome.intervals import Interval, read_bed
    from basenji_kipoi.interpretation.attribution.result import Attributions
    from basenji_kipoi.interpretation.attribution.run import attribute
    from basenji_kipoi.interpretation.elements.options import ElementOptions
    from basenji_kipoi.interpretation.elements.run import element_effects
    from basenji_kipoi.interpretation.elements.table import ElementTable
    from basenji_kipoi.interpretation.insertion.result import Insertions
    from basenji_kipoi.interpretation.insertion.run import insert
    from basenji_kipoi.interpretation.motifs.result import Motifs
    from basenji_kipoi.interpretation.motifs.run import motifs
    from basenji_kipoi.interpretation.variant.plots import plot_variant
    from basenji_kipoi.locus.mechanisms.plots import mechanism_figure
    from basenji_kipoi.locus.mechanisms.record import Mechanism
    from basenji_kipoi.locus.mechanisms.run import mechanism
    from basenji_kipoi.locus.ranking.options import RankOptions
    from basenji_kipoi.locus.ranking.run import rank
    from basenji_kipoi.locus.reading import read_loci
    from basenji_kipoi.locus.variants import LocusTable, LocusVariant
    from basenji_kipoi.models.model import Model, load
    from basenji_kipoi.mutagenesis.result import MutationMap
    from basenji_kipoi.mutagenesis.run import mutate
    from basenji_kipoi.prediction.plots import plot_tracks
    from basenji_kipoi.prediction.result import Predictions
    from basenji_kipoi.prediction.run import predict
    from basenji_kipoi.scoring.haplotypes.in_memory import compare_haplotypes
    from basenji_kipoi.scoring.in_memory import ScoreTables, score
    from basenji_kipoi.scoring.plots import plot_scores

__all__ = [
    "SCORES",
    "Attributions",
    "CompareOptions",
    "Comparison",
    "ElementOptions",
    "ElementTable",
    "Genome",
    "InputError",
    "Insertions",
    "Interval",
    "LocusTable",
    "LocusVariant",
    "Mechanism",
    "Model",
    "Motifs",
    "MutationMap",
    "Oligos",
    "Predictions",
    "RankOptions",
    "ScoreTables",
    "__version__",
    "activity",
    "attribute",
    "compare",
    "compare_haplotypes",
    "element_effects",
    "insert",
    "load",
    "mechanism",
    "mechanism_figure",
    "motifs",
    "mutate",
    "plot_scores",
    "plot_tracks",
    "plot_variant",
    "predict",
    "rank",
    "read_bed",
    "read_genes",
    "read_loci",
    "score",
]

__getattr__, __dir__ = face(__name__)
