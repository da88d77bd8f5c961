"""Values and gradients on whichever backend runs, as float64 NumPy arrays."""

import keras
import numpy as np
from keras import ops

BACKEND = keras.backend.backend()
# Elsewhere Keras' own ops narrow float64 (`ops.tanh` gives float32).
EXACT = "float64" if BACKEND == "tensorflow" else "float32"


def to_numpy(structure):
    """Tensors of any backend and float type -> NumPy, floats as float64."""

    def convert(x):
        if keras.backend.standardize_dtype(x.dtype) in ("bfloat16", "float16"):
            x = ops.cast(x, "float32")  # NumPy has no bfloat16
        array = np.asarray(ops.convert_to_numpy(x))
        if array.dtype.kind in "biu":
            return array
        return array.astype("float64")

    return keras.tree.map_structure(convert, structure)


def compiled(function, how):
    """``function`` of tensors as it is (None), in a graph or through XLA.

    "graph" is a `tf.function`; "xla" the same with ``jit_compile``, and `jax.jit`.
    """
    if how is None:
        return function
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=how == "xla", autograph=False)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    raise ValueError(f"{BACKEND} has nothing to compile with; received {how!r}")


# JAX compiles the loops of eager calls anew each time: better all at once.
FAST = "xla" if BACKEND == "jax" else None
COMPILERS = {"tensorflow": ("graph", "xla"), "jax": ("xla",), "torch": ()}[BACKEND]


def value_and_gradients(function, inputs, variables=(), compile=None):
    """The scalar ``function(*inputs)`` and its gradients.

    Returns ``(value, gradients of inputs, gradients of variables)``; what the
    value does not depend on has gradient zero.
    """
    return outputs_and_gradients(function, lambda x: x, inputs, variables, compile)


def outputs_and_gradients(function, loss, inputs, variables=(), compile=None):
    """The tensors ``function(*inputs)`` and the gradients of their ``loss``."""
    inputs = [ops.convert_to_tensor(x) for x in inputs]
    run = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND]
    return to_numpy(run(function, loss, inputs, list(variables), compile))


def _tensorflow(function, loss, inputs, variables, how):
    import tensorflow as tf

    def run(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = function(*inputs)
            value = loss(outputs)
        sources = [list(inputs), [variable.value for variable in variables]]
        gradients = tape.gradient(
            value, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return outputs, *tf.nest.map_structure(tf.convert_to_tensor, gradients)

    return compiled(run, how)(*inputs)


def _stateless(function, variables):
    """``function`` with the variables' values as its second argument."""

    def run(inputs, values):
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return function(*inputs)

    return run


def _jax(function, loss, inputs, variables, how):
    import jax

    stateless = _stateless(function, variables)

    def run(inputs, values):
        outputs = stateless(inputs, values)
        return loss(outputs), outputs

    differentiate = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
    (_, outputs), gradients = compiled(differentiate, how)(
        inputs, [variable.value for variable in variables]
    )
    return outputs, *gradients


def _torch(function, loss, inputs, variables, how):
    import torch

    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    values = [variable.value for variable in variables]
    outputs = function(*inputs)
    gradients = torch.autograd.grad(
        loss(outputs), [*inputs, *values], allow_unused=True, materialize_grads=True
    )
    outputs = keras.tree.map_structure(lambda x: x.detach(), outputs)
    count = len(inputs)
    return outputs, list(gradients[:count]), list(gradients[count:])


def directional_differences(function, inputs, variables=()):
    """Pairs (analytic, numeric): the derivative along a random direction of each
    input and each variable, from the gradients and by central differences.

    In float64 the error of the difference is about 1e-10, in float32 about 1e-3.
    """
    epsilon = 1e-5 if EXACT == "float64" else 3e-3
    random = np.random.default_rng(11)
    variables = list(variables)
    _, *gradients = value_and_gradients(function, inputs, variables, FAST)
    start = [*inputs, *to_numpy(variables)]
    value = _evaluator(function, len(inputs), variables)
    pairs = []
    for index, gradient in enumerate([*gradients[0], *gradients[1]]):
        direction = random.normal(size=gradient.shape)
        ends = []
        for amount in (epsilon, -epsilon):
            moved = list(start)
            moved[index] = (start[index] + amount * direction).astype(EXACT)
            ends.append(value(moved))
        numeric = (ends[0] - ends[1]) / (2 * epsilon)
        pairs.append((float(np.sum(gradient * direction)), numeric))
    return pairs


def _evaluator(function, count, variables):
    """A scalar of ``count`` inputs followed by the values of the variables."""
    if BACKEND == "jax":  # compiled once: eager loops are compiled at every call
        stateless = compiled(_stateless(function, variables), "xla")
        return lambda arrays: float(
            stateless(
                [ops.convert_to_tensor(x, EXACT) for x in arrays[:count]],
                [ops.convert_to_tensor(x, EXACT) for x in arrays[count:]],
            )
        )

    def value(arrays):
        for v, array in zip(variables, arrays[count:], strict=True):
            v.assign(array)
        return float(
            to_numpy(function(*[ops.convert_to_tensor(x) for x in arrays[:count]]))
        )

    return value
