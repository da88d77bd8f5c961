"""Several models as one, against the average of what each says alone."""

import functools

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.generation.answers import hypothesis
from tests.generation.tables import END, START, as_numpy
from tests.layers.gradients import COMPILERS, compiled, to_numpy
from tests.layers.weights import randomize
from tests.reference import ensembles, search

ROWS, T = 5, 7
WEIGHTS = (1.0, 3.0)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def copy(model):
    """Another model with the same weights."""
    other = type(model).from_config(model.get_config())
    other.set_weights(model.get_weights())
    return other


@functools.cache
def member(name):
    return models.model(name)


@functools.cache
def ensemble(average, names=("bahdanau", "luong"), weights=WEIGHTS):
    """Models of one and of two heads, with different cells."""
    return ka.Ensemble([member(name) for name in names], weights, average)


def targets(rows=ROWS):
    """Target inputs `[rows, T]` that begin with the start and may hold padding."""
    random = np.random.default_rng(5)
    ids = random.integers(3, models.V, size=(rows, T))
    ids[:, 0] = START
    ids[np.arange(T) >= (2 + np.arange(rows) % (T - 1))[:, None]] = 0
    return ids.astype("int32")


def inputs(rows=ROWS):
    return {"source_ids": models.sources(rows), "target_ids": targets(rows)}


def expected(average, given, names=("bahdanau", "luong"), weights=WEIGHTS):
    """The oracle's log-probabilities and attention weights ``[B, T, ...]``."""
    outputs = [to_numpy(member(name)(given)) for name in names]
    log_probs = ensembles.log_probs([o["logits"] for o in outputs], weights, average)
    # [B, H, T, S] with heads: the oracle wants them beside S.
    attention = [
        o["weights"] if o["weights"].ndim == 3 else np.moveaxis(o["weights"], 1, 2)
        for o in outputs
    ]
    return log_probs, ensembles.attention(attention, weights)


AVERAGES = pytest.mark.parametrize("average", ["log", "linear"])


@AVERAGES
@pytest.mark.parametrize("weights", [(1.0, 3.0), (0.5, 0.5), (2e-3, 9.0)])
def test_equals_the_oracle(average, weights):
    made = ensemble(average, weights=weights)
    given = inputs()
    wanted, _ = expected(average, given, weights=weights)
    got = to_numpy(made(given))
    assert_allclose(got, wanted, **TOLERANCE)
    assert_allclose(np.exp(got).sum(-1), 1.0, rtol=1e-5)


def test_the_averages_differ():
    # Or the oracle of one would do for the other.
    given = inputs()
    assert np.abs(expected("log", given)[0] - expected("linear", given)[0]).max() > 0.1


@AVERAGES
def test_one_model_twice_is_the_model(average):
    alone = member("bahdanau")
    twice = ka.Ensemble([alone, copy(alone)], [1, 2], average)
    once = ka.Ensemble([alone], average=average)
    given, source = inputs(), models.sources(ROWS)
    logits = to_numpy(alone(given))["logits"]
    wanted = np.log(ensembles.probabilities(logits))
    for made in (twice, once):
        assert_allclose(to_numpy(made(given)), wanted, **TOLERANCE)
    for options in (
        ka.GenerationOptions(max_length=6),
        ka.GenerationOptions(
            beam_size=3, alternatives=2, max_length=6, length_penalty=0.6
        ),
    ):
        best = as_numpy(alone.generate(source, options))
        generation = as_numpy(twice.generate(source, options))
        assert (generation.ids == best.ids).all()
        assert (generation.lengths == best.lengths).all()
        assert_allclose(generation.log_probs, best.log_probs, **TOLERANCE)
        assert_allclose(generation.weights, best.weights, **TOLERANCE)


@AVERAGES
def test_stepping_is_all_at_once(average):
    made, given = ensemble(average), inputs()
    # Masked steps leave the state as it was: only here does stepping know of none.
    given["target_ids"] = np.where(given["target_ids"] == 0, 4, given["target_ids"])
    wanted, attention = expected(average, given)
    assert_allclose(to_numpy(made(given)), wanted, **TOLERANCE)
    memory, state, mask = made.encode(keras.ops.convert_to_tensor(given["source_ids"]))
    assert_allclose(to_numpy(mask), given["source_ids"] != 0)
    step = made.stepper(memory)
    for t in range(T):
        ids = keras.ops.convert_to_tensor(given["target_ids"][:, t])
        log_probs, weights, state = step(ids, state)
        assert_allclose(to_numpy(log_probs), wanted[:, t], **TOLERANCE)
        assert_allclose(to_numpy(weights), attention[:, t], **TOLERANCE)


def row_model(average, source):
    """One row as a function of a prefix, for ``tests.reference.search``."""

    def step(prefix):
        ids = np.array([[START, *prefix]], "int32")
        ids = np.pad(ids, ((0, 0), (0, T - ids.shape[1])))
        given = {"source_ids": source[None], "target_ids": ids}
        log_probs, attention = expected(average, given)
        return log_probs[0, len(prefix)], attention[0, len(prefix)]

    return functools.cache(step)


@AVERAGES
def test_beam_search_is_the_oracles(average):
    rows, beam, limit = 2, 3, 4
    source = models.sources(rows)
    generation = as_numpy(
        ensemble(average).generate(
            source,
            ka.GenerationOptions(
                beam_size=beam,
                alternatives=beam,
                max_length=limit,
                length_penalty=0.6,
                coverage_penalty=0.2,
            ),
        )
    )
    for row in range(rows):
        steps = search.beam_search(
            beam,
            limit,
            model=row_model(average, source[row]),
            choose=lambda prefix: range(1, models.V),
            end_id=END,
            source_mask=source[row] != 0,
            penalties=search.Penalties(length_penalty=0.6, coverage_penalty=0.2),
        )
        for place, wanted in enumerate(steps[-1].ended[:beam]):
            tokens, log_prob, weights = hypothesis(generation, row, place)
            assert tokens == wanted.tokens, (row, place)
            assert_allclose(log_prob, wanted.log_prob, **TOLERANCE)
            assert_allclose(weights, np.stack(wanted.weights), **TOLERANCE)


@AVERAGES
@pytest.mark.parametrize("how", COMPILERS)
def test_compiled(average, how):
    made, given = ensemble(average), inputs()

    def call(source, target):
        return made({"source_ids": source, "target_ids": target})

    got = to_numpy(compiled(call, how)(given["source_ids"], given["target_ids"]))
    assert_allclose(got, expected(average, given)[0], **TOLERANCE)


@AVERAGES
def test_never_nan(average):
    """Members that rule each other out, each with all its mass on one token."""
    made = ka.Ensemble(
        [randomize(copy(member("bahdanau")), seed, 1e-3) for seed in (1, 2)],
        average=average,
    )
    for one, token in zip(made.members, (4, 5), strict=True):
        one.output_layer.bias.assign(np.where(np.arange(models.V) == token, 0, -1e38))
    got = to_numpy(made(inputs()))
    assert np.isfinite(got).all()
    assert_allclose(got[..., [4, 5]], np.log(0.5), atol=1e-4)
    options = ka.GenerationOptions(max_length=4)
    generation = as_numpy(made.generate(models.sources(ROWS), options))
    assert np.isfinite(generation.log_probs).all()
    assert np.isin(generation.ids, (4, 5)).all()


def test_half_precision_is_averaged_in_float32():
    def half():
        model = ka.Seq2Seq(
            ka.RecurrentEncoder(4, dtype="mixed_bfloat16"),
            ka.AttentionDecoder(
                keras.layers.GRUCell(6, dtype="mixed_bfloat16"),
                ka.BahdanauAttention(4, dtype="mixed_bfloat16"),
                dtype="mixed_bfloat16",
            ),
            models.V,
            models.V,
            5,
            dtype="mixed_bfloat16",
        )
        return randomize(model)

    made = ka.Ensemble([half(), member("luong")])
    got = made(inputs())
    assert keras.backend.standardize_dtype(got.dtype) == "float32"
    assert_allclose(np.exp(to_numpy(got)).sum(-1), 1.0, rtol=1e-5)
    generation = as_numpy(made.generate(models.sources(2)))
    assert np.isfinite(generation.log_probs).all()


def test_an_ensemble_of_ensembles():
    parts = [ensemble("log", ("bahdanau", "luong"), (1.0, 3.0)), member("stateful")]
    nested = ka.Ensemble(parts, [4, 4])
    flat = ensemble("log", ("bahdanau", "luong", "stateful"), (1.0, 3.0, 4.0))
    given = inputs()
    assert_allclose(to_numpy(nested(given)), to_numpy(flat(given)), **TOLERANCE)


def test_a_batch_without_rows():
    generation = as_numpy(ensemble("log").generate(np.zeros((0, 4), "int32")))
    assert generation.ids.shape[0] == 0


def test_it_trains_and_evaluates():
    made = ka.Ensemble([copy(member("bahdanau")), copy(member("luong"))])
    given = inputs(8)
    labels = np.where(given["target_ids"] == 0, 0, 3)
    made.compile("sgd", ka.losses.MaskedCrossentropy())
    before = [to_numpy(v) for v in made.trainable_variables]
    loss = made.evaluate(given, labels, verbose=0)
    wanted = -expected("log", given, weights=(1, 1))[0][..., 3][labels != 0].mean()
    assert_allclose(loss, wanted, rtol=1e-4)
    made.fit(given, labels, epochs=1, verbose=0)
    for variable, old in zip(made.trainable_variables, before, strict=True):
        assert np.abs(to_numpy(variable) - old).max() > 0, variable.path


class NoModel:
    source_vocabulary_size = target_vocabulary_size = models.V
    pad_id, start_id, end_id = 0, 1, 2


def other(**changes):
    sizes = {"source_vocabulary_size": models.V, "target_vocabulary_size": models.V}
    return ka.Seq2Seq(
        ka.RecurrentEncoder(3),
        ka.AttentionDecoder(keras.layers.GRUCell(4), ka.LuongAttention("general")),
        embedding_dim=3,
        **{**sizes, **changes},
    )


BAD = {
    "no models": (lambda m: ([],), ValueError, ["models", "at least one", "[]"]),
    "no list": (lambda m: (m,), TypeError, ["models", "list"]),
    "no model": (
        lambda m: ([m, NoModel()],),
        TypeError,
        ["place 1", "encode", "stepper"],
    ),
    "target vocabulary": (
        lambda m: ([m, other(target_vocabulary_size=9)],),
        ValueError,
        ["target_vocabulary_size", "11", "9", "place 1"],
    ),
    "source vocabulary": (
        lambda m: ([m, other(source_vocabulary_size=9)],),
        ValueError,
        ["source_vocabulary_size", "11", "9"],
    ),
    "special ids": (
        lambda m: ([m, other(pad_id=3)],),
        ValueError,
        ["pad_id", "0", "3", "place 1"],
    ),
    "one model twice": (
        lambda m: ([m, m],),
        ValueError,
        ["of their own", "places 0 and 1"],
    ),
    "average": (lambda m: ([m], None, "mean"), ValueError, ["log", "linear", "mean"]),
    "number of weights": (
        lambda m: ([m], [1.0, 2.0]),
        ValueError,
        ["weights", "1 models", "2"],
    ),
    "negative weight": (
        lambda m: ([m, other()], [2.0, -1.0]),
        ValueError,
        ["positive", "-1.0"],
    ),
    "weights that sum to zero": (
        lambda m: ([m, other()], [1.0, -1.0]),
        ValueError,
        ["positive", "-1.0"],
    ),
    "zeros": (lambda m: ([m, other()], [0, 0]), ValueError, ["positive", "0.0"]),
    "not a number": (lambda m: ([m], [np.nan]), ValueError, ["positive", "nan"]),
    "infinite": (lambda m: ([m], [np.inf]), ValueError, ["finite", "inf"]),
    "weights of text": (lambda m: ([m], ["much"]), TypeError, ["weights", "much"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    arguments, error, parts = BAD[name]
    with pytest.raises(error) as raised:
        ka.Ensemble(*arguments(member("bahdanau")))
    for part in parts:
        assert part in str(raised.value), raised.value
