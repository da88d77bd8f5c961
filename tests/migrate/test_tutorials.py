"""The models of the tutorials, written down again, beside what they become."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention import migrate
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

UNITS, SOURCES, TARGETS = 4, 7, 6
SOURCE = np.asarray([[5, 2, 4, 3], [1, 4, 6, 5]])
TARGET = np.asarray([[1, 3, 5], [4, 2, 1]])


def _model(decoder, more=0):
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(UNITS, "gru", bidirectional=False),
        decoder,
        source_vocabulary_size=SOURCES + more,
        target_vocabulary_size=TARGETS + more,
        embedding_dim=UNITS if more else 3,
        return_attention_scores=True,
    )
    return randomize(model)


def _decoder(**options):
    biased = options.get("order") is None
    return ka.AttentionDecoder(
        keras.layers.GRUCell(UNITS),
        ka.BahdanauAttention(UNITS, use_bias=biased),
        bridge="copy",
        **options,
    )


def _older():
    return _decoder(readout="none")


def _newer():
    return _decoder(order="luong", input_feeding=False)


def _random_arrays(shapes):
    random = np.random.default_rng(1)
    return {
        name: random.normal(scale=0.7, size=shape).astype("float32")
        for name, shape in shapes.items()
    }


def _keras_gru(arrays, name, x, state=None):
    """`keras.layers.GRU` with these weights: outputs, the last state."""
    layer = keras.layers.GRU(UNITS, return_sequences=True, return_state=True)
    layer.build(x.shape)
    layer.set_weights(
        [arrays[f"{name}/cell/{x}"] for x in ("kernel", "recurrent_kernel", "bias")]
    )
    return layer(x, initial_state=state)


def _tensorflow_shapes(older):
    shapes = {
        "encoder/embedding/embeddings": (SOURCES, 3),
        "decoder/embedding/embeddings": (TARGETS, 3),
        "decoder/attention/W1/kernel": (UNITS, UNITS),
        "decoder/attention/W2/kernel": (UNITS, UNITS),
        "decoder/fc/kernel": (UNITS, TARGETS),
        "decoder/fc/bias": (TARGETS,),
    }
    for part, depth in ("encoder", 3), ("decoder", 3 + UNITS * older):
        shapes |= {
            f"{part}/gru/cell/kernel": (depth, 3 * UNITS),
            f"{part}/gru/cell/recurrent_kernel": (UNITS, 3 * UNITS),
            f"{part}/gru/cell/bias": (2, 3 * UNITS),
        }
    if older:
        return shapes | {
            "decoder/attention/W1/bias": (UNITS,),
            "decoder/attention/W2/bias": (UNITS,),
            "decoder/attention/V/kernel": (UNITS, 1),
            "decoder/attention/V/bias": (1,),
        }
    more = {"attention/attention/scale": (UNITS,), "Wc/kernel": (2 * UNITS, UNITS)}
    return shapes | {f"decoder/{name}": shape for name, shape in more.items()}


def _tensorflow_older(w):
    """Logits of the notebook until 2021."""
    value, state = _keras_gru(
        w, "encoder/gru", w["encoder/embedding/embeddings"][SOURCE]
    )
    logits = []
    for ids in TARGET.T:
        query = ops.expand_dims(state, 1) @ w["decoder/attention/W1/kernel"]
        keys = value @ w["decoder/attention/W2/kernel"]
        biases = w["decoder/attention/W1/bias"] + w["decoder/attention/W2/bias"]
        energies = ops.tanh(query + keys + biases) @ w["decoder/attention/V/kernel"]
        weights = ops.softmax(energies + w["decoder/attention/V/bias"], axis=1)
        context = ops.sum(weights * value, axis=1)
        embedded = w["decoder/embedding/embeddings"][ids]
        x = ops.expand_dims(ops.concatenate([context, embedded], -1), 1)
        output, state = _keras_gru(w, "decoder/gru", x, state)
        logits.append(output[:, 0] @ w["decoder/fc/kernel"] + w["decoder/fc/bias"])
    return ops.stack(logits, axis=1)


def _tensorflow_newer(w):
    """Logits of the notebook of 2021 and 2022."""
    value, state = _keras_gru(
        w, "encoder/gru", w["encoder/embedding/embeddings"][SOURCE]
    )
    embedded = w["decoder/embedding/embeddings"][TARGET]
    output, _ = _keras_gru(w, "decoder/gru", embedded, state)
    query = output @ w["decoder/attention/W1/kernel"]
    layer = keras.layers.AdditiveAttention()
    layer.build([query.shape, value.shape, query.shape])
    layer.set_weights([w["decoder/attention/attention/scale"]])
    context = layer([query, value, value @ w["decoder/attention/W2/kernel"]])
    joined = ops.concatenate([context, output], -1)
    hidden = ops.tanh(joined @ w["decoder/Wc/kernel"])
    return hidden @ w["decoder/fc/kernel"] + w["decoder/fc/bias"]


@pytest.mark.parametrize("decoder", [_older, _newer])
def test_tensorflow(decoder):
    older = decoder is _older
    arrays = _random_arrays(_tensorflow_shapes(older))
    model = _model(decoder())
    assert migrate.tensorflow_tutorial(arrays, model) == []
    got = model({"source_ids": SOURCE, "target_ids": TARGET})["logits"]
    wanted = (_tensorflow_older if older else _tensorflow_newer)(arrays)
    assert_allclose(to_numpy(got), to_numpy(wanted), atol=1e-5)


def test_a_tutorial_is_not_read_into_the_other_form():
    arrays = _random_arrays(_tensorflow_shapes(older=True))
    model = _model(_newer())
    before = model.get_weights()
    with pytest.raises(ValueError) as error:
        migrate.tensorflow_tutorial(arrays, model)
    for line in (
        "missing: decoder/Wc/kernel (8, 4)",
        "left over: decoder/attention/V/bias (1,)",
        "decoder/gru/cell/kernel: expected shape (3, 12), received (7, 12)",
    ):
        assert f"\n  {line}" in str(error.value)
    for x, y in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(x, y)


@pytest.mark.parametrize(
    "decoder",
    [
        lambda: _decoder(),
        lambda: _decoder(order="luong"),
        lambda: ka.AttentionDecoder(
            keras.layers.GRUCell(UNITS, reset_after=False),
            ka.BahdanauAttention(UNITS, use_bias=True),
            readout="none",
            bridge="copy",
        ),
    ],
)
def test_other_models_are_refused(decoder):
    model = _model(decoder(), more=1)
    for function in (
        lambda: migrate.tensorflow_tutorial({}, model),
        lambda: migrate.pytorch_tutorial({}, {}, model),
    ):
        with pytest.raises(ValueError, match="must be a ka.Seq2Seq .* Received: "):
            function()


def _torch_shapes():
    def gru(depth):
        rows = 3 * UNITS
        return {
            "gru.weight_ih_l0": (rows, depth),
            "gru.weight_hh_l0": (rows, UNITS),
            "gru.bias_ih_l0": (rows,),
            "gru.bias_hh_l0": (rows,),
        }

    encoder = {"embedding.weight": (SOURCES, UNITS), **gru(UNITS)}
    decoder = {"embedding.weight": (TARGETS, UNITS), **gru(2 * UNITS)}
    for name, rows in ("Wa", UNITS), ("Ua", UNITS), ("Va", 1):
        decoder[f"attention.{name}.weight"] = (rows, UNITS)
        decoder[f"attention.{name}.bias"] = (rows,)
    decoder |= {"out.weight": (TARGETS, UNITS), "out.bias": (TARGETS,)}
    return encoder, decoder


def _torch_gru_step(w, x, h):
    """The equations of torch.nn.GRU's documentation, `x [B, D]`, `h [B, U]`."""

    def gates(side, of):
        product = of @ w[f"gru.weight_{side}_l0"].T + w[f"gru.bias_{side}_l0"]
        return np.split(product, 3, axis=-1)

    (xr, xz, xn), (hr, hz, hn) = gates("ih", x), gates("hh", h)
    reset, update = (1 / (1 + np.exp(-e)) for e in (xr + hr, xz + hz))
    return (1 - update) * np.tanh(xn + reset * hn) + update * h


def test_torch_gru_is_the_one_of_torch():
    torch = pytest.importorskip("torch")
    w = _random_arrays(_torch_shapes()[0])
    layer = torch.nn.GRU(UNITS, UNITS, batch_first=True)
    layer.load_state_dict(
        {k[4:]: torch.from_numpy(x) for k, x in w.items() if k.startswith("gru.")}
    )
    x = w["embedding.weight"][SOURCE]
    wanted, h = layer(torch.from_numpy(x))[0].detach().numpy(), np.zeros((2, UNITS))
    for step in range(SOURCE.shape[1]):
        h = _torch_gru_step(w, x[:, step], h)
        assert_allclose(h, wanted[:, step], atol=1e-6)


def test_pytorch():
    encoder, decoder = (_random_arrays(shapes) for shapes in _torch_shapes())
    model = _model(_older(), more=1)
    assert migrate.pytorch_tutorial(encoder, decoder, model) == []
    state, outputs, logits = np.zeros((2, UNITS)), [], []
    for ids in SOURCE.T:
        state = _torch_gru_step(encoder, encoder["embedding.weight"][ids], state)
        outputs.append(state)
    value = np.stack(outputs, axis=1)
    a = {name: decoder[f"attention.{name}.weight"].T for name in ("Wa", "Ua", "Va")}
    b = {name: decoder[f"attention.{name}.bias"] for name in a}
    for ids in TARGET.T:
        query = state[:, None] @ a["Wa"] + b["Wa"]
        energies = np.tanh(query + value @ a["Ua"] + b["Ua"]) @ a["Va"] + b["Va"]
        weights = np.exp(energies) / np.exp(energies).sum(axis=1, keepdims=True)
        context = (weights * value).sum(axis=1)
        x = np.concatenate([decoder["embedding.weight"][ids], context], axis=-1)
        state = _torch_gru_step(decoder, x, state)
        logits.append(state @ decoder["out.weight"].T + decoder["out.bias"])
    # Each id is one more; that of padding is never chosen.
    got = model({"source_ids": SOURCE + 1, "target_ids": TARGET + 1})["logits"]
    got = to_numpy(got)
    assert_allclose(got[..., 1:], np.stack(logits, axis=1), atol=1e-5)
    assert np.all(got[..., 0] < -1e8)
