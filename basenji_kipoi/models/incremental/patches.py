"""The convolution tower of a network, and short patches of it.

What a network computes for one bin before its far-reaching layers depends on the bases of that bin
and of its flanks alone. `split` finds this part of a network, the tower; `patch_pass` computes it
for a few bins with exactly their flanks. Convolutions are 'valid' there: every one uses up some of
the flanks. Zero padding at the window's ends stands at the input of each convolution, so that
positions outside the window are set to zero there; unknown bases in their stead would be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from basenji_kipoi.models.incremental.reference import function_of, product, run_steps
from basenji_kipoi.models.incremental.steps import Activate, Convolve, Pool, Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.models.incremental.cuts import Split
    from basenji_kipoi.models.incremental.reference import Tensor, Weights
    from basenji_kipoi.models.incremental.steps import Step

__all__ = ["patch_pass", "tower_pass"]


def tower_pass(weights: Weights, x: Tensor, *, tower: Sequence[Step]) -> Tensor:
    """Compute the features of all bins: (batch, window, 4) to (batch, bins, channels)."""
    return run_steps(weights, x, steps=tower)


def patch_pass(
    weights: Weights, x: Tensor, starts: Tensor, *, parts: Split, bins: int, window: int
) -> Tensor:
    """Compute the features of a few bins.

    Parameters
    ----------
    weights
        Weights by name.
    x : tensor, shape (patches, parts.before + bins * parts.bin + parts.behind, 4)
        One-hot bases of the bins and their flanks; zero outside the window.
    starts : tensor, int32, shape (patches,)
        First bin of each patch in its window.
    parts
        The network.
    bins
        Bins of a patch.
    window
        Bases of a window (bp).

    Returns
    -------
    tensor, shape (patches, bins, channels)
        What `tower_pass` gives for these bins.
    """
    patch = _Patch(x, -parts.before, parts.bin, window // parts.bin)
    patch = _run(parts.tower, weights, starts, patch)
    return patch.x[:, -patch.offset : bins - patch.offset]


@dataclass(frozen=True)
class _Patch:
    """Values (patches, width, channels) of positions from ``starts * stride + offset`` on.

    ``stride`` counts positions of a bin, ``bins`` those of the window.
    """

    x: Tensor
    offset: int
    stride: int
    bins: int

    def cut(self, offset: int, width: int) -> Tensor:
        return self.x[:, offset - self.offset : offset - self.offset + width]


def _run(steps: Sequence[Step], weights: Weights, starts: Tensor, patch: _Patch) -> _Patch:
    for step in steps:
        x, offset, stride = patch.x, patch.offset, patch.stride
        if isinstance(step, Convolve):
            if step.kernel == 1:
                x = product(x, weights[f"{step.name}/matrix"])
            else:
                places = np.arange(offset, offset + x.shape[1], dtype=np.int32)
                places = starts[:, None] * stride + places
                inside = (places >= 0) & (places < patch.bins * stride)
                x = ops.conv(
                    x * ops.cast(inside, x.dtype)[:, :, None],
                    weights[f"{step.name}/kernel"],
                    padding="valid",
                    dilation_rate=step.dilation,
                    data_format="channels_last",
                )
                offset += step.before
            x = x + weights[f"{step.name}/bias"]
        elif isinstance(step, Scale):
            x = x * weights[f"{step.name}/scale"] + weights[f"{step.name}/shift"]
        elif isinstance(step, Activate):
            x = function_of(step.function)(x)
        elif isinstance(step, Pool):
            # A join before may have left more than whole groups.
            lead = -offset % step.size
            width = (x.shape[1] - lead) // step.size * step.size
            x = ops.max_pool(
                x[:, lead : lead + width], step.size, strides=step.size, data_format="channels_last"
            )
            offset, stride = (offset + lead) // step.size, stride // step.size
        else:
            branch = _run(step.steps, weights, starts, patch)
            x = patch.cut(branch.offset, branch.x.shape[1])
            x = x + branch.x if step.add else ops.concatenate([x, branch.x], axis=-1)
            offset = branch.offset
        patch = _Patch(x, offset, stride, patch.bins)
    return patch
