"""One graph for batches and options of every size gives the eager numbers."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from keras_attention.generation.compiled_graphs import CompiledGraphs
from keras_attention.generation.from_model import generate_from
from tests.generation import models
from tests.generation.answers import widened
from tests.generation.tables import Tables, as_numpy

pytestmark = pytest.mark.tensorflow_only

SETTINGS = [
    {},
    {"beam_size": 3, "alternatives": 2, "length_penalty": 0.6},
    {
        "beam_size": [3, 1, 4, 2],
        "coverage_penalty": 0.3,
        "no_repeat_ngram": 2,
        "repetition_penalty": 1.2,
        "prefix": [[3], [], [4, 4], []],
    },
    {"sample": True, "alternatives": 3, "top_k": 4, "top_p": 0.9, "seed": [1, 2, 3, 4]},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_graph(setting):
    import tensorflow as tf

    tables = Tables(4, vocabulary=8, steps=6)
    options = ka.GenerationOptions(max_length=6, **setting)
    eager = tables.generate(options)
    graph = tf.function(
        lambda: ka.generate(
            tables.step_fn,
            tables.first_state(range(4)),
            options,
            vocabulary_size=8,
            source_mask=tables.mask,
        ),
        autograph=False,
    )
    for got, wanted in zip(as_numpy(graph()), eager, strict=True):
        assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_one_graph_whose_options_are_tensors():
    import tensorflow as tf

    model, longest = models.model("bahdanau"), 4

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], "int32"),
            *[tf.TensorSpec([None], "int32")] * 3,
            *[tf.TensorSpec([None], "float32")] * 2,
            tf.TensorSpec([None], "bool"),
        ],
        autograph=False,
    )
    def generate(source, beam_size, max_length, seed, alpha, beta, sample):
        options = ka.GenerationOptions(
            beam_size=beam_size,
            max_length=max_length,
            seed=seed,
            length_penalty=alpha,
            coverage_penalty=beta,
            sample=sample,
            alternatives=2,
        )
        return model.generate(source, options, max_beam_size=longest)

    random = np.random.default_rng(0)
    for rows in (5, 1, 64, 0):
        values = {
            "beam_size": random.integers(2, longest + 1, rows).astype("int32"),
            "max_length": random.integers(1, 8, rows).astype("int32"),
            "seed": random.integers(0, 99, rows).astype("int32"),
            "length_penalty": random.uniform(0, 2, rows).astype("float32"),
            "coverage_penalty": random.uniform(0, 1, rows).astype("float32"),
            "sample": np.zeros(rows, bool),
        }
        source = models.sources(rows)
        got = as_numpy(generate(source, *values.values()))
        assert np.isfinite(got.log_probs).all()
        assert got.ids.shape[:2] == (rows, 2)
        if rows:
            wanted = as_numpy(
                model.generate(
                    source, ka.GenerationOptions(alternatives=2, **values), longest
                )
            )
            for name in ("ids", "lengths", "log_probs", "weights", "steps_run"):
                assert_allclose(
                    getattr(got, name), getattr(wanted, name), rtol=1e-4, atol=1e-5
                )
    assert generate.experimental_get_tracing_count() == 1


EVERY = {
    **dict.fromkeys(("beam_size", "alternatives", "min_length", "beam_groups"), 1),
    **dict.fromkeys(("max_length", "top_k", "seed", "no_repeat_ngram"), 0),
    **dict.fromkeys(("length_penalty", "length_power", "word_bonus"), 0.0),
    **dict.fromkeys(("coverage_penalty", "diversity_penalty"), 0.0),
    **dict.fromkeys(("temperature", "top_p", "repetition_penalty"), 1.0),
    "max_length_ratio": 0.0,
    "sample": False,
}
DTYPES = {int: "int32", float: "float32", bool: "bool"}
LISTS = ("banned_tokens", "prefix")
MOST, ROWS = 5, 8


class Watched:
    """A model that says how many hypotheses its steps are asked for."""

    def __init__(self, model):
        self.model, self.asked = model, []
        for name in ("pad_id", "start_id", "end_id", "target_vocabulary_size"):
            setattr(self, name, getattr(model, name))

    def encode(self, source_ids):
        return self.model.encode(source_ids)

    def stepper(self, memory, beam_size=1):
        import tensorflow as tf

        step = self.model.stepper(memory, beam_size)
        greedy = isinstance(beam_size, int)

        def step_fn(ids, state):
            rows = tf.shape(ids)[0]
            tf.py_function(lambda n: self.asked.append((greedy, int(n))), [rows], [])
            return step(ids, state)

        return step_fn


@functools.cache
def graph_of(name):
    """One graph whose options are all tensors, and the model behind it."""
    import tensorflow as tf

    watched = Watched(models.model(name))
    names = [*EVERY, *LISTS]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], "int32"),
            *[tf.TensorSpec([None], DTYPES[type(x)]) for x in EVERY.values()],
            *[tf.TensorSpec([None, None], "int32")] * len(LISTS),
        ],
        autograph=False,
    )
    def generate(source, *options):
        options = ka.GenerationOptions(**dict(zip(names, options, strict=True)))
        return generate_from(
            watched, source, options, MOST, graphs=CompiledGraphs(None)
        )

    def call(source, **given):
        values = []
        for name, neutral in EVERY.items():
            value = np.asarray(given.get(name, neutral), DTYPES[type(neutral)])
            values.append(np.broadcast_to(value, len(source)))
        for name in LISTS:
            nothing = np.full((len(source), 1), -1)
            values.append(np.asarray(given.get(name, nothing), "int32"))
        watched.asked.clear()
        return as_numpy(generate(source, *values))

    return call, watched


IN_GRAPH = [
    {},
    {"max_length": [3, 0, 9, 4, 0, 1, 2, 5]},
    {"max_length_ratio": [0.5, 0.0, 3.0, 1.0, 2.0, 0.0, 1.5, 0.7]},
    {"beam_size": 4},
    {"beam_size": [1, 2, 3, 1, 1, 2, 1, 1], "length_penalty": 0.6},
    {"coverage_penalty": 0.3, "word_bonus": [0.1] * 8, "length_power": 0.5},
    {"beam_size": MOST, "alternatives": [1, 2, 3, 4, 5, 1, 2, 3]},
    {
        "beam_size": 4,
        "alternatives": 4,
        "beam_groups": [1, 2, 4, 1, 2, 4, 1, 2],
        "diversity_penalty": 0.7,
    },
    {
        "sample": [True, False] * 4,
        "beam_size": [1, 3] * 4,
        "alternatives": 3,
        "top_k": [0, 0, 4, 0] * 2,
        "top_p": [1.0, 1.0, 1.0, 0.9] * 2,
        "seed": list(range(8)),
    },
    {"sample": True, "temperature": 1.5, "seed": 3, "alternatives": 2},
    {"no_repeat_ngram": list(range(8)), "repetition_penalty": 1.3, "max_length": 9},
    {"min_length": [1, 9, 2, 3, 1, 1, 1, 4]},
    {"prefix": [[3, 4]] * 8, "banned_tokens": [[5, 6]] * 8, "beam_size": 2},
    {"prefix": [[3], [4]] * 4},
]


@pytest.mark.parametrize(
    "name, given",
    [("bahdanau", given) for given in IN_GRAPH]
    + [("stateful", IN_GRAPH[place]) for place in (0, 5, 8)],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_one_graph_for_every_option(name, given):
    call, watched = graph_of(name)
    source = models.sources(ROWS)
    got = call(source, **given)
    searched = bool(set(given) - {"max_length", "max_length_ratio"})
    slots = np.where(
        np.broadcast_to(given.get("sample", False), ROWS),
        given.get("alternatives", 1),
        given.get("beam_size", 1),
    ).max()
    # Greedy rows cost what greedy costs, and a beam is as wide as the widest row.
    assert set(watched.asked) == {(not searched, ROWS * slots)}
    assert len(watched.asked) == got.steps_run
    if given and not searched:
        # A 0 takes the default: without an option for this row.
        for row in range(ROWS):
            one = {name: value[row] for name, value in given.items() if value[row]}
            wanted = as_numpy(
                watched.model.generate(
                    source[row : row + 1], ka.GenerationOptions(**one)
                )
            )
            assert got.lengths[row, 0] == wanted.lengths[0]
            steps = wanted.ids.shape[1]
            assert (got.ids[row, 0, :steps] == wanted.ids[0]).all()
        return
    wanted = as_numpy(watched.model.generate(source, ka.GenerationOptions(**given)))
    if wanted.ids.ndim == 2:
        wanted = widened(wanted)
    places = wanted.ids.shape[1]
    assert got.ids.shape[1] == MOST
    assert (got.lengths[:, places:] == 0).all()
    assert (got.log_probs[:, places:] == np.finfo("float32").min).all()
    assert got.steps_run == wanted.steps_run
    for name in ("ids", "lengths", "log_probs", "weights"):
        assert_allclose(
            getattr(got, name)[:, :places],
            getattr(wanted, name),
            rtol=1e-4,
            atol=1e-5,
            err_msg=name,
        )


@pytest.mark.parametrize("rows", [0, 1, 64])
def test_sizes_of_batches(rows):
    call, _ = graph_of("bahdanau")
    for given in ({}, {"beam_size": 3, "alternatives": 2, "coverage_penalty": 0.1}):
        got = call(models.sources(rows), **given)
        assert got.ids.shape[:2] == (rows, MOST)
        assert np.isfinite(got.log_probs).all()
        assert (got.lengths[:, : given.get("alternatives", 1)] > 0).all()


def test_other_numbers_take_the_same_graph():
    model = models.model("bahdanau")
    graphs = CompiledGraphs(model)

    def generate(rows=3, **options):
        options = ka.GenerationOptions(**options)
        generate_from(model, models.sources(rows), options, graphs=graphs)
        return len(graphs)

    assert generate() == generate(rows=5) == generate(max_length=None) == 1
    assert generate(max_length=4) == generate(max_length=7, rows=2) == 2
    beam = {"beam_size": 3, "max_length": 4}
    assert generate(length_penalty=0.6, **beam) == 3
    assert generate(length_penalty=0.9, rows=1, **beam) == 3
    assert generate(length_penalty=[0.6, 0.1, 0.0], **beam) == 4
    assert generate(length_penalty=np.array([0.6, 0.1]), rows=2, **beam) == 4
