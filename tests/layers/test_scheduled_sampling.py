"""Scheduled sampling: what is fed, how often, and that nothing else changes."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.decoder.scheduled_sampling import sample
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize, variable

L, V = keras.layers, 7
DECODERS = {
    "bahdanau": lambda **k: ka.AttentionDecoder(
        L.GRUCell(8), ka.BahdanauAttention(6), **k
    ),
    "luong": lambda **k: ka.AttentionDecoder(
        L.LSTMCell(8), ka.LuongAttention("general"), **k
    ),
    "luong_unfed": lambda **k: ka.AttentionDecoder(
        L.LSTMCell(8), ka.Attention("location_sensitive"), input_feeding=False, **k
    ),
}
PARTS = ("encoder", "decoder", "source_embedding", "target_embedding", "output_layer")
SOURCES = np.array([[3, 4, 5, 2], [6, 2, 0, 0], [5, 3, 2, 0]])
SHIFTED = np.array([[1, 3, 4, 5], [1, 6, 0, 0], [1, 5, 3, 0]])
LABELS = np.array([[3, 4, 5, 2], [6, 2, 0, 0], [5, 3, 2, 0]])
INPUTS = {"source_ids": SOURCES, "target_ids": SHIFTED}


def _model(name, share, scale=0.5, sure=False, **options):
    decoder = DECODERS[name](dropout=options.pop("dropout", 0.0))
    cell = "gru" if name == "bahdanau" else "lstm"
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4, cell),
        decoder,
        source_vocabulary_size=V,
        target_vocabulary_size=V,
        embedding_dim=5,
        scheduled_sampling=share,
        seed=1,
        **options,
    )
    randomize(model, scale=scale)
    if share is not None:
        variable(model, "updates").assign(0)
    if sure:  # So peaked that whatever is drawn is the best.
        model.output_layer.kernel.assign(1e4 * to_numpy(model.output_layer.kernel))
    return model


@pytest.mark.parametrize("name", DECODERS)
def test_only_the_truth_is_teacher_forcing(name):
    plain = _model(name, None)
    model = _model(name, 1.0, return_attention_scores=True)
    for part in PARTS:
        getattr(model, part).set_weights(getattr(plain, part).get_weights())
    wanted = to_numpy(plain(INPUTS))
    assert_allclose(to_numpy(model(INPUTS))["logits"], wanted, atol=1e-6)
    trained = to_numpy(model(INPUTS, training=True))
    assert_allclose(trained["logits"], wanted, atol=1e-5)
    evaluated = to_numpy(model(INPUTS))
    assert_allclose(trained["weights"], evaluated["weights"], atol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_never_the_truth_is_what_the_model_says(name):
    model = _model(name, 0.0, sure=True)
    memory, state, _ = model.encode(SOURCES)
    step, ids = model.stepper(memory), np.array([1, 1, 1])
    wanted = []
    for _ in range(SHIFTED.shape[1]):
        logits, _, state = step(ops.convert_to_tensor(ids), state)
        logits = to_numpy(logits)
        wanted.append(logits)
        ids = logits[:, 1:].argmax(-1) + 1  # padding is never drawn
    got = to_numpy(model(INPUTS, training=True))
    valid = SHIFTED != 0
    assert_allclose(got[valid], np.stack(wanted, 1)[valid], rtol=1e-4, atol=1)
    assert np.abs(got - to_numpy(model(INPUTS)))[valid].max() > 100
    # Columns of padding do not matter.
    wide = {name: np.pad(ids, ((0, 0), (0, 2))) for name, ids in INPUTS.items()}
    assert_allclose(
        to_numpy(model(wide, training=True))[:, :4][valid],
        got[valid],
        rtol=1e-4,
        atol=1,
    )


def test_every_token_has_a_coin_of_its_own():
    # The decoder's second step tells which token it was fed, in each of 400 rows.
    model = _model("luong", 0.7, sure=True)
    rows = 400
    many = {name: np.repeat(ids[:1], rows, axis=0) for name, ids in INPUTS.items()}
    # The truth is something that the model would not say.
    said = to_numpy(model(INPUTS))[0, 0, 1:].argmax() + 1
    many["target_ids"][:, 1] = 3 if said != 3 else 4
    truth = to_numpy(model(many))[0]
    got = to_numpy(model(many, training=True))
    assert_allclose(got[:, 0], np.repeat(truth[None, 0], rows, 0), rtol=1e-4, atol=1)
    true = np.abs(got[:, 1] - truth[1]).max(-1) < 1
    # Four standard deviations of 400 draws.
    assert abs(true.mean() - 0.7) < 4 * np.sqrt(0.21 / rows)
    # And another the next time.
    again = to_numpy(model(many, training=True))
    assert np.any((np.abs(again[:, 1] - truth[1]).max(-1) < 1) != true)


def test_draws_follow_the_distribution():
    logits = np.random.default_rng(4).normal(size=(1, V)).astype("float32")
    count = 20000
    chances = ((np.arange(count) + 0.5) / count).astype("float32")
    ids = to_numpy(sample(np.repeat(logits, count, 0), chances, 2))
    wanted = np.exp(logits[0])
    wanted[2] = 0.0
    wanted /= wanted.sum()
    got = np.bincount(ids.astype(int), minlength=V) / count
    assert got[2] == 0
    assert_allclose(got, wanted, atol=2 / count)


@pytest.mark.parametrize("excluded", [0, V - 1])
def test_extreme_chances_draw_what_is_possible(excluded):
    logits = np.full((2, V), -1e30, "float32")
    logits[:, 3] = 0.0
    chances = np.array([0.0, np.nextafter(np.float32(1), np.float32(0))], "float32")
    assert to_numpy(sample(logits, chances, excluded)).tolist() == [3, 3]
    even = to_numpy(sample(np.zeros((2, V), "float32"), chances, excluded))
    assert excluded not in even.tolist()


SCHEDULES = {
    "constant": (ka.schedules.Constant(0.3), lambda i: 0.3),
    "linear": (
        ka.schedules.Linear(0.9, 0.01, 0.2),
        lambda i: max(0.2, 0.9 - 0.01 * i),
    ),
    "exponential": (ka.schedules.Exponential(0.99), lambda i: 0.99**i),
    "inverse_sigmoid": (
        ka.schedules.InverseSigmoid(20.0),
        lambda i: 20.0 / (20.0 + np.exp(i / 20.0)),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    schedule, wanted = SCHEDULES[name]
    again = ka.schedules.get(keras.saving.serialize_keras_object(schedule))
    for update in (0, 1, 17, 60, 300):
        for one in (schedule, again):
            assert_allclose(float(one(float(update))), wanted(update), rtol=1e-5)


def test_it_trains_counts_is_saved_and_goes_on(tmp_path):
    model = _model("bahdanau", ka.schedules.Linear(1.0, 0.04), scale=0.3, dropout=0.1)
    model.compile(keras.optimizers.Adam(0.05), ka.losses.MaskedCrossentropy())
    before = [to_numpy(v) for v in model.trainable_variables]
    model.fit(INPUTS, LABELS, epochs=1, verbose=0)
    for v, old in zip(model.trainable_variables, before, strict=True):
        assert np.isfinite(to_numpy(v)).all()
        assert np.abs(to_numpy(v) - old).max() > 0, v.path
    history = model.fit(INPUTS, LABELS, epochs=24, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    loss = model.evaluate(INPUTS, LABELS, verbose=0)
    assert int(to_numpy(variable(model, "updates"))) == 25
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert int(to_numpy(variable(again, "updates"))) == 25
    assert again.get_config()["scheduled_sampling"]["class_name"] == "Linear"
    assert_allclose(again.evaluate(INPUTS, LABELS, verbose=0), loss, rtol=1e-5)


def test_half_precision():
    model = _model("luong", 0.5, dtype="mixed_bfloat16")
    logits = model(INPUTS, training=True)
    assert keras.backend.standardize_dtype(logits.dtype) == "bfloat16"
    assert np.isfinite(to_numpy(logits)).all()


BAD = {
    "name": (TypeError, "Received: 'linear'", lambda: _model("luong", "linear")),
    "share": (ValueError, r"`k` must be in \[0.0, 1.0\]", lambda: _model("luong", 1.5)),
    "exponential": (
        ValueError,
        "between 0 and 1. Received: k=1.0",
        lambda: ka.schedules.Exponential(1.0),
    ),
    "sigmoid": (
        ValueError,
        "Received: k=0.5",
        lambda: ka.schedules.InverseSigmoid(0.5),
    ),
    "slope": (ValueError, "Received: slope=-1", lambda: ka.schedules.Linear(1, -1)),
    "type": (TypeError, "Received: k='1'", lambda: ka.schedules.Constant("1")),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    error, message, call = BAD[name]
    with pytest.raises(error, match=message):
        call()
