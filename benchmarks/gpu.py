"""Layers on a GPU, ours against the plain formula, both compiled.

`KERAS_BACKEND=jax python -m benchmarks.gpu`, or `torch`. Additive attention and an LSTM
layer, forward and backward, and one decoder step. Results are printed, not stored.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from timeit import timeit
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_attention as ka

BACKEND = keras.backend.backend()
# GPUs multiply float32 with fewer bits.
TOLERANCE = 1e-2
Function = Callable[..., Any]


def found_gpu() -> bool:
    if BACKEND == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    import torch

    return torch.cuda.is_available()


def cases(b: int, s: int, d: int) -> dict[str, tuple[Function, Function, Any, bool]]:
    """Ours, the plain formula, their inputs, and whether gradients are wanted."""
    drawn = np.random.default_rng(0).standard_normal((2, b, s, d)).astype("float32")
    query, value = map(ops.convert_to_tensor, drawn)
    attention = ka.BahdanauAttention(d)
    decoder = ka.AttentionDecoder(keras.layers.LSTMCell(d), attention, bridge="zero")
    decoder(query, value)
    score, cell = attention.score, decoder.cell
    encoder = ka.RecurrentEncoder(d, bidirectional=False)
    lstm = keras.layers.LSTM(d, return_sequences=True)
    encoder(value), lstm(value)
    lstm.set_weights(encoder.get_weights())
    memory, keys = decoder.precompute(value), value @ score.key.kernel
    start = decoder.initial_state(memory)

    def weigh(query: Any, keys: Any, value: Any) -> Any:
        query = query @ score.query.kernel
        hidden = ops.tanh(query[:, :, None] + keys[:, None])  # [B, T, S, D]
        return ops.softmax(ops.sum(score.v * hidden, -1)) @ value  # [B, T, D]

    def additive(query: Any, value: Any) -> Any:
        return weigh(query, value @ score.key.kernel, value)

    def step(inputs: Any) -> Any:
        h = c = ops.zeros((b, d))
        context = weigh(h[:, None], keys, value)[:, 0]  # [B, D]
        output, _ = cell(ops.concatenate([inputs, context], -1), [h, c])
        return ops.concatenate([output, context], -1)

    def our_step(inputs: Any) -> Any:
        return decoder.stepper(memory)(inputs, start)[0]

    return {
        "additive attention": (attention, additive, (query, value), True),
        "LSTM layer": (lambda x: encoder(x)[0], lstm, (value,), True),
        "decoder step": (our_step, step, (query[:, 0],), False),
    }


def compiled(function: Function, inputs: Any, gradients: bool) -> Callable[[], Any]:
    """What runs to the end: the output, or gradients by the inputs."""
    if BACKEND == "jax":
        import jax

        def loss(*x: Any) -> Any:
            return ops.sum(function(*x) ** 2)

        gradient = jax.grad(loss, tuple(range(len(inputs))))
        run = jax.jit(gradient if gradients else lambda *x: [function(*x)])
        return lambda: jax.block_until_ready(run(*inputs))
    import torch

    call = torch.compile(function)

    def once() -> Any:
        given = [x.detach().requires_grad_(gradients) for x in inputs]
        with torch.set_grad_enabled(gradients):
            found = [call(*given)]
        if gradients:
            found = torch.autograd.grad((found[0] ** 2).sum(), given)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return found

    return once


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--sizes", type=int, nargs=3, default=(32, 64, 512), help="BSD")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--anywhere", action="store_true", help="try it without a GPU")
    options = parser.parse_args(given)
    if BACKEND not in ("jax", "torch"):
        sys.exit(f"expected KERAS_BACKEND jax or torch. Received: {BACKEND}")
    if not (options.anywhere or found_gpu()):
        sys.exit(f"expected a GPU for {BACKEND}. Found none: nothing measured.")
    for name, (*both, inputs, gradients) in cases(*options.sizes).items():
        runs = [compiled(function, inputs, gradients) for function in both]
        ours, plain = (list(map(ops.convert_to_numpy, run())) for run in runs)
        for one, other in zip(ours, plain, strict=True):
            if not np.linalg.norm(one - other) <= TOLERANCE * np.linalg.norm(other):
                sys.exit(f"{name}: expected {other}. Received: {one}")
        rounds = range(options.rounds)
        seconds = np.array([[timeit(run, number=1) for run in runs] for _ in rounds])
        (least, other), middle = seconds.min(0), np.median(seconds, 0)
        print(f"{name}: ours {1e3 * least:.3f} ms, plain {1e3 * other:.3f}, the ratio")
        print(
            f"    {other / least:.2f} of minima, {middle[1] / middle[0]:.2f} of medians"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
