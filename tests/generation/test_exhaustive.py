"""With room for every prefix, the answers are the best of all sequences, in order."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.generation.options.row_options import option_values, row_options
from keras_attention.generation.penalties import coverage_term, rank_score
from tests.generation.answers import assert_best, options_of, rules, widened
from tests.generation.tables import END, PAD, Tables
from tests.layers.gradients import to_numpy
from tests.reference import search

LIMIT = 5
TF = pytest.mark.tensorflow_only
SETTINGS = [
    {},
    {"length_penalty": 0.8},
    {"length_penalty": 4.0},
    {"length_power": 1.0},
    {"length_power": 2.5},
    {"word_bonus": 0.7},
    {"word_bonus": -0.7},
    {"word_bonus": 3.0},
    {"coverage_penalty": 0.4},
    {"coverage_penalty": 5.0},
    {"length_penalty": 0.6, "coverage_penalty": 0.3},
    {"word_bonus": -0.3, "length_power": 1.5},
    {"length_penalty": 1.0, "length_power": 0.5, "word_bonus": 0.4},
    {
        "length_penalty": 1.0,
        "length_power": 0.5,
        "word_bonus": -0.4,
        "coverage_penalty": 0.2,
    },
    {"min_length": 3},
    {"max_length": 3},
    {"max_length": 1},
    {"min_length": 5},
    {"min_length": 2, "max_length": 4, "word_bonus": -2.0, "coverage_penalty": 0.2},
]


def oracle(tables, row, setting):
    return search.exhaustive(setting["max_length"], **rules(tables, row, setting))


@pytest.fixture(scope="module")
def case():
    settings = [{"max_length": LIMIT} | setting for setting in SETTINGS * 12]
    tables = Tables(len(settings), vocabulary=4, steps=LIMIT, seed=100)
    wanted = [oracle(tables, row, setting) for row, setting in enumerate(settings)]
    return tables, settings, wanted


# The other backends are slow to start; one case says that they agree.
@pytest.mark.parametrize(
    "alternatives", [pytest.param(70, marks=TF), 5, pytest.param(1, marks=TF)]
)
def test_every_setting(case, alternatives):
    # 70 is more than there are sequences; with 5 and 1 rows stop early.
    tables, settings, wanted = case
    generation = tables.generate(
        ka.GenerationOptions(
            beam_size=4 ** (LIMIT - 1),
            alternatives=alternatives,
            **options_of(settings),
        )
    )
    if alternatives == 1:
        generation = widened(generation)
    for row in range(tables.rows):
        assert_best(generation, row, wanted[row], alternatives)


@TF
def test_larger_vocabulary():
    settings = [{"max_length": LIMIT} | setting for setting in SETTINGS]
    tables = Tables(len(settings), vocabulary=6, steps=LIMIT, positions=5, seed=900)
    generation = tables.generate(
        ka.GenerationOptions(beam_size=4**4, alternatives=10, **options_of(settings))
    )
    for row, setting in enumerate(settings):
        assert_best(generation, row, oracle(tables, row, setting), 10)


def test_rank_scores_equal_the_formula(case):
    tables, settings, wanted = case
    options = ka.GenerationOptions(**options_of(settings))
    rows = row_options(option_values(options, PAD, END), len(settings))
    count = min(len(hypotheses) for hypotheses in wanted)
    best = [hypotheses[:count] for hypotheses in wanted]

    def each(function):
        numbers = np.array([[function(h) for h in row] for row in best], "float32")
        return ops.convert_to_tensor(numbers)

    attended = each(lambda h: np.sum(h.weights, axis=0, dtype="float32"))
    log_probs, lengths = each(lambda h: h.log_prob), each(lambda h: len(h.tokens))
    covered = coverage_term(attended, ops.convert_to_tensor(tables.mask))
    got = rank_score(log_probs, lengths, covered, rows)
    assert_allclose(
        to_numpy(got), to_numpy(each(lambda h: h.rank)), rtol=1e-5, atol=1e-5
    )
