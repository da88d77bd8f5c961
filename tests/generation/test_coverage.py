"""The coverage penalty is charged to every hypothesis, at every step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation.answers import assert_best, rules
from tests.generation.tables import END, START, Tables
from tests.reference import search
from tests.reference.generation import log_softmax

pytestmark = pytest.mark.tensorflow_only

WORD = 3


def tensorflow_addons(tables, row, beam_size, limit, penalties):
    """Tokens of every beam of TensorFlow Addons' search, best first.

    Ended beams keep their slots and go on with end symbols at no cost. Coverage is
    charged to beams that had ended *before* this step only, and a source position
    that was never attended to is taken for padding (``beam_search_decoder.py`` of
    0.23, ``_get_scores`` and ``_beam_search_step``). Lengths leave out the end at
    the step that emits it, and count it later.
    """
    beams = [((), 0.0, np.zeros(tables.weights.shape[-1]), 0, False)]
    for _ in range(limit):
        longer = []
        for tokens, log_prob, attended, length, ended in beams:
            if ended:
                longer.append(
                    (
                        _charged(log_prob, length, attended, True, penalties),
                        ((*tokens, END), log_prob, attended, length, True),
                    )
                )
                continue
            log_probs, weights = tables.model(row)(tokens)
            attended = attended + weights
            for token in tables.no_padding(tokens):
                total = log_prob + log_probs[token]
                now = length + (token != END)
                longer.append(
                    (
                        _charged(total, now, attended, False, penalties),
                        ((*tokens, token), total, attended, length + 1, token == END),
                    )
                )
        longer.sort(key=lambda pair: -pair[0])
        beams = [beam for _, beam in longer[:beam_size]]
    return [tokens for tokens, *_ in beams]


def _charged(log_prob, length, attended, was_finished, penalties):
    known = np.where(attended == 0.0, 1.0, np.minimum(attended, 1.0))
    charge = penalties.coverage_penalty * np.log(known).sum()
    divisor = ((5 + length) / 6) ** penalties.length_penalty
    return log_prob / divisor + was_finished * charge


def attending_to_one_position(steps=4):
    """P(end) = 0.6, at the last step 0.3; one source position gets little weight."""
    tables = Tables(1, vocabulary=4, steps=steps, positions=2)
    tables.logits[:] = np.log([1e-9, 1e-9, 0.6, 0.4])
    tables.logits[:, -1] = np.log([1e-9, 1e-9, 0.3, 0.7])
    tables.weights[:] = [0.95, 0.05]
    tables.mask[:] = True
    return tables


def answers(tables, beam_size, limit, alternatives, penalties, **options):
    return tables.generate(
        ka.GenerationOptions(
            beam_size=beam_size,
            alternatives=alternatives,
            max_length=limit,
            **penalties._asdict(),
            **options,
        )
    )


def test_where_an_unfinished_hypothesis_wins_in_tensorflow_addons():
    tables, limit = attending_to_one_position(), 4
    penalties = search.Penalties(coverage_penalty=1.0)
    theirs = tensorflow_addons(tables, 0, 3, limit, penalties)
    assert theirs[0] == (WORD,) * limit  # never ended, so never charged
    uncharged = tensorflow_addons(tables, 0, 3, limit, search.Penalties())
    assert uncharged[0] == (END,) * limit

    ours = answers(tables, 3, limit, 3, penalties)
    best = search.exhaustive(limit, **rules(tables, 0, penalties._asdict()))
    assert ours.ids[0, 0, : ours.lengths[0, 0]].tolist() == list(best[0].tokens)
    assert best[0].finished
    # The unfinished one is charged as well: it does not even have the best rank.
    cut_off = next(h for h in best if not h.finished)
    assert cut_off.tokens == (WORD,) * limit
    assert cut_off.rank < best[0].rank


def test_where_tensorflow_addons_drops_the_winner():
    # Random models: with a beam for every sequence ours is the best by the formula.
    # Theirs often is not, for the same beam.
    limit, penalties = 4, search.Penalties(0.6, coverage_penalty=0.5)
    tables = Tables(60, vocabulary=4, steps=limit, seed=400)
    ours = answers(tables, 64, limit, 3, penalties)
    differ = 0
    for row in range(tables.rows):
        best = search.exhaustive(limit, **rules(tables, row, penalties._asdict()))
        assert_best(ours, row, best, 3)
        theirs = tensorflow_addons(tables, row, 3, limit, penalties)[0]
        shown = theirs[: theirs.index(END) + 1] if END in theirs else theirs
        differ += shown != best[0].tokens
    assert differ > 5


def test_padding_is_not_waited_for():
    # Attention that touches padding, and none, rank the same.
    tables, limit = attending_to_one_position(), 4
    wide = attending_to_one_position()
    wide.weights = np.concatenate([wide.weights, np.zeros_like(wide.weights)], -1)
    wide.mask = np.array([[True, True, False, False]])
    penalties = search.Penalties(coverage_penalty=0.7)
    narrow = answers(tables, 4, limit, 4, penalties)
    padded = answers(wide, 4, limit, 4, penalties)
    assert (narrow.ids == padded.ids).all()
    assert (narrow.log_probs == padded.log_probs).all()
    # As real positions they would count: every answer has to be as long as can be.
    wide.mask[:] = True
    wide.weights[..., WORD, 2:] = 0.5
    counted = answers(wide, 4, limit, 4, penalties)
    assert (counted.ids[0, 0] != padded.ids[0, 0, :1]).any()


def test_positions_never_attended_to_are_no_padding():
    # TensorFlow Addons takes a sum of exactly 0 for padding, and charges nothing.
    tables, limit = attending_to_one_position(), 3
    tables.weights[:] = [1.0, 0.0]
    tables.weights[:, :, WORD] = [0.0, 1.0]
    penalties = search.Penalties(coverage_penalty=0.5)
    ours = answers(tables, 3, limit, 1, penalties)
    # "word end" attends to both positions; "end" alone is likelier, to one only.
    assert ours.ids[0, :2].tolist() == [WORD, END]
    theirs = tensorflow_addons(tables, 0, 3, limit, penalties)
    assert theirs[0] == (END,) * limit


def test_several_heads_count_by_their_mean():
    single, limit = attending_to_one_position(), 4
    heads = np.array([[0.9, 0.1], [1.0, 0.0]], "float32")

    def step_fn(ids, state):
        logits, weights, state = single.step_fn(ids, state)
        rows = weights.shape[0]
        return logits, np.broadcast_to(heads, (rows, 2, 2)), state

    def several(**penalty):
        return ka.generate(
            step_fn,
            single.first_state([0]),
            ka.GenerationOptions(beam_size=3, max_length=limit, **penalty),
            vocabulary_size=4,
            source_mask=single.mask,
        )

    for beta in (0.0, 0.2, 0.5, 2.0):
        penalties = search.Penalties(coverage_penalty=beta)
        wanted = answers(single, 3, limit, 1, penalties)
        got = several(coverage_penalty=beta)
        assert np.asarray(got.ids).tolist() == wanted.ids.tolist()
        steps = wanted.steps_run
        assert_allclose(np.asarray(got.weights)[0, :, :1], heads[:, None], atol=1e-7)
        assert got.weights.shape == (1, 2, steps, 2)


def test_needs_a_mask_and_weights():
    tables = attending_to_one_position()
    options = ka.GenerationOptions(beam_size=2, max_length=3, coverage_penalty=0.1)
    with pytest.raises(ValueError, match="coverage_penalty.*source_mask"):
        tables.generate(options, source_mask=None)
    with pytest.raises(ValueError, match="coverage_penalty.*weights"):
        ka.generate(
            lambda ids, state: (log_softmax(np.ones((2, 4))), None, state),
            tables.first_state([START - 1]),
            options,
            vocabulary_size=4,
            source_mask=tables.mask,
        )
