"""Models that TensorFlow Addons 0.23 saved, in each of its formats."""

import gzip
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention import migrate
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

pytestmark = pytest.mark.tensorflow_only

GOLDEN = Path(__file__).parent / "golden"
ANSWERS = json.loads((GOLDEN / "answers.json").read_text())
INPUTS, MEMORY = (np.asarray(ANSWERS[x], "float32") for x in ("inputs", "memory"))
MASK = np.arange(MEMORY.shape[1]) < np.asarray(ANSWERS["lengths"])[:, None]


def _bahdanau(units=3):
    return ka.AttentionDecoder(
        keras.layers.LSTMCell(4),
        ka.BahdanauAttention(units, normalize=True),
        order="luong",
        readout=ka.readouts.AttentionalReadout(3, activation="linear"),
    )


def _luong_monotonic():
    cells = [keras.layers.GRUCell(4), keras.layers.GRUCell(4)]
    alignment = ka.alignments.MonotonicAlignment(mode="soft")
    return ka.AttentionDecoder(
        keras.layers.StackedRNNCells(cells),
        ka.LuongAttention("general", scale="learned", alignment=alignment),
        order="luong",
        readout="none",
    )


DECODERS = {"bahdanau": _bahdanau, "luong_monotonic": _luong_monotonic}


def _read(name, form, folder):
    if form == "h5":
        path = folder / "weights.h5"
        packed = GOLDEN / name / "weights.h5.gz"
        path.write_bytes(gzip.decompress(packed.read_bytes()))
        return migrate.read_h5(path)
    arrays = migrate.read_checkpoint(GOLDEN / name / form)
    return migrate.select(arrays, "decoder/")


def _built(decoder):
    output = keras.layers.Dense(5)
    output(decoder(INPUTS, MEMORY))
    return randomize(decoder), output


@pytest.mark.parametrize("form", ["objects", "names", "h5"])
@pytest.mark.parametrize("name", DECODERS)
def test_saved_models_answer_as_before(name, form, tmp_path):
    decoder, output = _built(DECODERS[name]())
    arrays = _read(name, form, tmp_path)
    assert migrate.tensorflow_addons(arrays, decoder, output) == []
    got = to_numpy(output(decoder(INPUTS, MEMORY, value_mask=MASK)))
    assert_allclose(got, ANSWERS[name], atol=1e-6)


def test_what_does_not_fit_is_said_at_once_and_changes_nothing(tmp_path):
    decoder, output = _built(_bahdanau(units=7))
    before = [*decoder.get_weights(), *output.get_weights()]
    arrays = _read("bahdanau", "h5", tmp_path)
    del arrays["decoder/BahdanauAttention/attention_g:0"]
    arrays["encoder/embedding/embeddings:0"] = np.zeros((2, 3))
    with pytest.raises(ValueError) as error:
        migrate.tensorflow_addons(arrays, decoder, output)
    assert str(error.value).splitlines()[1:] == [
        "  missing: attention_g ()",
        "  left over: encoder/embedding/embeddings:0 (2, 3)",
        "  attention_b: expected shape (7,), received (3,)",
        "  attention_v: expected shape (7,), received (3,)",
        "  memory_layer/kernel: expected shape (3, 7), received (3, 3)",
        "  query_layer/kernel: expected shape (4, 7), received (4, 3)",
    ]
    after = [*decoder.get_weights(), *output.get_weights()]
    for x, y in zip(before, after, strict=True):
        assert np.array_equal(x, y)


@pytest.mark.parametrize(
    "wiring, message",
    [
        ({"order": "bahdanau"}, "order=.bahdanau."),
        ({"input_feeding": False}, "input_feeding=False"),
        ({"attention": ka.BahdanauAttention(4, num_heads=2)}, "2 heads"),
        ({"attention": ka.LuongAttention("dot")}, "DotScore"),
        (
            {"attention": ka.BahdanauAttention(4, layer_normalize=True)},
            "layer_normalize=True",
        ),
    ],
)
def test_other_wirings_are_refused(wiring, message):
    wiring = {"attention": ka.BahdanauAttention(4), "order": "luong"} | wiring
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(4), **wiring)
    decoder(INPUTS, np.ones((2, 3, 4), "float32"))
    with pytest.raises(ValueError, match=f"must be .* Received: .*{message}"):
        migrate.tensorflow_addons({}, decoder)


def test_a_bridge_of_our_own_is_named():
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(4, reset_after=False),
        ka.LuongAttention("general"),
        readout="none",
    )
    decoder(INPUTS, MEMORY, initial_state=[[np.ones((2, 5), "float32")]])
    arrays = {
        "LuongAttention/kernel:0": np.ones((3, 4)),
        "w/gru_cell/kernel:0": np.ones((2 + 3, 12)),
        "w/gru_cell/recurrent_kernel:0": np.ones((4, 12)),
        "w/gru_cell/bias:0": np.ones(12),
    }
    unset = migrate.tensorflow_addons(arrays, decoder)
    assert len(unset) == 2 and all("layer_0_state_0/" in x for x in unset)


def test_files_of_keras_3_are_refused(tmp_path):
    path = tmp_path / "model.weights.h5"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save_weights(path)
    with pytest.raises(ValueError, match="Keras 2 wrote.*Received: .*layers"):
        migrate.read_h5(path)
