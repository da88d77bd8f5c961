"""Generation from candidates, against the whole model with all others ruled out."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.generation.answers import hypothesis
from tests.generation.tables import END, START, as_numpy
from tests.generation.test_ensemble import copy
from tests.layers.gradients import COMPILERS, compiled, to_numpy
from tests.reference import search, shortlists

ROWS, K, LIMIT = 5, 3, 4
SPECIAL = (0, 1, 2)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
SHARED = {
    "length_penalty": [0.0, 0.6, 1.0, 0.2, 0.0],
    "coverage_penalty": [0.0, 0.2, 0.4, 0.0, 1.0],
    "repetition_penalty": [1.0, 1.3, 1.0, 1.0, 2.0],
    "no_repeat_ngram": [0, 2, 0, 1, 0],
    "min_length": [1, 3, 1, 2, 1],
}


def lists():
    """Few candidates, of different number, and one for everyone."""
    random = np.random.default_rng(1)
    table = random.integers(3, models.V, size=(models.V, 2))
    table[np.arange(models.V) % 3 != 0, 1] = -1
    return ka.Shortlist(table, np.array([9]), models.V)


@functools.cache
def whole(name="luong"):
    if name == "ensemble":
        return ka.Ensemble([whole("bahdanau"), whole("luong")], [1, 2], "linear")
    return models.model(name)


@functools.cache
def restricted(name="luong"):
    return lists().restrict(whole(name))


def allowed(source, forced=()):
    own = lists()
    return shortlists.candidates(own.table, own.frequent, source, SPECIAL, forced)


def masks(sources, forced=None):
    """``[B, V]``: the candidates of each row."""
    table = np.zeros((len(sources), models.V), bool)
    for row, source in enumerate(sources):
        table[row, list(allowed(source, forced[row] if forced else ()))] = True
    return table


def with_everything(source, options, name="luong", forced=None):
    """The whole model, whose logits outside the candidates become minus infinity."""
    model, mask = whole(name), masks(source, forced)
    memory, state, source_mask = model.encode(ops.convert_to_tensor(source))
    beams = int(np.max(options.beam_size))
    beams = max(beams, options.alternatives if np.any(options.sample) else 1)
    step = model.stepper(memory, beams)
    tiled = ops.convert_to_tensor(np.repeat(mask, beams, axis=0))

    def step_fn(ids, state):
        logits, weights, state = step(ids, state)
        return ops.where(tiled, logits, -np.inf), weights, state

    return as_numpy(
        ka.generate(
            step_fn, state, options, vocabulary_size=models.V, source_mask=source_mask
        )
    )


def assert_same(got, wanted):
    assert (got.ids == wanted.ids).all()
    assert (got.lengths == wanted.lengths).all()
    assert_allclose(got.log_probs, wanted.log_probs, **TOLERANCE)
    assert_allclose(got.weights, wanted.weights, **TOLERANCE)


def test_the_lists_rule_something_out():
    # Or everything below would be idle.
    found = masks(models.sources(ROWS))
    assert 4 < found.sum(axis=1).min() < found.sum(axis=1).max() < models.V
    free = as_numpy(whole().generate(models.sources(ROWS)))
    own = np.take_along_axis(found, free.ids, axis=1)
    assert not own.all()


def test_greedy():
    source = models.sources(ROWS)
    options = ka.GenerationOptions(max_length=6)
    got = as_numpy(restricted().generate(source, options))
    assert_same(got, with_everything(source, options))
    banned = [np.flatnonzero(~row).tolist() for row in masks(source)]
    options = ka.GenerationOptions(max_length=6, banned_tokens=banned)
    free = as_numpy(whole().generate(source, options))
    assert (got.ids == free.ids).all()
    # Given that a candidate comes: never less probable than without.
    assert (got.log_probs > free.log_probs).all()


@pytest.mark.parametrize("name", ["bahdanau", "stateful"])
def test_beam_search(name):
    source = models.sources(ROWS)
    options = ka.GenerationOptions(beam_size=K, alternatives=2, max_length=6, **SHARED)
    got = as_numpy(restricted(name).generate(source, options))
    assert_same(got, with_everything(source, options, name))


def test_beam_search_is_the_oracles():
    """Every extension of a beam in Python, normalised over the candidates alone."""
    source = models.sources(2)
    options = ka.GenerationOptions(
        beam_size=K, alternatives=K, max_length=LIMIT, length_penalty=0.6
    )
    generation = as_numpy(restricted("bahdanau").generate(source, options))
    for row in range(2):
        own = allowed(source[row])

        @functools.cache
        def model(prefix, row=row, own=own):
            ids = np.array([[START, *prefix]], "int32")
            ids = np.pad(ids, ((0, 0), (0, LIMIT - ids.shape[1])))
            outputs = whole("bahdanau")(
                {"source_ids": source[row : row + 1], "target_ids": ids}
            )
            place = len(prefix)
            logits = to_numpy(outputs["logits"])[0, place]
            weights = to_numpy(outputs["weights"])[0, place]
            return shortlists.log_probs(logits, own), weights

        steps = search.beam_search(
            K,
            LIMIT,
            model=model,
            choose=lambda prefix, own=own: sorted(own - {0}),
            end_id=END,
            source_mask=source[row] != 0,
            penalties=search.Penalties(length_penalty=0.6),
        )
        for place, wanted in enumerate(steps[-1].ended[:K]):
            tokens, log_prob, weights = hypothesis(generation, row, place)
            assert tokens == wanted.tokens, (row, place)
            assert_allclose(log_prob, wanted.log_prob, **TOLERANCE)
            assert_allclose(weights, np.stack(wanted.weights), **TOLERANCE)


def test_samples():
    source = models.sources(ROWS)
    options = ka.GenerationOptions(
        sample=True, alternatives=3, max_length=6, top_k=4, top_p=0.95, seed=[*range(5)]
    )
    got = as_numpy(restricted().generate(source, options))
    assert_same(got, with_everything(source, options))


def test_a_row_does_not_depend_on_its_batch():
    source = models.sources(ROWS)
    for options in (
        {"max_length": 6},
        {"beam_size": K, "max_length": 6},
        {"sample": True, "max_length": 6, "seed": 3},
    ):
        options = ka.GenerationOptions(**options)
        together = as_numpy(restricted().generate(source, options))
        for row in range(ROWS):
            alone = as_numpy(restricted().generate(source[row : row + 1], options))
            length = alone.lengths[0]
            assert together.lengths[row] == length
            ids = together.ids[row, :length]
            assert (ids == alone.ids[0, :length]).all()
            assert_allclose(together.log_probs[row], alone.log_probs[0], **TOLERANCE)


def test_forced_tokens_are_candidates():
    source = models.sources(ROWS)
    # The first id that is no candidate of its row, then one that is banned.
    forced = [[int(np.flatnonzero(~row)[-1]), 9] for row in masks(source)]
    forced[3] = []
    options = ka.GenerationOptions(
        beam_size=K, prefix=forced, banned_tokens=[9], max_length=6
    )
    got = as_numpy(restricted().generate(source, options))
    assert_same(got, with_everything(source, options, forced=forced))
    for row, ids in enumerate(forced):
        assert got.ids[row, : len(ids)].tolist() == ids
    assert np.isfinite(got.log_probs).all() and (got.log_probs > -1e3).all()


def test_scores_are_those_of_a_forced_prefix():
    source = models.sources(ROWS)
    random = np.random.default_rng(6)
    targets = random.integers(3, models.V, size=(ROWS, 4)).astype("int32")
    for row, length in enumerate([4, 1, 2, 3, 4]):
        targets[row, length - 1 :] = [END] + [0] * (4 - length)
    forced = [row[row != 0].tolist() for row in targets]
    # Some of them would be no candidates.
    assert not np.take_along_axis(masks(source), targets, axis=1).all()
    options = ka.GenerationOptions(prefix=forced, max_length=4)
    generation = as_numpy(restricted().generate(source, options))
    assert (generation.ids == targets).all()
    scores = as_numpy(restricted().score(source, targets))
    assert_allclose(scores.log_probs, generation.log_probs, **TOLERANCE)
    assert_allclose(scores.weights, generation.weights, **TOLERANCE)
    inputs = np.concatenate([np.full((ROWS, 1), START), targets[:, :-1]], axis=1)
    outputs = to_numpy(whole()({"source_ids": source, "target_ids": inputs}))
    for row, ids in enumerate(forced):
        own = allowed(source[row], ids)
        for t, token in enumerate(ids):
            wanted = shortlists.log_probs(outputs["logits"][row, t], own)[token]
            assert_allclose(scores.token_log_probs[row, t], wanted, **TOLERANCE)


def test_nothing_left_but_the_end():
    everything = [v for v in range(models.V) if v not in SPECIAL]
    options = ka.GenerationOptions(
        beam_size=K, banned_tokens=[1, *everything], max_length=6, min_length=3
    )
    source = models.sources(ROWS)
    got = as_numpy(restricted().generate(source, options))
    assert (got.ids[:, 0] == END).all() and (got.lengths == 1).all()
    assert_same(got, with_everything(source, options))


def test_empty_places_when_there_are_too_few_sequences():
    nothing = ka.Shortlist(np.full((models.V, 1), -1), np.zeros(0, int), models.V)
    model = nothing.restrict(copy(whole()))
    options = ka.GenerationOptions(beam_size=8, alternatives=8, max_length=1)
    got = as_numpy(model.generate(models.sources(2), options))
    # The start and the end are all that there is.
    assert (got.lengths == [1, 1, 0, 0, 0, 0, 0, 0]).all()
    assert np.isfinite(got.log_probs).all()
    assert (np.exp(got.log_probs[:, :2]).sum(axis=1) < 1).all()


@pytest.mark.parametrize("options", [{}, {"beam_size": K, "alternatives": 2}])
def test_an_ensemble(options):
    source = models.sources(ROWS)
    options = ka.GenerationOptions(max_length=6, **options)
    got = as_numpy(restricted("ensemble").generate(source, options))
    mask = masks(source)
    members = [whole("bahdanau"), whole("luong")]
    encoded = [m.encode(ops.convert_to_tensor(source)) for m in members]
    beams = int(options.beam_size)
    steps = [
        m.stepper(memory, beams)
        for m, (memory, _, _) in zip(members, encoded, strict=True)
    ]
    tiled = ops.convert_to_tensor(np.repeat(mask, beams, axis=0))

    def step_fn(ids, states):
        # Each member normalised over the candidates, then their mean.
        total, new, attention = 0.0, [], 0.0
        for step, state, share in zip(steps, states, (1 / 3, 2 / 3), strict=True):
            logits, weights, state = step(ids, state)
            table = ops.softmax(ops.where(tiled, logits, -np.inf), axis=-1)
            total = total + share * table
            if len(weights.shape) == 3:
                weights = ops.mean(weights, axis=1)
            attention = attention + share * weights
            new.append(state)
        return ops.log(total), attention, tuple(new)

    wanted = ka.generate(
        step_fn,
        tuple(state for _, state, _ in encoded),
        options,
        vocabulary_size=models.V,
        source_mask=encoded[0][2],
    )
    assert_same(got, as_numpy(wanted))


def test_special_ids_elsewhere():
    """Candidates begin with the special tokens, whatever their ids."""
    random = np.random.default_rng(3)
    special = {"pad_id": 4, "start_id": 7, "end_id": 0}
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4),
        ka.AttentionDecoder(keras.layers.GRUCell(6), ka.BahdanauAttention(4)),
        9,
        9,
        4,
        **special,
    )
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape))
    source = np.array([[1, 2, 0], [3, 0, 4]], "int32")
    every = ka.Shortlist(np.tile(np.arange(9), (9, 1)), np.array([8]), 9)
    for options in (
        ka.GenerationOptions(max_length=5),
        ka.GenerationOptions(beam_size=3, max_length=5, prefix=[[8, 3], [2]]),
        ka.GenerationOptions(sample=True, max_length=5, seed=4),
    ):
        got = as_numpy(every.restrict(copy(model)).generate(source, options))
        assert_same(got, as_numpy(model.generate(source, options)))


@pytest.mark.tensorflow_only
def test_options_that_are_tensors_of_a_graph():
    import tensorflow as tf

    integers = tf.TensorSpec([None], "int32")
    ids = tf.TensorSpec([None, None], "int32")

    @tf.function(input_signature=[ids, integers, ids, ids], autograph=False)
    def generate(source, beam_size, prefix, banned):
        options = ka.GenerationOptions(
            beam_size=beam_size, prefix=prefix, banned_tokens=banned, max_length=6
        )
        return restricted().generate(source, options, max_beam_size=K)

    source = models.sources(ROWS)
    for rows in (ROWS, 1, 0):
        beams = np.array([1, 3, 2, 3, 1], "int32")[:rows]
        prefix = np.array([[5], [-1], [10], [3], [-1]], "int32")[:rows]
        banned = np.array([[9, 4], [9, 3], [-1, -1], [4, -1], [10, 9]])[:rows]
        got = as_numpy(generate(source[:rows], beams, prefix, banned.astype("int32")))
        if not rows:
            continue
        listed = {
            name: [[i for i in row if i >= 0] for row in table.tolist()]
            for name, table in (("prefix", prefix), ("banned_tokens", banned))
        }
        options = ka.GenerationOptions(beam_size=beams.tolist(), max_length=6, **listed)
        wanted = with_everything(source[:rows], options, forced=listed["prefix"])
        assert_same(got, wanted)


@pytest.mark.parametrize("how", [how for how in COMPILERS if how == "xla"])
def test_shapes_that_come_before_values_are_refused(how):
    generate = compiled(lambda source: restricted().generate(source).ids, how)
    with pytest.raises(ValueError, match="candidates a batch has"):
        generate(models.sources(ROWS))


def test_steps_have_the_whole_vocabulary():
    source = models.sources(ROWS)
    model, mask = restricted(), masks(source)
    memory, state, _ = model.encode(ops.convert_to_tensor(source))
    plain, first, _ = whole().encode(ops.convert_to_tensor(source))
    ids = ops.convert_to_tensor(np.full(ROWS, START, "int32"))
    logits, weights, _ = model.stepper(memory)(ids, state)
    wanted, attention, _ = whole().stepper(plain)(ids, first)
    wanted = np.where(mask, to_numpy(wanted), -np.inf)
    assert_allclose(to_numpy(logits), wanted, **TOLERANCE)
    assert_allclose(to_numpy(weights), to_numpy(attention), **TOLERANCE)


def test_called_it_is_the_whole_model():
    given = {"source_ids": models.sources(2), "target_ids": models.sources(2)}
    got, wanted = to_numpy(restricted()(given)), to_numpy(whole()(given))
    assert_allclose(got["logits"], wanted["logits"], rtol=1e-6)
    # Its lists are no weights to be trained.
    trained = [v.path for v in restricted().trainable_variables]
    assert len(trained) == len(whole().trainable_variables)
    assert not [path for path in trained if "lists" in path]


def test_quantized_output_layer():
    model = copy(whole("bahdanau"))
    model.output_layer.quantize("int8")
    got = as_numpy(lists().restrict(model).generate(models.sources(2)))
    assert np.isfinite(got.log_probs).all()
    own = masks(models.sources(2))
    assert np.take_along_axis(own, got.ids, axis=1).all()


def test_a_batch_without_rows():
    for options in (None, ka.GenerationOptions(beam_size=2)):
        got = as_numpy(restricted().generate(np.zeros((0, 4), "int32"), options))
        assert got.ids.shape[0] == 0
