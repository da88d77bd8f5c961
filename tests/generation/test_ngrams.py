"""No n-gram comes twice, for n of any size."""

import numpy as np
import pytest
from keras import ops

import keras_attention as ka
from keras_attention.generation import no_repeat_ngram
from keras_attention.generation.options.row_options import option_values, row_options
from tests.generation import models
from tests.generation.answers import assert_best
from tests.generation.tables import END, PAD, Tables, as_numpy
from tests.layers.gradients import to_numpy
from tests.reference import search

V, K = 5, 4
TF = pytest.mark.tensorflow_only


def test_what_would_be_repeated():
    # Of three symbols, so that 6-grams recur within 24 tokens.
    random = np.random.default_rng(0)
    sizes, slots, length = [0, 1, 2, 3, 4, 5, 6, 7, 9, 100], 6, 24
    tokens = random.integers(1, 4, size=(len(sizes), slots, length)).astype("int32")
    tokens[:, 0, 8:16] = tokens[:, 0, :8]
    tokens[:, 1] = 2
    options = ka.GenerationOptions(no_repeat_ngram=sizes, max_length=length)
    rows = row_options(option_values(options, PAD, END), len(sizes))
    logits = np.zeros((len(sizes), slots, V), "float32")
    matched = np.zeros(tokens.shape, "int32")
    blocked = dict.fromkeys(sizes, 0)
    for t in range(length + 1):
        history = np.where(np.arange(length) < t, tokens, -1).astype("int32")
        known = map(ops.convert_to_tensor, (history, matched, logits))
        got = to_numpy(no_repeat_ngram.repeating(*known, rows))
        for row, n in enumerate(sizes):
            for slot in range(slots):
                prefix = tuple(tokens[row, slot, :t].tolist())
                wanted = [search.repeats(prefix, v, n) for v in range(V)]
                assert got[row, slot].tolist() == wanted, (n, prefix)
                blocked[n] += sum(wanted)
        if t < length:
            history, token = map(ops.convert_to_tensor, (history, tokens[..., t]))
            matched = no_repeat_ngram.lengthened(
                history, ops.convert_to_tensor(matched), token
            )
    assert all(blocked[n] for n in range(1, 8))


def choose(n):
    def allowed(prefix):
        # Where everything is blocked, the end is left.
        left = [v for v in range(1, V) if not search.repeats(prefix, v, n)]
        return left or [END]

    return allowed


@pytest.mark.parametrize("limit", [8, pytest.param(16, marks=TF)])
def test_in_the_search(limit):
    sizes = list(range(8)) * 2
    tables = Tables(len(sizes), vocabulary=V, steps=limit, seed=60, end=-3.0)
    generation = tables.generate(
        ka.GenerationOptions(
            beam_size=K, alternatives=2, max_length=limit, no_repeat_ngram=sizes
        )
    )
    for row, n in enumerate(sizes):
        wanted = search.beam_search(
            K,
            limit,
            model=tables.model(row),
            choose=choose(n),
            end_id=END,
            source_mask=tables.mask[row],
            penalties=search.Penalties(),
        )[-1].ended
        assert_best(generation, row, wanted, 2)
        for ids in generation.ids[row]:
            ids = tuple(ids[ids != PAD].tolist())
            assert not any(search.repeats(ids[:t], ids[t], n) for t in range(len(ids)))


@TF
def test_sizes_that_only_the_graph_knows():
    import tensorflow as tf

    model, limit = models.model("luong"), 24
    model.output_layer.bias.assign(-9.0 * np.eye(models.V)[2])

    @tf.function(autograph=False)
    def generate(source, sizes):
        options = ka.GenerationOptions(no_repeat_ngram=sizes, max_length=limit)
        return model.generate(source, options)

    sizes = np.array([0, 1, 2, 5, 6, 7, 0, 3], "int32")
    source = models.sources(len(sizes))
    got = as_numpy(generate(source, tf.constant(sizes)))
    plain = as_numpy(model.generate(source, ka.GenerationOptions(max_length=limit)))
    cycling = 0
    for row, n in enumerate(sizes):
        free = tuple(plain.ids[row, : plain.lengths[row]].tolist())
        cycling += n > 4 and any(
            search.repeats(free[:t], free[t], n) for t in range(len(free))
        )
        ids = tuple(got.ids[row, : got.lengths[row]].tolist())
        assert not any(search.repeats(ids[:t], ids[t], n) for t in range(len(ids)))
        if n == 0:
            assert ids == free
    assert cycling, "no row would repeat a long n-gram by itself"
