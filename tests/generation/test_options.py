"""What cannot be meant is refused, with the name of the option and the row."""

import numpy as np
import pytest

import keras_attention as ka
from tests.generation import models
from tests.generation.tables import Tables, as_numpy

pytestmark = pytest.mark.tensorflow_only

NAN, INF = float("nan"), float("inf")
ROWS, V = 4, 8


@pytest.fixture(scope="module")
def tables():
    return Tables(ROWS, vocabulary=V, steps=6)


def generate(tables, **options):
    return tables.generate(ka.GenerationOptions(**({"max_length": 4} | options)))


@pytest.mark.parametrize(
    "option, value",
    [
        *[("beam_size", value) for value in (0, -1, 2**33)],
        *[("beam_groups", value) for value in (0, -1, 2**33)],
        *[("diversity_penalty", value) for value in (-0.1, NAN, INF)],
        *[("alternatives", value) for value in (0, -2)],
        *[("max_length", value) for value in (0, -1, 2**33)],
        *[("max_length_ratio", value) for value in (-1.0, NAN, INF, 1e30)],
        *[("min_length", value) for value in (-1, 2**33)],
        *[
            (name, value)
            for name in ("length_penalty", "length_power", "coverage_penalty")
            for value in (-0.1, NAN, INF)
        ],
        *[("word_bonus", value) for value in (NAN, INF, -INF)],
        *[("temperature", value) for value in (0.0, -1.0, NAN, INF)],
        *[("top_k", value) for value in (-1, 2**33)],
        *[("top_p", value) for value in (0.0, -0.5, 1.01, NAN)],
        *[("seed", value) for value in (2**31, -(2**31) - 1)],
        *[("repetition_penalty", value) for value in (0.0, -1.0, NAN, INF)],
        *[("no_repeat_ngram", value) for value in (-1, 2**33)],
    ],
)
def test_out_of_range(option, value):
    with pytest.raises(ValueError, match=f"`{option}`"):
        ka.GenerationOptions(**{option: value})
    good = 1.0 if isinstance(value, float) else 1
    with pytest.raises(ValueError, match=f"(?s)`{option}`.*row 2"):
        ka.GenerationOptions(**{option: [good, good, value, good]})


@pytest.mark.parametrize(
    "option, value",
    [
        ("beam_size", 2.0),
        ("beam_size", "2"),
        ("beam_size", True),
        ("beam_size", None),
        ("beam_size", {}),
        ("beam_size", [1, None, 1, 1]),
        ("beam_size", [[1], [2, 3]]),
        ("alternatives", 2.0),
        ("alternatives", True),
        ("alternatives", None),
        ("max_length", 4.5),
        ("max_length", "long"),
        ("max_length_ratio", "2"),
        ("min_length", None),
        ("length_penalty", "gnmt"),
        ("length_penalty", None),
        ("length_penalty", [0.1, None, 0.2, 0.3]),
        ("coverage_penalty", {"alpha": 0.2}),
        ("sample", 1),
        ("sample", "yes"),
        ("sample", None),
        ("temperature", "hot"),
        ("temperature", [[1.0], [1.0, 2.0]]),
        ("top_k", 1.5),
        ("top_p", None),
        ("seed", 0.5),
        ("seed", "x"),
        ("repetition_penalty", None),
        ("no_repeat_ngram", 2.0),
        ("banned_tokens", None),
        ("banned_tokens", 3),
        ("banned_tokens", "3 4"),
        ("banned_tokens", [1.5]),
        ("banned_tokens", ["a"]),
        ("banned_tokens", [[1], 2]),
        ("prefix", None),
        ("prefix", "3 4"),
        ("prefix", [True]),
        ("prefix", [[2.0]]),
        ("prefix", [5, [6]]),
    ],
    ids=str,
)
def test_wrong_type(tables, option, value):
    # The dataclass already knows, so that nothing is traced or run in vain.
    with pytest.raises((TypeError, ValueError), match=f"`{option}`"):
        ka.GenerationOptions(**{option: value})


@pytest.mark.parametrize("option", ["beam_size", "length_penalty", "seed", "top_p"])
def test_more_than_one_axis(option):
    with pytest.raises(ValueError, match=f"`{option}`.*shape"):
        ka.GenerationOptions(**{option: np.ones((2, 2), "int32")})


@pytest.mark.parametrize(
    "option, value",
    [
        ("max_length", [3, 4, 5]),
        ("max_length_ratio", [1.0, 2.0]),
        ("beam_size", [2, 3]),
        ("length_penalty", [0.1]),
        ("sample", [True] * 5),
        ("seed", [1, 2, 3]),
        ("prefix", [[3], [3]]),
        ("banned_tokens", [[3]] * 5),
    ],
    ids=str,
)
def test_wrong_number_of_rows(tables, option, value):
    with pytest.raises(ValueError, match=rf"(?s){option}.*\b{len(value)}\b"):
        generate(tables, **{option: value})


def test_rows_that_disagree(tables):
    two = {"max_length": [3, 4], "max_length_ratio": [1.0, 2.0, 3.0]}
    with pytest.raises(ValueError, match="`max_length`.*4 rows.*2"):
        generate(tables, **two)
    with pytest.raises(ValueError, match="`prefix`.*4 rows.*3"):
        generate(tables, seed=[1] * 4, prefix=[[3]] * 3, sample=True)


def test_contradictions():
    with pytest.raises(ValueError, match="`min_length`.*`max_length`"):
        ka.GenerationOptions(min_length=5, max_length=4)
    with pytest.raises(ValueError, match="`min_length`.*`max_length`.*row 2"):
        ka.GenerationOptions(min_length=[1, 2, 9], max_length=[5, 5, 5])
    with pytest.raises(ValueError, match="`min_length`.*`max_length`.*row 1"):
        ka.GenerationOptions(min_length=3, max_length=[5, 2, 5])
    with pytest.raises(ValueError, match="`alternatives`.*`beam_size`"):
        ka.GenerationOptions(alternatives=2)
    with pytest.raises(ValueError, match="`alternatives`.*`beam_size`.*row 1"):
        ka.GenerationOptions(alternatives=3, beam_size=[3, 2, 3])
    # Samples need no beam; the rows that search do.
    ka.GenerationOptions(alternatives=3, sample=True)
    with pytest.raises(ValueError, match="`alternatives`.*`beam_size`.*row 1"):
        ka.GenerationOptions(alternatives=3, sample=[True, False, True])


def test_prefix_longer_than_the_limit():
    with pytest.raises(ValueError, match="`prefix`.*`max_length`"):
        ka.GenerationOptions(prefix=[3, 4, 5], max_length=2)
    with pytest.raises(ValueError, match="`prefix`.*`max_length`.*row 1"):
        ka.GenerationOptions(prefix=[[3], [3, 4, 5]], max_length=2)
    with pytest.raises(ValueError, match="`prefix`.*`max_length`.*row 1"):
        ka.GenerationOptions(prefix=[[3, 4, 5], [3, 4]], max_length=[3, 1])
    ka.GenerationOptions(prefix=[[3, 4, 5], [3]], max_length=[3, 1])


def test_prefix_longer_than_the_limit_of_any_row():
    with pytest.raises(ValueError, match="(?s)`prefix`.*`max_length`.*row 1"):
        ka.GenerationOptions(prefix=[5, 6], max_length=[3, 1, 3, 3])


@pytest.mark.parametrize("option", ["banned_tokens", "prefix"])
@pytest.mark.parametrize("bad", [V, 99, -1])
def test_unknown_ids(tables, option, bad):
    with pytest.raises(ValueError, match=f"`{option}`.*{bad}"):
        generate(tables, **{option: [3, bad]})
    with pytest.raises(ValueError, match=f"`{option}`.*{bad}.*row 2"):
        generate(tables, **{option: [[3], [], [4, bad], []]})
    with pytest.raises(ValueError, match=f"`{option}`.*{bad}.*row 1"):
        generate(tables, **{option: np.array([[3], [bad], [3], [3]])})


@pytest.mark.parametrize(
    "prefix, row, what",
    [
        ([3, 0, 4], 0, "padding"),
        ([0], 0, "padding"),
        ([2, 3], 0, "after the end"),
        ([[3], [2], [3, 2, 2], []], 2, "after the end"),
        ([[3], [4, 5], [], [2, 0]], 3, "padding"),
    ],
    ids=str,
)
def test_prefix_that_begins_no_sequence(tables, prefix, row, what):
    with pytest.raises(ValueError, match=f"`prefix`.*{what}.*row {row}"):
        generate(tables, prefix=prefix)


def test_prefix_longer_than_the_ratio_allows_is_cut_off():
    model, source = models.model("bahdanau"), models.sources(2)
    lengths = (source != 0).sum(axis=1)
    for options in ({"max_length_ratio": 0.5, "max_length": 20}, {}):
        limit = lengths // 2 if options else 2 * lengths + 10
        prefix = [[3 + i % 5 for i in range(limit[row] + 2)] for row in range(2)]
        got = model.generate(
            source, ka.GenerationOptions(prefix=prefix, beam_size=2, **options)
        )
        assert np.asarray(got.lengths).tolist() == limit.tolist()
        for row in range(2):
            ids = np.asarray(got.ids)[row, : limit[row]]
            assert ids.tolist() == prefix[row][: limit[row]]


@pytest.mark.parametrize("option", ["banned_tokens", "prefix"])
def test_ids_as_an_array(tables, option):
    ids = [[3, 4], [5, 6], [3, 3], [7, 1]]
    wanted = generate(tables, beam_size=2, **{option: ids})
    got = generate(tables, beam_size=2, **{option: np.array(ids)})
    assert (got.ids == wanted.ids).all()
    flat = generate(tables, beam_size=2, **{option: np.array([3, 4])})
    assert (flat.ids == generate(tables, beam_size=2, **{option: [3, 4]}).ids).all()


def test_beam_larger_than_the_maximum(tables):
    options = ka.GenerationOptions(beam_size=[2, 2, 6, 2], max_length=4)
    with pytest.raises(ValueError, match="`beam_size`.*4.*6"):
        tables.generate(options, max_beam_size=4)


def test_what_the_search_needs_to_know():
    tables = Tables(ROWS, vocabulary=V, steps=6)
    state = tables.first_state(range(ROWS))
    with pytest.raises(ValueError, match="`max_length`"):
        ka.generate(tables.step_fn, state)


def test_sources_of_another_rank():
    with pytest.raises(ValueError, match="`source_ids`.*rank 2"):
        models.model("bahdanau").generate(np.array([3, 4, 2]))


def test_sources_without_a_column():
    with pytest.raises(ValueError, match=r"`source_ids`.*`end_id`.*\(2, 0\)"):
        models.model("bahdanau").generate(np.zeros((2, 0), "int32"))


@pytest.mark.parametrize(
    "options", [{}, {"beam_size": 3, "coverage_penalty": 0.3}], ids=["greedy", "beam"]
)
def test_an_empty_source_has_an_answer(options):
    # A source that is all padding: nothing to look at, and nobody else notices.
    model, source = models.model("bahdanau"), models.sources(3)
    source[1] = 0
    got = as_numpy(model.generate(source, ka.GenerationOptions(**options)))
    assert np.isfinite(got.log_probs).all() and np.isfinite(got.weights).all()
    assert (got.weights[1] == 0).all() and 1 <= got.lengths[1] <= 10
    rest = as_numpy(model.generate(source[[0, 2]], ka.GenerationOptions(**options)))
    assert (got.lengths[[0, 2]] == rest.lengths).all()
    np.testing.assert_allclose(got.log_probs[[0, 2]], rest.log_probs, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"beam_size": np.int64(2), "length_penalty": np.float32(0.3)},
        {"beam_size": np.array([2, 1, 2, 1]), "seed": (1, 2, 3, 4)},
        {"length_penalty": 1, "temperature": 2, "top_p": 1, "beam_size": 2},
        {"max_length": np.array([4, 3, 2, 1]), "prefix": [[], [], [3, 3], [7]]},
        {"prefix": [np.int64(3)], "banned_tokens": ([3, 4], (), [], [5])},
    ],
    ids=str,
)
def test_numbers_of_every_kind(tables, options):
    generation = generate(tables, **options)
    assert (generation.lengths >= 1).all()


def test_an_empty_batch_has_empty_options():
    options = ka.GenerationOptions(beam_size=[], length_penalty=[], prefix=[])
    options.check_rows(0)
    with pytest.raises(ValueError, match="`beam_size`.*1 rows.*0"):
        options.check_rows(1)
