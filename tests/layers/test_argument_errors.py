"""Numbers and masks that are none: every message names the argument and the value."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from keras_attention.backend.masks import as_mask

INF, NAN = float("inf"), float("nan")
NO_FRACTION = (1.0, -0.1, NAN, INF, "0.1", None, True)
NOT_FINITE = (INF, -INF, NAN, "1", None, True)
NEGATIVE = (-1.0, *NOT_FINITE)
NO_INTEGER = (0, -2, 1.5, "4", True)


def _decoder(**options):
    cell = keras.layers.GRUCell(6)
    return ka.AttentionDecoder(cell, ka.LuongAttention("dot"), **options)


# what takes it -> the argument, values that it must refuse
NUMBERS = {
    "Attention heads": (
        lambda **options: ka.Attention("dot", **options),
        "num_heads",
        NO_INTEGER,
    ),
    "Attention dropout": (
        lambda **options: ka.Attention("dot", **options),
        "dropout",
        NO_FRACTION,
    ),
    "BahdanauAttention": (ka.BahdanauAttention, "units", (*NO_INTEGER, None)),
    "decoder dropout": (_decoder, "dropout", NO_FRACTION),
    "encoder dropout": (
        lambda **options: ka.RecurrentEncoder(4, **options),
        "dropout",
        NO_FRACTION,
    ),
    "output_units": (
        lambda **options: _decoder(readout="maxout", **options),
        "output_units",
        NO_INTEGER,
    ),
    "attentional": (ka.readouts.AttentionalReadout, "units", NO_INTEGER),
    "maxout": (ka.readouts.MaxoutReadout, "units", NO_INTEGER),
    "pooling penalty": (
        lambda **options: ka.AttentionPooling(4, **options),
        "penalty",
        NEGATIVE,
    ),
    "pooling dropout": (
        lambda **options: ka.AttentionPooling(4, **options),
        "dropout",
        NO_FRACTION,
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    make, argument, values = NUMBERS[name]
    for value in values:
        with pytest.raises(ValueError, match=f"`{argument}` must be") as raised:
            make(**{argument: value})
        assert f"Received: {argument}={value!r}" in str(raised.value)


def test_units_for_a_readout_that_has_its_own():
    readout = ka.readouts.AttentionalReadout(4)
    for given in (readout, keras.saving.serialize_keras_object(readout)):
        with pytest.raises(ValueError, match="`output_units` is for.*output_units=5"):
            _decoder(readout=given, output_units=5)
    assert _decoder(readout=readout).readout is readout


def test_exponential_weights_of_a_pooling():
    # The score that would be refused is not of the user's choosing.
    for alignment in ("exp", ka.alignments.WindowAlignment("exp")):
        with pytest.raises(ValueError, match="`alignment` must take") as raised:
            ka.AttentionPooling(4, alignment=alignment)
        assert "score" not in str(raised.value)


@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "complex64", "complex128", "str", "object"]
)
def test_masks_are_booleans_or_integers(dtype):
    mask = np.ones((2, 5)).astype(dtype)
    layer = ka.Attention("dot")
    layer.build((2, 1, 4), (2, 5, 4))
    wanted = f"`value_mask` must be boolean or integer.*dtype {mask.dtype}"
    with pytest.raises(TypeError, match=wanted):
        layer.precompute(np.ones((2, 5, 4), "float32"), value_mask=mask)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "int64"])
def test_masks_of_every_integer_type(dtype):
    rows = [[1, 0], [0, 1]]
    for mask in (np.array(rows, dtype), keras.ops.convert_to_tensor(rows, dtype)):
        found = keras.ops.convert_to_numpy(as_mask(mask, "some"))
        assert found.dtype == bool and found.tolist() == [[True, False], [False, True]]
    assert keras.ops.convert_to_numpy(as_mask(rows, "some")).tolist() == found.tolist()
