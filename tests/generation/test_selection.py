"""The best extensions found by blocks are those of a sort of all, ties included."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose, assert_array_equal

from keras_attention.backend import top as top_module
from keras_attention.backend.top import log_sum_exp, top
from keras_attention.generation.search import beam_extensions
from keras_attention.generation.search.beam_extensions import beam, likely_extensions
from tests.layers.gradients import to_numpy

END = 2
TF = pytest.mark.tensorflow_only
XLA = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="torch has no compiler here"
)


def compiled(function):
    """By XLA, which sorts otherwise."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)


def plain(logits, start, size, pad_id):
    """What `beam` says it returns, by one sort of all extensions of a row."""
    ranks = (logits + start[..., None]).astype("float32")
    ranks[..., pad_id] = -np.inf
    rows, slots, width = ranks.shape
    chosen = []
    for row in range(rows):
        flat = ranks[row].ravel()
        order = np.argsort(-flat, kind="stable")
        first, limit = order[: 2 * slots], int(size[row, 0])
        may_end = [
            any(place == slot * width + END for place in first[:limit])
            for slot in range(slots)
        ]
        going = [place for place in first if place % width != END]
        going = [place for place in going if flat[place] > -np.inf][:limit]
        chosen.append(([(p // width, p % width) for p in going], may_end))
    return chosen


def drawn(kind, rows, slots, width, seed):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, slots, width)).astype("float32")
    start = random.normal(size=(rows, slots)).astype("float32")
    if kind == "ties":
        logits, start = np.round(logits), np.round(start)
    if kind == "all equal":
        logits, start = np.zeros_like(logits), np.zeros_like(start)
    if kind == "mostly ruled out":
        logits[random.random(logits.shape) < 0.97] = -np.inf
        start[:, 1:] = -np.inf
    if kind == "none":
        logits[:] = -np.inf
    return logits, start


def found(logits, start, size, pad_id):
    slots = logits.shape[1]
    likely = likely_extensions(
        ops.convert_to_tensor(logits), ops.convert_to_tensor(start), slots, pad_id
    )
    return beam(likely, slots, ops.convert_to_tensor(size), END)


def assert_chosen(extension, wanted, width):
    slot, token, there, may_end = (to_numpy(x) for x in extension)
    assert (token >= 0).all() and (token < width).all()
    assert (slot >= 0).all() and (slot < slot.shape[1]).all()
    for row, (going, ends) in enumerate(wanted):
        assert there[row].sum() == len(going)
        pairs = list(zip(slot[row][there[row]], token[row][there[row]], strict=True))
        assert pairs == going
        assert_array_equal(may_end[row], ends)


# Of equal numbers torch says not which come first.
KINDS = ["any"]
if keras.backend.backend() != "torch":
    KINDS += ["ties", "all equal", "mostly ruled out", "none"]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(beam_extensions, "_BLOCK", 8)
    monkeypatch.setattr(beam_extensions, "_BLOCKS", 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slots", [1, 2, 5])
def test_of_any_vocabulary(kind, slots, small_blocks):
    for width in [3, 4, 7, 8, 9, 31, 32, 33, 37, 40, 41, 63, 64, 65, 127, 128, 199]:
        rows, pad_id = 3, (0, width - 1, width // 2)[width % 3]
        pad_id = 0 if pad_id == END else pad_id
        logits, start = drawn(kind, rows, slots, width, seed=width)
        size = np.array([[slots], [1], [(slots + 1) // 2]], "int32")
        wanted = plain(logits, start, size, pad_id)
        assert_chosen(found(logits, start, size, pad_id), wanted, width)


@XLA
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [9, 64, 67])
def test_compiled_as_a_whole(kind, width, small_blocks):
    logits, start = drawn(kind, 3, 3, width, seed=1)
    size = np.full((3, 1), 3, "int32")
    wanted = plain(logits, start, size, 0)
    extension = compiled(lambda x, y, z: found(x, y, z, 0))(logits, start, size)
    assert_chosen(extension, wanted, width)


@pytest.mark.parametrize("width", [1024, 1100, 2053])
def test_of_real_blocks(width):
    logits, start = drawn(KINDS[-4:][0], 2, 5, width, seed=3)
    size = np.full((2, 1), 5, "int32")
    assert_chosen(found(logits, start, size, 0), plain(logits, start, size, 0), width)


def test_no_numbers_in_one_row_leave_the_others_alone():
    logits, start = drawn("any", 3, 5, 1100, seed=4)
    size = np.full((3, 1), 5, "int32")
    wanted = plain(logits, start, size, 0)
    logits[1, 2] = np.nan
    extension = [to_numpy(x) for x in found(logits, start, size, 0)]
    assert (extension[1] < 1100).all() and (extension[1] >= 0).all()
    others = [x[[0, 2]] for x in extension]
    assert_chosen(others, [wanted[0], wanted[2]], 1100)


@XLA
@pytest.mark.parametrize("fixed", [pytest.param(True, id="rounds"), False])
def test_top_is_a_stable_sort(fixed, monkeypatch):
    if fixed:
        monkeypatch.setattr(top_module, "dynamic_shapes", lambda: False)
    x = np.round(np.random.default_rng(0).normal(size=(6, 20))).astype("float32")
    x[2], x[3, 4:] = -np.inf, -np.inf
    values, places = top(ops.convert_to_tensor(x), 7)
    wanted = np.argsort(-x, axis=1, kind="stable")[:, :7]
    assert_array_equal(to_numpy(places), wanted)
    assert_array_equal(to_numpy(values), np.take_along_axis(x, wanted, 1))
    assert tuple(top(ops.convert_to_tensor(x[:0]), 2)[0].shape) == (0, 2)


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_log_sum_exp_is_that_of_float64(scale):
    x = scale * np.random.default_rng(1).normal(size=(5, 3, 400)).astype("float32")
    x[0, 0, 5:] = -np.inf
    x = x.astype("float32")
    wide = x.astype("float64")
    largest = wide.max(-1, keepdims=True)
    wanted = np.log(np.exp(wide - largest).sum(-1)) + largest[..., 0]
    got = log_sum_exp(ops.convert_to_tensor(x))
    assert_allclose(to_numpy(got), wanted, rtol=1e-6, atol=1e-6)
