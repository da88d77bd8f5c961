"""Values and gradients on whichever backend runs, as float64 NumPy arrays."""

import keras
import numpy as np
from keras import ops

BACKEND = keras.backend.backend()


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


COMPILERS = {"tensorflow": ("graph", "xla"), "jax": ("xla",), "torch": ()}[BACKEND]


def value_and_gradients(function, inputs, variables=(), compile=None):
    """The scalar ``function(*inputs)`` and its gradients.

    Returns ``(value, gradients of inputs, gradients of variables)``; what the
    value does not depend on has gradient zero.
    """
    inputs = [ops.convert_to_tensor(x) for x in inputs]
    variables = list(variables)
    run = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND]
    value, of_inputs, of_variables = run(function, inputs, variables, compile)
    return to_numpy(value), to_numpy(of_inputs), to_numpy(of_variables)


def _tensorflow(function, inputs, variables, how):
    import tensorflow as tf

    def run(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = function(*inputs)
        sources = [list(inputs), [variable.value for variable in variables]]
        gradients = tape.gradient(
            value, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        dense = tf.nest.map_structure(tf.convert_to_tensor, gradients)
        return (value, *dense)

    return compiled(run, how)(*inputs)


def _jax(function, inputs, variables, how):
    import jax

    def run(inputs, values):
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return function(*inputs)

    differentiate = compiled(jax.value_and_grad(run, argnums=(0, 1)), how)
    value, (of_inputs, of_variables) = differentiate(
        inputs, [variable.value for variable in variables]
    )
    return value, of_inputs, of_variables


def _torch(function, inputs, variables, how):
    import torch

    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    values = [variable.value for variable in variables]
    value = function(*inputs)
    gradients = torch.autograd.grad(
        value, [*inputs, *values], allow_unused=True, materialize_grads=True
    )
    return (
        value.detach(),
        list(gradients[: len(inputs)]),
        list(gradients[len(inputs) :]),
    )


def directional_differences(function, inputs, variables=(), epsilon=1e-5):
    """Pairs (analytic, numeric): the derivative along a random direction of each
    input and each variable, from the gradients and by central differences.

    Everything must be float64: the error of the difference is about 1e-10.
    """
    random = np.random.default_rng(11)
    _, of_inputs, of_variables = value_and_gradients(function, inputs, variables)
    value = _evaluator(function)
    pairs = []
    for index, gradient in enumerate(of_inputs):
        direction = random.normal(size=gradient.shape)

        def moved(amount, index=index, direction=direction):
            changed = list(inputs)
            changed[index] = inputs[index] + amount * direction
            return value(changed)

        numeric = (moved(epsilon) - moved(-epsilon)) / (2 * epsilon)
        pairs.append((float(np.sum(gradient * direction)), numeric))
    for variable, gradient in zip(variables, of_variables, strict=True):
        direction = random.normal(size=gradient.shape)
        start = to_numpy(variable)
        ends = []
        for sign in (1, -1):
            variable.assign(start + sign * epsilon * direction)
            ends.append(value(inputs))
        variable.assign(start)
        numeric = (ends[0] - ends[1]) / (2 * epsilon)
        pairs.append((float(np.sum(gradient * direction)), numeric))
    return pairs


def _evaluator(function):
    def value(inputs):
        return float(to_numpy(function(*[ops.convert_to_tensor(x) for x in inputs])))

    return value
