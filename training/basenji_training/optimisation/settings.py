"""What a training run is asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LARGEST_SEED", "Settings"]

#: Largest seed that NumPy, Keras and Grain all take.
LARGEST_SEED = 2**32 - 1
# Far beyond what any run needs: more is a slip of the keyboard.
_MOST, _LONGEST = 1_000_000, 1_000_000_000


class Settings(BaseModel):
    """What a run was asked for. An epoch is one pass over the training windows of all stores.

    Each field is declared here alone: it is an entry of a recipe, an option of `basenji-train fit`
    and a row of the table in ``docs/how-to/fit.md``, with its description, unit and bounds.
    ``otherwise`` says what holds in a command where neither option nor recipe gives a value, if
    that is not the field's default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(
        default=100,
        ge=1,
        le=_MOST,
        description="Passes over the training windows; a cosine schedule ends with them.",
    )
    batch_size: int = Field(
        default=8,
        ge=1,
        le=2**16,
        description="Windows a step, on all devices together; all of one store.",
    )
    loss: Literal["poisson", "poisson_multinomial"] = Field(
        default="poisson",
        description="Poisson likelihood of bins, or Poisson of a window's total and multinomial of "
        "its shape.",
    )
    multinomial_weight: float = Field(
        default=1.0, ge=0, le=_MOST, description="Weight of the multinomial part; Borzoi has 5."
    )
    optimizer: Literal["adamw", "adam", "sgd"] = Field(default="adamw", description="Optimiser.")
    learning_rate: float = Field(default=2e-3, gt=0, le=1000, description="Largest learning rate.")
    warmup_epochs: float = Field(
        default=2, ge=0, le=_MOST, description="Epochs over which the learning rate rises."
    )
    schedule: Literal["cosine", "constant"] = Field(
        default="cosine",
        description="Course of the learning rate after the warm-up: to zero along half a cosine, "
        "or as it is.",
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of SGD, beta 1 of Adam.")
    beta_2: float = Field(default=0.98, ge=0, lt=1, description="Beta 2 of Adam.")
    weight_decay: float = Field(
        default=1e-3,
        ge=0,
        le=1000,
        description="Decoupled decay of convolution and head kernels, of adamw alone.",
    )
    clip_norm: float = Field(
        default=1.0,
        gt=0,
        le=_MOST,
        description="Largest norm of the gradient of all weights together.",
    )
    averaging: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Decay a step of the weights' moving average, which is validated and kept.",
    )
    jitter: int = Field(
        default=0,
        ge=0,
        le=_LONGEST,
        description="Largest random move of a window.",
        json_schema_extra={
            "unit": "bp",
            "otherwise": "half of what a window predicts; 0 where contigs are no longer than a "
            "window",
        },
    )
    shift: int = Field(
        default=3,
        ge=0,
        le=_LONGEST,
        description="Largest random move of the sequence alone.",
        json_schema_extra={"unit": "bp"},
    )
    reverse_complement: bool = Field(
        default=True, description="Train on both strands, swapping strand pairs."
    )
    substitution_rate: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of bases replaced at random in each training example, against learning "
        "by heart.",
    )
    stride: int | None = Field(
        default=None,
        ge=1,
        le=_LONGEST,
        description="Distance between neighbouring training windows, a multiple of the bin; a "
        "shorter one than the predicted part shows each bin several times an epoch.",
        json_schema_extra={"unit": "bp", "otherwise": "the predicted part of a window"},
    )
    resolution: int = Field(
        default=128,
        ge=1,
        le=_LONGEST,
        description="Width of the bins at which validation compares.",
        json_schema_extra={"unit": "bp"},
    )
    choose_by: str | None = Field(
        default=None,
        description="Tracks whose validation r chooses the epoch, as patterns separated by commas, "
        "such as 'atac,stripe*'; the others are only trained on.",
        json_schema_extra={"otherwise": "all"},
    )
    patience: int = Field(
        default=20,
        ge=1,
        le=_MOST,
        description="Stop after so many epochs without a better validation r.",
    )
    dtype: Literal["float32", "bfloat16", "auto"] = Field(
        default="float32",
        description="Arithmetic; auto is what is fastest here.",
        json_schema_extra={"otherwise": "auto"},
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=LARGEST_SEED,
        description="Seed of weights, dropout, order and augmentation.",
    )
    init: str = Field(
        default="",
        description="Bundle or run directory with whose trunk the network begins.",
        json_schema_extra={"otherwise": "random weights"},
    )
    init_member: int = Field(
        default=1, ge=1, le=1000, description="Which network of --init, if it is an ensemble."
    )
    freeze_trunk: bool = Field(
        default=False,
        description="Train the heads only, usually with --init; the trunk's normalisation keeps "
        "its statistics.",
    )
    trunk_learning_rate_factor: float = Field(
        default=1.0,
        gt=0,
        le=_MOST,
        description="The trunk's learning rate as a multiple of the heads'.",
    )
    reporter_batch_size: int = Field(
        default=128,
        ge=2,
        le=2**16,
        multiple_of=2,
        description="Sequences of a reporter store a step, on all devices together.",
    )
    reporter_pair_weight: float = Field(
        default=0.0,
        ge=0,
        le=_MOST,
        description="Weight of the differences between sequences one substitution apart, beside "
        "that of their activities.",
    )
    reporter_trunk_learning_rate_factor: float = Field(
        default=0.2,
        gt=0,
        le=_MOST,
        description="The trunk's learning rate in steps on reporters as a multiple of the heads'.",
    )
