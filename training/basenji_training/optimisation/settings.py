"""What a training run is asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Settings"]


class Settings(BaseModel):
    """What a run was asked for. An epoch is one pass over the training windows of all stores.

    Attributes
    ----------
    epochs
        Passes over the training windows; a cosine schedule ends with them.
    batch_size
        Windows a step, over all devices together; all of one store.
    loss
        "poisson" or "poisson_multinomial" (see `basenji_training.optimisation.losses`).
    multinomial_weight
        Weight of the multinomial part of the latter loss.
    optimizer
        "adamw", "adam" or "sgd" (with momentum).
    learning_rate, warmup_epochs, schedule
        The rate rises linearly to `learning_rate` over `warmup_epochs`, and then falls to zero
        along half a cosine ("cosine") or stays ("constant").
    momentum, beta_2
        Decay of the first moment (Adam's beta 1, the momentum of SGD) and of Adam's second.
    weight_decay
        Decoupled decay of convolution and head kernels, of "adamw" alone.
    clip_norm
        Largest norm of the gradient of all weights together.
    averaging
        Decay a step of the weights' moving average, which is what is validated and kept.
    jitter, shift, reverse_complement, substitution_rate
        As `basenji_training.store.windows.Augmentation` has them (bp; share of bases).
    stride
        Distance between neighbouring training windows (bp, a multiple of the bin); None: windows
        lie side by side, so that an epoch predicts each bin once.
    resolution
        Width of the bins at which validation compares (bp).
    choose_by
        Tracks (as `basenji_kipoi.models.targets.Targets.columns_of` takes them) whose mean
        validation correlation chooses the epoch; the others are auxiliary. All of them if None.
    patience
        Epochs without a better validation correlation after which training stops.
    dtype
        Arithmetic: float32 or bfloat16.
    seed
        Of weights, dropout, order and augmentation.
    init
        Bundle or run directory whose trunk the network begins with; none if empty.
    freeze_trunk
        Whether only the heads are trained; the trunk's normalisation keeps its statistics.
    trunk_learning_rate_factor
        Learning rate of the trunk as a multiple of the heads'.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(default=100, gt=0)
    batch_size: int = Field(default=8, gt=0)
    loss: Literal["poisson", "poisson_multinomial"] = "poisson"
    multinomial_weight: float = Field(default=1.0, ge=0)
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup_epochs: float = Field(default=2, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    beta_2: float = Field(default=0.98, ge=0, lt=1)
    weight_decay: float = Field(default=1e-3, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    averaging: float = Field(default=0.999, ge=0, lt=1)
    jitter: int = Field(default=0, ge=0)
    shift: int = Field(default=3, ge=0)
    reverse_complement: bool = True
    substitution_rate: float = Field(default=0.0, ge=0, lt=1)
    stride: int | None = Field(default=None, gt=0)
    resolution: int = Field(default=128, gt=0)
    choose_by: str | None = None
    patience: int = Field(default=20, gt=0)
    dtype: str = "float32"
    seed: int = 0
    init: str = ""
    freeze_trunk: bool = False
    trunk_learning_rate_factor: float = Field(default=1.0, gt=0)
