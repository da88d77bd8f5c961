"""Additive energies against their equation, through the edges of what is fast."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose, assert_array_equal

from keras_attention.backend.additive.energies import (
    additive_energies,
    tanh_energies,
)
from tests.layers.gradients import (
    BACKEND,
    COMPILERS,
    EXACT,
    outputs_and_gradients,
    to_numpy,
)

# B, T, S, U, H: a pair, odd sizes, several heads, more than a chunk of queries.
SIZES = [(1, 2, 1, 1, 1), (3, 7, 5, 6, 1), (2, 3, 9, 8, 4), (3, 101, 67, 96, 2)]
WAYS = (None, *COMPILERS)


def _arguments(sizes, scale, dtype="float32"):
    batch, targets, sources, units, heads = sizes
    random = np.random.default_rng(3)
    shapes = [(batch, targets, units), (batch, sources, units), (units,)]
    query, keys, v = (random.normal(size=shape) for shape in shapes)
    v /= np.sqrt(units)
    upstream = random.normal(size=(batch, heads, targets, sources))
    return [x.astype(dtype) for x in (scale * query, scale * keys, v, upstream)]


def _expected(query, keys, v, upstream, heads):
    """Energies and the gradients of query, keys and v in float64."""
    query, keys, v, upstream = (
        np.asarray(x, "float64") for x in (query, keys, v, upstream)
    )
    batch, targets, units = query.shape
    by_head = (batch, targets, keys.shape[1], heads, units // heads)
    hidden = np.tanh(query[:, :, None] + keys[:, None]).reshape(by_head)
    v = v.reshape(heads, -1)
    slopes = (1 - hidden**2) * v
    return (
        np.einsum("btshd,hd->bhts", hidden, v),
        np.einsum("bhts,btshd->bthd", upstream, slopes).reshape(query.shape),
        np.einsum("bhts,btshd->bshd", upstream, slopes).reshape(keys.shape),
        np.einsum("bhts,btshd->hd", upstream, hidden).reshape(units),
    )


def _found(query, keys, v, upstream, heads, how=None, energies=additive_energies):
    upstream = ops.convert_to_tensor(upstream)
    outputs, gradients, _ = outputs_and_gradients(
        functools.partial(energies, num_heads=heads),
        lambda found: ops.sum(found * upstream),
        [query, keys, v],
        compile=how,
    )
    return outputs, *gradients


def _compare(found, expected, tolerance):
    assert_allclose(found[0], expected[0], rtol=0, atol=tolerance)
    for gradient, wanted in zip(found[1:], expected[1:], strict=True):
        # Of the largest, but of 1 where all tanh are at their ends.
        largest = max(1.0, np.abs(wanted).max(initial=0))
        assert_allclose(gradient, wanted, rtol=0, atol=tolerance * largest)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    ("sizes", "scale"),
    [
        *[(SIZES[-1], x) for x in (0.1, 1.0, 10.0, 100.0)],
        *[(x, 1.0) for x in SIZES[:-1]],
    ],
    ids=str,
)
def test_energies_and_gradients_are_those_of_the_equation(sizes, scale, how):
    arguments = _arguments(sizes, scale)
    expected = _expected(*arguments, sizes[-1])
    _compare(_found(*arguments, sizes[-1], how), expected, 1e-5)


@pytest.mark.parametrize("how", WAYS)
def test_through_the_edges_of_the_ranges(how):
    # Sums around 0 of numbers up to and beyond what is computed as products, on
    # either side alone and on both.
    far = np.array([0, 29.9, 30, 30.1, 39.9, 40, 40.1, 43, 44, 45, 88, 89, 1e4])
    near = np.linspace(-3, 3, far.size)
    far, near = (np.concatenate([x, -x]) for x in (far, near))
    # One side of each unit is far, then both sides of one.
    for query, keys in [([far, near], [near, far]), ([far], [far])]:
        query, keys = np.transpose(query)[None], np.transpose(keys)[None] + 0.25
        v, upstream = np.full(len(query.T), 1.5), np.ones((1, 1, far.size, far.size))
        arguments = [x.astype("float32") for x in (query, keys, v, upstream)]
        _compare(_found(*arguments, 1, how), _expected(*arguments, 1), 1e-5)


@pytest.mark.parametrize("how", WAYS)
def test_infinities_and_nan_are_those_of_the_tanh(how):
    query, keys, v, upstream = _arguments((2, 6, 5, 4, 2), 1.0)
    query[0, 0, 1], query[0, 2, 3], query[1, 4, 0] = np.inf, -np.inf, np.nan
    found = _found(query, keys, v, upstream, 2, how)
    expected = _expected(query, keys, v, upstream, 2)
    _compare(found, expected, 1e-5)
    # Where infinities meet, a tanh has no value; nor has one of NaN.
    keys[0, 1, 1], keys[0, 3, 3], keys[1, 0, 2] = -np.inf, -np.inf, np.nan
    with np.errstate(invalid="ignore"):
        expected = _expected(query, keys, v, upstream, 2)
    found = _found(query, keys, v, upstream, 2, how)
    _compare(found, expected, 1e-5)
    assert np.isnan(found[0][0, 0, 0, 1]) and found[0][0, 1, 2, 3] < np.inf


def test_a_row_knows_nothing_of_a_bad_one():
    query, keys, v, upstream = _arguments((3, 6, 5, 8, 1), 1.0)
    wanted = _found(query, keys, v, upstream, 1)
    query[1], keys[2] = np.nan, np.inf
    found = _found(query, keys, v, upstream, 1)
    for one, other in zip(found[:3], wanted[:3], strict=True):
        assert_array_equal(one[0], other[0])


@pytest.mark.parametrize("shape", [(0, 3, 5), (2, 0, 5), (0, 1, 5), (2, 1, 1)])
@pytest.mark.parametrize("how", WAYS)
def test_empty_batches_and_targets_and_single_ones(shape, how):
    arguments = _arguments((*shape, 4, 2), 1.0)
    query, keys, v, upstream = arguments
    found = _found(*arguments, 2, how)
    assert [x.shape for x in found] == [
        (shape[0], 2, *shape[1:]),
        query.shape,
        keys.shape,
        v.shape,
    ]
    wanted = _found(*arguments, 2, how, tanh_energies)
    for one, other in zip(found, wanted, strict=True):
        assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("targets", [1, 7])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_half_precision_is_that_of_inputs_and_outputs_alone(scale, targets, dtype):
    query, keys, v, upstream = _arguments((3, targets, 5, 64, 2), scale)
    half = [ops.cast(ops.convert_to_tensor(x), dtype) for x in (query, keys)]
    found = additive_energies(*half, ops.convert_to_tensor(v), 2)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    expected = _expected(*to_numpy(half), v, upstream, 2)[0]
    # Half a unit in the last place of the largest.
    rounding = 2.0 ** {"float16": -11, "bfloat16": -8}[dtype]
    largest = np.abs(expected).max()
    assert_allclose(to_numpy(found), expected, atol=1.1 * rounding * largest)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_float64_stays(scale, how):
    assert EXACT == "float64"
    arguments = _arguments((2, 3, 5, 4, 1), scale, "float64")
    found = _found(*arguments, 1, how)
    _compare(found, _expected(*arguments, 1), 1e-12)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("how", ["graph", "xla"])
def test_sizes_that_a_graph_does_not_know(how):
    import tensorflow as tf

    def both(query, keys, v, upstream):
        with tf.GradientTape() as tape:
            tape.watch([query, keys, v])
            energies = additive_energies(query, keys, v, 2)
            loss = tf.reduce_sum(energies * upstream)
        return energies, *tape.gradient(loss, [query, keys, v])

    unknown = [[None, None, 96], [None, None, 96], [96], [None, 2, None, None]]
    compiled = tf.function(
        both,
        input_signature=[tf.TensorSpec(x, "float32") for x in unknown],
        jit_compile=how == "xla",
        autograph=False,
    )
    for sizes in [(1, 1, 1), (0, 3, 2), (3, 101, 67), (2, 5, 1)]:
        arguments = _arguments((*sizes, 96, 2), 1.0)
        _compare(to_numpy(compiled(*arguments)), _expected(*arguments, 2), 1e-5)


@pytest.mark.parametrize("how", WAYS)
def test_gradients_of_gradients(how):
    query, keys, v, upstream = _arguments((2, 3, 5, 4, 1), 1.0)

    def slopes(query, energies):
        if BACKEND == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(query)
                loss = ops.sum(energies(query, keys, v, 1) * upstream)
            return tape.gradient(loss, query)
        if BACKEND == "jax":
            import jax

            return jax.grad(lambda q: ops.sum(energies(q, keys, v, 1) * upstream))(
                query
            )
        import torch

        loss = ops.sum(
            energies(query, *map(ops.convert_to_tensor, (keys, v)), 1)
            * ops.convert_to_tensor(upstream)
        )
        return torch.autograd.grad(loss, query, create_graph=True)[0]

    found, wanted = (
        outputs_and_gradients(
            lambda query, form=form: slopes(query, form),
            lambda x: ops.sum(ops.sin(x)),
            [query],
            compile=how,
        )[1][0]
        for form in (additive_energies, tanh_energies)
    )
    assert np.abs(wanted).max() > 0.01
    assert_allclose(found, wanted, atol=1e-5)
