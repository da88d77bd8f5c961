"""Stopping early changes no answer, and happens as soon as the answer is certain."""

import pytest

import keras_attention as ka
from tests.generation.answers import assert_best, options_of, rules, widened
from tests.generation.tables import END, Tables
from tests.reference import search

LIMIT = 8
TF = pytest.mark.tensorflow_only
SETTINGS = [
    {"beam_size": 1},
    {"beam_size": 4},
    {"beam_size": 2, "length_penalty": 0.8},
    {"beam_size": 5, "length_penalty": 2.0},
    {"beam_size": 3, "length_power": 1.0},
    {"beam_size": 6, "length_power": 2.5},
    {"beam_size": 3, "word_bonus": 0.7},
    {"beam_size": 2, "word_bonus": -0.7},
    {"beam_size": 4, "word_bonus": 2.0},
    {"beam_size": 3, "coverage_penalty": 0.4},
    {"beam_size": 6, "coverage_penalty": 2.0},
    {"beam_size": 5, "length_penalty": 0.6, "coverage_penalty": 0.3},
    {"beam_size": 2, "length_power": 0.5, "word_bonus": 0.4, "max_length": 6},
    {"beam_size": 4, "min_length": 4},
    {"beam_size": 4, "max_length": 3},
]
# The bound of the search joins the least division with the largest bonus, which no
# one length has: it may run on for a step or two after the answer is certain.
LOOSE = [
    {"beam_size": 3, "word_bonus": -0.3, "length_power": 1.5},
    {"beam_size": 5, "word_bonus": -0.8, "length_penalty": 1.0},
    {
        "beam_size": 6,
        "word_bonus": -0.2,
        "length_penalty": 0.5,
        "length_power": 0.5,
        "coverage_penalty": 0.3,
    },
]


def oracle(tables, row, setting):
    """The steps of a search that goes on to the limit."""
    return search.beam_search(
        setting["beam_size"], setting["max_length"], **rules(tables, row, setting)
    )


def needed(steps, alternatives, tables, row, setting):
    """Of those steps, how many it takes until the answers are certain."""
    penalties = rules(tables, row, setting)["penalties"]
    return search.steps_needed(steps, alternatives, setting["max_length"], penalties)


def made(settings, **tables):
    settings = [{"max_length": LIMIT} | setting for setting in settings]
    tables = Tables(len(settings), vocabulary=6, steps=LIMIT, positions=4, **tables)
    return tables, settings, options_of(settings)


@TF
@pytest.mark.parametrize("end", [0.0, 2.0])
def test_same_answers_as_a_search_that_never_stops(end):
    tables, settings, options = made((SETTINGS + LOOSE) * 10, seed=50, end=end)
    generation = widened(tables.generate(ka.GenerationOptions(**options)))
    for row, setting in enumerate(settings):
        assert_best(generation, row, oracle(tables, row, setting)[-1].ended, 1)


def test_same_alternatives_as_a_search_that_never_stops():
    several = [s for s in SETTINGS + LOOSE if s["beam_size"] >= 3]
    tables, settings, options = made(several * 12, seed=700, end=1.0)
    generation = tables.generate(ka.GenerationOptions(alternatives=3, **options))
    stopped_early = 0
    for row, setting in enumerate(settings):
        steps = oracle(tables, row, setting)
        assert_best(generation, row, steps[-1].ended, 3)
        stopped_early += needed(steps, 3, tables, row, setting) < setting["max_length"]
    assert stopped_early > len(settings) / 3


@TF
@pytest.mark.parametrize("setting", SETTINGS + LOOSE, ids=str)
def test_steps_are_what_the_longest_row_needs(setting):
    for seed, end in [(0, 3.0), (40, 4.0)]:
        rows = 3
        tables, settings, options = made([setting] * rows, seed=seed, end=end)
        generation = tables.generate(ka.GenerationOptions(**options))
        longest = max(
            needed(oracle(tables, row, settings[row]), 1, tables, row, settings[row])
            for row in range(rows)
        )
        if setting in LOOSE:
            assert longest <= generation.steps_run <= LIMIT
        else:
            assert generation.steps_run == longest
        assert generation.ids.shape[1] == generation.steps_run


@TF
def test_one_long_row_does_not_change_the_others():
    # Three rows that end at once, and one that may not before the seventh token.
    tables = Tables(4, steps=LIMIT, seed=3, end=9.0)
    alone = tables.generate(ka.GenerationOptions(beam_size=3, max_length=LIMIT))
    assert alone.steps_run == 1
    mixed = tables.generate(
        ka.GenerationOptions(beam_size=3, max_length=LIMIT, min_length=[1, 7, 1, 1])
    )
    assert mixed.steps_run == 7
    assert mixed.lengths.tolist() == [1, 7, 1, 1]
    assert (mixed.ids[[0, 2, 3], 0] == END).all()
    assert (mixed.log_probs[[0, 2, 3]] == alone.log_probs[[0, 2, 3]]).all()
