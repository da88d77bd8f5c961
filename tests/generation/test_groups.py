"""Diverse beam groups, against the algorithm on Python lists."""

import numpy as np
import pytest

import keras_attention as ka
from tests.generation.answers import assert_best, options_of, rules
from tests.generation.tables import END, Tables
from tests.reference import search
from tests.reference.diverse import diverse_beam_search

LIMIT = 6
TF = pytest.mark.tensorflow_only
SETTINGS = [
    {"beam_size": 4, "beam_groups": 2, "diversity_penalty": 0.5, "alternatives": 4},
    {"beam_size": 4, "beam_groups": 4, "diversity_penalty": 1.0, "alternatives": 4},
    {"beam_size": 6, "beam_groups": 3, "diversity_penalty": 0.2, "alternatives": 6},
    {"beam_size": 6, "beam_groups": 2, "diversity_penalty": 3.0, "alternatives": 2},
    {"beam_size": 6, "beam_groups": 6, "diversity_penalty": 0.8, "alternatives": 3},
    {"beam_size": 5, "beam_groups": 1, "diversity_penalty": 9.0, "alternatives": 5},
    {"beam_size": 1, "beam_groups": 1, "diversity_penalty": 1.0, "alternatives": 1},
    {"beam_size": 4, "beam_groups": 2, "diversity_penalty": 0.0, "alternatives": 4},
    {
        "beam_size": 6,
        "beam_groups": 2,
        "diversity_penalty": 0.7,
        "alternatives": 5,
        "length_penalty": 0.9,
        "coverage_penalty": 0.3,
    },
    {
        "beam_size": 4,
        "beam_groups": 2,
        "diversity_penalty": 0.6,
        "alternatives": 3,
        "word_bonus": -0.3,
        "min_length": 3,
    },
]


def made(settings, **tables):
    settings = [{"max_length": LIMIT} | setting for setting in settings]
    tables = Tables(len(settings), vocabulary=6, steps=LIMIT, positions=4, **tables)
    return tables, settings, ka.GenerationOptions(**options_of(settings))


def oracle(tables, row, setting):
    return diverse_beam_search(
        setting["beam_size"],
        setting["beam_groups"],
        setting["diversity_penalty"],
        setting["max_length"],
        **rules(tables, row, setting),
    )


@pytest.mark.parametrize("end", [1.0, pytest.param(-1.0, marks=TF)])
def test_same_answers_as_the_algorithm(end):
    # Rows with other groups, other penalties and other numbers of answers together.
    tables, settings, options = made(SETTINGS * 8, seed=20, end=end)
    generation = tables.generate(options)
    changed = 0
    for row, setting in enumerate(settings):
        wanted = oracle(tables, row, setting)[: setting["alternatives"]]
        assert_best(generation, row, wanted, 6)
        plain = oracle(tables, row, setting | {"diversity_penalty": 0.0})
        changed += [h.tokens for h in wanted] != [
            h.tokens for h in plain[: setting["alternatives"]]
        ]
    assert changed > len(settings) / 3


@TF
def test_one_group_is_the_beam():
    tables = Tables(20, vocabulary=7, steps=LIMIT, seed=5)
    beam = {"beam_size": 4, "alternatives": 4, "max_length": LIMIT}
    plain = tables.generate(ka.GenerationOptions(**beam))
    one = tables.generate(
        ka.GenerationOptions(beam_groups=[1] * 20, diversity_penalty=2.0, **beam)
    )
    # Beside a row that has groups, so that the search for groups runs.
    groups = np.where(np.arange(20) == 7, 2, 1)
    beside = tables.generate(
        ka.GenerationOptions(beam_groups=groups, diversity_penalty=2.0, **beam)
    )
    others = np.arange(20) != 7
    for name in ("ids", "lengths", "log_probs", "weights"):
        assert (getattr(one, name) == getattr(plain, name)).all()
        steps = slice(None, plain.steps_run) if name in ("ids", "weights") else ()
        got = getattr(beside, name)[others]
        got = got[:, :, steps] if steps else got
        assert (got == getattr(plain, name)[others]).all()


@TF
def test_room_for_every_prefix():
    # Every group then finds the best sequences there are, whatever the penalty.
    limit, groups = 4, 2
    tables = Tables(6, vocabulary=4, steps=limit, seed=300)
    generation = tables.generate(
        ka.GenerationOptions(
            beam_size=groups * 4 ** (limit - 1),
            beam_groups=groups,
            diversity_penalty=[0.0, 0.1, 0.5, 1.0, 5.0, 50.0],
            alternatives=12,
            max_length=limit,
        )
    )
    for row in range(tables.rows):
        best = search.exhaustive(limit, **rules(tables, row, {}))
        wanted = [best[place // groups] for place in range(12)]
        assert_best(generation, row, wanted, 12)


@TF
def test_groups_differ():
    tables = Tables(30, vocabulary=12, steps=LIMIT, seed=9, end=-1.0)
    beam = {"beam_size": 4, "alternatives": 4, "max_length": LIMIT}
    first = {}
    for penalty in (0.0, 10.0):
        generation = tables.generate(
            ka.GenerationOptions(beam_groups=4, diversity_penalty=penalty, **beam)
        )
        first[penalty] = [len(set(row.tolist())) for row in generation.ids[:, :, 0]]
    # A strong penalty: no two groups begin alike. None: four times the same.
    assert set(first[0.0]) == {1}
    assert set(first[10.0]) == {4}


@TF
def test_groups_that_do_not_divide_the_beam():
    with pytest.raises(ValueError, match="`beam_size`.*multiple of `beam_groups`"):
        ka.GenerationOptions(beam_size=4, beam_groups=3)
    with pytest.raises(ValueError, match="(?s)`beam_groups`.*row 2"):
        ka.GenerationOptions(beam_size=[4, 6, 5], beam_groups=[4, 3, 2])
    # Rows that sample have no beam.
    ka.GenerationOptions(beam_size=[4, 5], beam_groups=2, sample=[False, True])


@TF
def test_samples_beside_groups():
    tables = Tables(4, vocabulary=7, steps=LIMIT, seed=2)
    sample = {"sample": [False, True, False, True], "seed": 4, "max_length": LIMIT}
    groups = {"beam_size": 4, "diversity_penalty": 1.0, "alternatives": 3}
    plain = tables.generate(ka.GenerationOptions(**sample, **groups))
    beside = tables.generate(
        ka.GenerationOptions(beam_groups=[4, 8, 2, 3], **sample, **groups)
    )
    for row in (1, 3):
        assert (beside.lengths[row] == plain.lengths[row]).all()
        for place, length in enumerate(plain.lengths[row]):
            got = beside.ids[row, place, :length]
            assert (got == plain.ids[row, place, :length]).all()
    assert (beside.ids[:, :, 0] != END).any()
