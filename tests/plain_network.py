"""Networks computed in plain NumPy and float64, layer by layer, as their description reads.

Nothing here is folded, reordered or shared with the package's own passes: tests compare with it.
"""

from __future__ import annotations

import math

import numpy as np

from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.networks.building import layer_name

FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "gelu_sigmoid": lambda x: x * 0.5 * (1 + np.tanh(1.702 * x / 2)),
    "gelu_erf": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / np.sqrt(2))),
    "softplus": lambda x: np.logaddexp(x, 0),
    "exp_linear": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))) + 1,
    "linear": lambda x: x,
}


def predict(architecture, network, codes):
    """Predict windows of codes (batch, window): float64 (batch, bins, tracks), heads joined."""
    return predict_channels(architecture, network, one_hot(codes, np.float64))


def predict_channels(architecture, network, x):
    """Predict windows of any channels, float64 (batch, window, 4)."""
    x = _chain(architecture.trunk, "trunk", network, x)
    values = []
    for name, head in architecture.heads.items():
        matrix, bias = _weights(network, f"head_{name}")
        values.append(FUNCTIONS[head.activation](x @ matrix + bias))
    return np.concatenate(values, axis=-1)


def _weights(network, name):
    return [value.astype(np.float64) for value in network.get_layer(name).get_weights()]


def _chain(operations, prefix, network, x):
    for position, operation in enumerate(operations):
        x = _apply(operation, layer_name(prefix, position, operation), network, x)
    return x


def _apply(operation, name, network, x):
    if operation.op == "convolution":
        return _convolution(x, operation.dilation, *_weights(network, name))
    if operation.op == "normalisation":
        gamma, beta, mean, variance = _weights(network, name)
        return (x - mean) / np.sqrt(variance + operation.epsilon) * gamma + beta
    if operation.op == "activation":
        return FUNCTIONS[operation.function](x)
    if operation.op == "pooling":
        batch, length, channels = x.shape
        return x.reshape(batch, length // operation.size, operation.size, channels).max(axis=2)
    if operation.op == "crop":
        return x[:, operation.bins : x.shape[1] - operation.bins]
    if operation.op == "dropout":
        return x
    branch = _chain(operation.branch, name, network, x)
    return x + branch if operation.op == "residual" else np.concatenate([x, branch], axis=-1)


def _convolution(x, dilation, kernel, bias=0.0):
    taps = len(kernel)
    total = dilation * (taps - 1)
    length = x.shape[1]
    padded = np.pad(x, ((0, 0), (total // 2, total - total // 2), (0, 0)))
    shifts = (padded[:, tap * dilation : tap * dilation + length] for tap in range(taps))
    return sum(shift @ weights for shift, weights in zip(shifts, kernel)) + bias
