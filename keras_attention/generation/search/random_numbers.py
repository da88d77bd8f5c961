"""Random numbers that depend on a row's own seed alone.

The backends' generators draw for a whole tensor, so that a row's numbers change
with the batch around it. Here each number is a hash of (seed, slot, step, token):
MurmurHash3's finalizer, in wrapping 32-bit arithmetic, the same on every backend.
"""

import numpy as np
from keras import ops

from keras_attention.layer_support.types import Tensor

_MULTIPLIERS = (0x85EBCA6B, 0xC2B2AE35)  # Appleby 2016, MurmurHash3 fmix32
_GOLDEN = 0x9E3779B1


def uniform(seed: Tensor, slots: int, step: Tensor, tokens: Tensor) -> Tensor:
    """Numbers in (0, 1), `[B, K, V]` float32.

    Args:
        seed: `[B]` int32.
        slots: K, independent streams of a row.
        step: int32 scalar.
        tokens: V, or the ids of the tokens, `[V]` int32.
    """
    row = _mix(ops.reshape(seed, (-1, 1, 1)) * _signed(_GOLDEN))  # [B, 1, 1]
    slot = ops.reshape(ops.arange(slots, dtype="int32"), (1, -1, 1))  # [1, K, 1]
    place = _mix(ops.bitwise_xor(row, slot * _signed(_MULTIPLIERS[0])) + step)
    if not ops.is_tensor(tokens) or not len(tokens.shape):
        tokens = ops.arange(tokens, dtype="int32")
    token = ops.reshape(tokens, (1, 1, -1))  # [1, 1, V]
    bits = _mix(place + _mix(token * _signed(_GOLDEN) + 1))  # [B, K, V]
    # 23 bits and a half are what a float32 holds: neither 0 nor 1 comes out.
    return (ops.cast(_shift(bits, 9), "float32") + 0.5) * 2.0**-23


def gumbel(seed: Tensor, slots: int, step: Tensor, tokens: Tensor) -> Tensor:
    """Standard Gumbel noise `[B, K, V]`: argmax(logits + noise) is a sample."""
    return -ops.log(-ops.log(uniform(seed, slots, step, tokens)))


def _mix(x: Tensor) -> Tensor:
    x = ops.bitwise_xor(x, _shift(x, 16)) * _signed(_MULTIPLIERS[0])
    x = ops.bitwise_xor(x, _shift(x, 13)) * _signed(_MULTIPLIERS[1])
    return ops.bitwise_xor(x, _shift(x, 16))


def _shift(x: Tensor, by: int) -> Tensor:
    """Logical shift to the right: int32 has only the arithmetic one."""
    kept = _signed((1 << (32 - by)) - 1)
    return ops.bitwise_and(ops.bitwise_right_shift(x, by), kept)


def _signed(number: int) -> Tensor:
    return ops.convert_to_tensor(
        int(np.array(number, np.uint32).astype(np.int32)), dtype="int32"
    )
