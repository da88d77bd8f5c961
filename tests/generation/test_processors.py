"""Which tokens may come next, against the same rules on Python lists."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation.answers import assert_best
from tests.generation.tables import END, PAD, Tables
from tests.reference import search
from tests.reference.generation import log_softmax

LIMIT, V, K = 8, 5, 4
tensorflow_only = pytest.mark.tensorflow_only


def searched(tables, row, choose, rescore=None):
    """The reference's answers of one row."""
    steps = search.beam_search(
        K,
        LIMIT,
        model=tables.model(row),
        choose=choose,
        rescore=rescore,
        end_id=END,
        source_mask=tables.mask[row],
        penalties=search.Penalties(),
    )
    return steps[-1].ended


@tensorflow_only
def test_repetition_penalty_in_the_search():
    # Keskar et al. 2019, section 4.1, with negative logits multiplied.
    strengths = [1.0, 1.5, 4.0, 0.3] * 5
    tables = Tables(len(strengths), vocabulary=V, steps=LIMIT, seed=80)
    generation = tables.generate(
        ka.GenerationOptions(
            beam_size=K,
            alternatives=2,
            max_length=LIMIT,
            min_length=6,
            repetition_penalty=strengths,
        )
    )
    changed = 0

    def choose(prefix):
        return [v for v in range(1, V) if v != END or len(prefix) >= 5]

    for row, theta in enumerate(strengths):

        def rescore(prefix, row=row, theta=theta):
            last = prefix[-1] if prefix else 1
            logits = tables.logits[row, len(prefix), last].astype("float64")
            for token in set(prefix):
                positive = logits[token] > 0
                logits[token] *= 1 / theta if positive else theta
            return log_softmax(logits)

        wanted = searched(tables, row, choose, rescore)
        # The log-probabilities that come back are the model's own.
        assert_best(generation, row, wanted, 2)
        changed += wanted[0].tokens != searched(tables, row, choose)[0].tokens
    assert changed > 3


@tensorflow_only
def test_banned_tokens():
    tables = Tables(4, vocabulary=V, steps=LIMIT, seed=90)
    banned = [[], [3], [3, 4], [1, 3, 4]]
    options = ka.GenerationOptions(
        beam_size=K, alternatives=2, max_length=LIMIT, banned_tokens=banned
    )
    generation = tables.generate(options)
    for row, ids in enumerate(banned):

        def choose(prefix, ids=ids):
            return [v for v in range(1, V) if v not in ids]

        assert_best(generation, row, searched(tables, row, choose), 2)


@tensorflow_only
@pytest.mark.parametrize("options", [{"beam_size": 3}, {"sample": True}, {}], ids=str)
def test_everything_banned_is_the_end(options):
    tables = Tables(3, vocabulary=V, steps=LIMIT)
    # With the end, without it, and although the least length is not reached.
    banned = [[0, 1, 2, 3, 4], [1, 3, 4], [3, 1, 4]]
    generation = tables.generate(
        ka.GenerationOptions(
            max_length=5, min_length=[1, 1, 4], banned_tokens=banned, **options
        )
    )
    assert generation.ids.tolist() == [[END]] * 3
    assert np.isfinite(generation.log_probs).all()
    # The log-probability is the model's: nothing is renormalised.
    for row in range(3):
        assert_allclose(
            generation.log_probs[row], tables.model(row)(())[0][END], rtol=1e-5
        )


@tensorflow_only
def test_banned_end_goes_on_to_the_limit():
    tables = Tables(2, vocabulary=V, steps=LIMIT, end=5.0)
    generation = tables.generate(
        ka.GenerationOptions(beam_size=K, max_length=[3, 6], banned_tokens=[END])
    )
    assert generation.lengths.tolist() == [3, 6]
    assert (generation.ids != END).all()


@tensorflow_only
@pytest.mark.parametrize("options", [{"beam_size": K}, {"sample": True}], ids=str)
def test_prefix_overrides_every_rule(options):
    tables = Tables(4, vocabulary=V, steps=LIMIT, seed=7)
    prefix = [[3, 3, 3], [4, 3], [END], []]
    generation = tables.generate(
        ka.GenerationOptions(
            max_length=LIMIT,
            prefix=prefix,
            banned_tokens=[3],
            no_repeat_ngram=1,
            min_length=6,
            **options,
        )
    )
    assert generation.ids[0, :3].tolist() == [3, 3, 3]
    assert generation.ids[1, :2].tolist() == [4, 3]
    assert generation.ids[2].tolist() == [END] + [PAD] * (generation.ids.shape[1] - 1)
    # After the prefix the rules hold again.
    assert 3 not in generation.ids[0, 3:] and 3 not in generation.ids[1, 2:]
    assert 3 not in generation.ids[3]


@tensorflow_only
@pytest.mark.parametrize("options", [{"beam_size": K}, {"sample": True}, {}], ids=str)
def test_min_length(options):
    tables = Tables(5, vocabulary=V, steps=LIMIT, end=4.0)
    shortest = [0, 1, 2, 5, 8]
    generation = tables.generate(
        ka.GenerationOptions(max_length=LIMIT, min_length=shortest, **options)
    )
    assert (generation.lengths >= shortest).all()
    assert (generation.lengths <= LIMIT).all()
    assert generation.lengths.min() < 3
