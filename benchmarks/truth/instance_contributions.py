"""Contributions of the bases of motif instances: to accessibility, or to their factor's binding.

For `bound_sites.py`, whose first lines say what is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.interpretation.attribution.run import attribute
from basenji_kipoi.models.bundle import METADATA, Bundle
from basenji_kipoi.models.model import Model, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from basenji_kipoi.genome.fasta import Genome

#: Width of what is explained around an instance's middle (bp).
WIDTH = 128


def contributions_to(
    model: Model | Path, genome: Genome, sites: pd.DataFrame, track: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum what the bases of each instance contribute to a track around it.

    Parameters
    ----------
    model
        The model.
    genome
        The genome.
    sites
        Instances: sequence_name, start, end, middle.
    track
        The track.

    Returns
    -------
    tuple of ndarray, float64, shape (instances,)
        Sums of contributions, sums of their sizes, and the prediction.
    """
    places = sites[["sequence_name", "middle"]].drop_duplicates(ignore_index=True)
    first = places.middle.to_numpy() - WIDTH // 2
    intervals = [
        (chrom, start, start + WIDTH)
        for chrom, start in zip(places.sequence_name, first.tolist(), strict=True)
    ]
    found = attribute(model, genome, intervals, tracks=track)
    own = found.contributions[:, 0]
    sums, sizes = (
        np.concatenate([[0.0], each.cumsum(dtype=np.float64)]) for each in (own, np.abs(own))
    )
    row = sites.merge(places.reset_index(), how="left")["index"].to_numpy()
    begin = found.offsets[row] - first[row]
    left, right = begin + sites.start.to_numpy(), begin + sites.end.to_numpy()
    return sums[right] - sums[left], sizes[right] - sizes[left], found.values[row, 0]


def held_out_models(folder: Path) -> dict[str, Path]:
    """Find the model for each chromosome: the one whose heads did not learn from it.

    Parameters
    ----------
    folder
        Folder of bundles, each of one network.

    Returns
    -------
    dict
        Chromosome -> the bundle that held it out.

    Raises
    ------
    InputError
        If the folder has no bundles, one does not say what it held out, or two held out the same.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob(f"*/{METADATA}")):
        training = Bundle.load(path.parent).metadata.training
        splits = [network.chromosomes for network in training.networks]
        if len(splits) != 1 or splits[0] is None:
            raise InputError(f"{path.parent} does not say what its one network was trained on")
        seen = {*splits[0].train, *splits[0].validation}
        for chromosome in splits[0].test:
            if chromosome in seen or chromosome in found:
                raise InputError(f"{folder}: {chromosome} is not held out by one model alone")
            found[chromosome] = path.parent
    if not found:
        raise InputError(f"{folder} has no bundles: --binding names the folder of the folds")
    return found


def own_contributions(
    models: Mapping[str, Path], genome: Genome, sites: pd.DataFrame
) -> pd.DataFrame:
    """Add what the bases of each instance contribute to its own factor's binding.

    Each instance is explained by the model that held out its chromosome.

    Parameters
    ----------
    models
        Chromosome -> its model, as `held_out_models` finds them, with a track for each factor.
    genome
        The genome.
    sites
        Instances: motif_name, sequence_name, start, end, middle.

    Returns
    -------
    DataFrame
        The instances with ``own``, ``own absolute``, ``binding`` and ``own relative``.

    Raises
    ------
    InputError
        If no model held out a chromosome, or a factor has no track.
    """
    lacking = sorted(set(sites.sequence_name) - set(models))
    if lacking:
        raise InputError(f"--binding: no model held out {', '.join(lacking)}")
    own = np.empty((3, len(sites)))
    loaded = {path: load(path) for path in set(models.values())}
    paths = sites.sequence_name.map(models)
    for path, model in loaded.items():
        for factor in sorted(set(sites.motif_name[paths == path])):
            chosen = ((paths == path) & (sites.motif_name == factor)).to_numpy()
            some = sites[chosen].reset_index(drop=True)
            own[:, chosen] = contributions_to(model, genome, some, factor)
    return sites.assign(
        **{
            "own": own[0],
            "own absolute": own[1],
            "binding": own[2],
            "own relative": own[0] / own[2],
        }
    )
