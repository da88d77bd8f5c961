"""Additive attention without projections: score, softmax and context, all in one call.

`keras.layers.AdditiveAttention` has no projections, so that ours has none here either.
"""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_attention as ka
from benchmarks.problem import Arrays
from benchmarks.variants import Setting, Workload
from keras_attention.backend.additive.energies import additive_energies

BACKEND = keras.backend.backend()


class UnprojectedScore(ka.scores.Score):
    """The additive score of queries and keys as they are."""

    def build(self, query_shape: Any, key_shape: Any) -> None:
        self.v = self.add_weight(name="v", shape=query_shape[-1:], initializer="ones")

    def precompute(self, key: Any) -> Any:
        return key

    def energies(self, query: Any, keys: Any, state: Any) -> Any:
        return additive_energies(query, keys, ops.convert_to_tensor(self.v), 1)


def attention(
    weights: Arrays,
    cases: dict[str, Arrays],
    setting: Setting,
    ours: bool,
    compiled: bool = False,
) -> Workload:
    """One call, `forward` or `training` (the context's square and its gradients)."""
    inputs = [cases["forward"][name] for name in ("query", "value", "key")]
    layer: Any
    if ours:
        layer = ka.Attention(UnprojectedScore())
        layer.build(*[x.shape for x in inputs])
        scale = layer.score.v
    else:
        layer = keras.layers.AdditiveAttention()
        layer.build([x.shape for x in inputs])
        scale = layer.scale
    scale.assign(weights["v"])

    def attend(*inputs: Any) -> Any:
        return layer(*inputs) if ours else layer(list(inputs))

    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND]
    calls = make(attend, inputs, scale, compiled, setting.threads)

    def check(case: str) -> Arrays:
        return {
            f"norm of {name}": np.linalg.norm(np.asarray(x, "float64"))
            for name, x in zip(
                ("context", "query", "value", "key", "v"), calls[case](), strict=False
            )
        }

    version = {BACKEND: importlib.metadata.version(BACKEND)}
    threads = {"intra_op": setting.threads}
    return Workload(check, lambda case: calls[case](), version, threads)


Calls = dict[str, Callable[[], list[Any]]]


def _tensorflow(
    attend: Any, inputs: list[Any], scale: Any, compiled: bool, threads: int
) -> Calls:
    import tensorflow as tf

    tensors = [tf.constant(x) for x in inputs]

    def training(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            context = attend(*inputs)
            loss = tf.reduce_sum(context**2)
        return [context, *tape.gradient(loss, [*inputs, scale.value])]

    functions = {"forward": lambda *x: [attend(*x)], "training": training}
    graphs = {
        case: tf.function(function, jit_compile=compiled, autograph=False)
        for case, function in functions.items()
    }
    return {
        case: lambda graph=graph: [x.numpy() for x in graph(*tensors)]
        for case, graph in graphs.items()
    }


def _jax(
    attend: Any, inputs: list[Any], scale: Any, compiled: bool, threads: int
) -> Calls:
    import jax

    def context(v: Any, *inputs: Any) -> Any:
        with keras.StatelessScope(state_mapping=[(scale, v)]):
            return attend(*inputs)

    def loss(v: Any, *inputs: Any) -> Any:
        found = context(v, *inputs)
        return (found**2).sum(), found

    differentiate = jax.value_and_grad(loss, argnums=(1, 2, 3, 0), has_aux=True)

    def training(*arguments: Any) -> Any:
        (_, found), gradients = differentiate(*arguments)
        return [found, *gradients]

    arguments = [jax.numpy.asarray(x) for x in (scale.value, *inputs)]
    functions = {"forward": lambda *x: [context(*x)], "training": training}
    jitted = {case: jax.jit(function) for case, function in functions.items()}
    return {
        case: lambda function=function: [np.asarray(x) for x in function(*arguments)]
        for case, function in jitted.items()
    }


def _torch(
    attend: Any, inputs: list[Any], scale: Any, compiled: bool, threads: int
) -> Calls:
    import torch

    torch.set_num_threads(threads)
    run = torch.compile(attend, dynamic=False) if compiled else attend
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]

    def forward() -> list[Any]:
        with torch.no_grad():
            return [run(*tensors).numpy()]

    def training() -> list[Any]:
        context = run(*tensors)
        sources = [*tensors, scale.value]
        gradients = torch.autograd.grad((context**2).sum(), sources)
        return [context.detach().numpy(), *[x.numpy() for x in gradients]]

    return {"forward": forward, "training": training}
