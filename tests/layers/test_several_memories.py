"""Several memories: the paper's equations, and the rules that hold for attention."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers import several_cases as cases
from tests.layers.gradients import (
    BACKEND,
    COMPILERS,
    EXACT,
    FAST,
    compiled,
    directional_differences,
    outputs_and_gradients,
    to_numpy,
    value_and_gradients,
)
from tests.layers.several_cases import MASKS, MEMORIES, QUERY, B, D, T
from tests.layers.test_padding import RECURRENT_POLICIES, close
from tests.reference import cells, decoders

TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}
L = keras.layers
ORACLES = [name for name, case in cases.CASES.items() if case.expected]


def _mostly_tensorflow(*values):
    """A case whose arithmetic others have too: JAX and torch leave it out."""
    return pytest.param(*values, marks=pytest.mark.tensorflow_only)


@pytest.mark.parametrize("name", ORACLES)
def test_equations(name):
    layer = cases.built(name, dtype=EXACT)
    context, weights = cases.call(layer)
    wanted, wanted_weights = cases.CASES[name].expected(layer, QUERY)
    if cases.CASES[name].heads == 1:
        wanted_weights = wanted_weights[:, 0]
    assert_allclose(context, wanted, atol=2e-6)
    assert_allclose(weights, wanted_weights, atol=2e-6)
    sums = 2.0 if name == "side_by_side" else 1.0
    assert_allclose(weights[0].sum(-1), sums, atol=1e-5)
    assert np.all(weights[3] == 0) and np.all(context[3] == 0)


@pytest.mark.parametrize("name", cases.CASES)
def test_one_step_equals_all_steps(name):
    layer = cases.built(name)
    context, weights = cases.call(layer)
    memory = layer.precompute(MEMORIES, value_mask=MASKS)
    state = layer.initial_state(memory)
    for t in range(T):
        got, looked, state = layer.step(QUERY[:, t], memory, state)
        assert_allclose(to_numpy(got), context[:, t], **TOLERANCE)
        assert_allclose(to_numpy(looked), weights[..., t, :], **TOLERANCE)
    single = cases.call(layer, query=QUERY[:, 0])
    assert_allclose(single[0], context[:, 0], **TOLERANCE)
    assert_allclose(single[1], weights[..., 0, :], **TOLERANCE)


def _padded(arrays, counts, fill):
    widths = [((0, 0), (0, count)) for count in counts]
    return [
        np.pad(x, (*width, *[(0, 0)] * (x.ndim - 2)), constant_values=fill)
        for x, width in zip(arrays, widths, strict=True)
    ]


def _pieces(weights, counts):
    """The weights of both memories, of which the last `counts` are padding."""
    first = cases.LENGTHS[0] + counts[0]
    pieces = weights[..., :first], weights[..., first:]
    for piece, length in zip(pieces, cases.LENGTHS, strict=True):
        assert np.all(piece[..., length:] == 0)
    return [x[..., :length] for x, length in zip(pieces, cases.LENGTHS, strict=True)]


def _loss(outputs):
    context, weights = (ops.cast(x, "float32") for x in outputs)
    return ops.sum(ops.sin(context)) + ops.sum(ops.square(weights))


@pytest.mark.parametrize(
    "name, policy",
    [
        _mostly_tensorflow("flat", "mixed_bfloat16"),
        ("hierarchical", "float32"),
        _mostly_tensorflow("hierarchical", "mixed_float16"),
        _mostly_tensorflow("hierarchical_carried", "float32"),
    ],
)
def test_padding_of_no_memory_can_be_seen(name, policy):
    layer = cases.built(name, dtype=policy)
    query_mask = np.ones((B, T), bool)
    query_mask[0, 1] = False
    query = QUERY.astype("float32")
    query[~query_mask] = np.nan
    memories = [x.astype("float32") for x in MEMORIES]
    for memory, mask in zip(memories, MASKS, strict=True):
        memory[~mask] = np.nan
    results = {}
    for counts in [(0, 0), (2, 1)]:
        masks = _padded(MASKS, counts, False)

        def run(query, first, second, masks=masks):
            return layer(
                query,
                [first, second],
                query_mask=query_mask,
                value_mask=masks,
                return_attention_scores=True,
            )

        (context, weights), of_inputs, of_weights = outputs_and_gradients(
            run,
            _loss,
            [query, *_padded(memories, counts, np.nan)],
            layer.trainable_variables,
            FAST,
        )
        for gradient, mask in zip(of_inputs[1:], masks, strict=True):
            assert np.all(gradient[~mask] == 0)
        moved = [x[:, :n] for x, n in zip(of_inputs[1:], cases.LENGTHS, strict=True)]
        weights = _pieces(weights, counts)
        results[counts] = [context, *weights, of_inputs[0], *moved, *of_weights]
    for got, wanted in zip(results[2, 1], results[0, 0], strict=True):
        assert np.isfinite(wanted).all()
        close(got, wanted, RECURRENT_POLICIES[policy])
    context, first, second = results[0, 0][:3]
    assert np.all(context[3] == 0) and np.all(context[~query_mask] == 0)
    assert np.all(first[1] == 0) and np.all(second[2] == 0)
    if "carried" not in name:  # where attention may have run off the end
        assert_allclose(second[1].sum(-1), 1.0, atol=1e-2)
        assert_allclose(first[2].sum(-1), 1.0, atol=1e-2)
    outputs = run(query, *_padded(memories, counts, np.nan))
    dtypes = {keras.backend.standardize_dtype(x.dtype) for x in outputs}
    assert dtypes == {layer.compute_dtype}


@pytest.mark.parametrize(
    "name", [_mostly_tensorflow("flat_dot"), "flat", "hierarchical"]
)
def test_gradient(name):
    layer = cases.built(name, dtype=EXACT)
    factors = np.random.default_rng(2).normal(size=(B, T, cases.UNITS))

    def run(query, *memories):
        context, weights = layer(
            query, memories, value_mask=MASKS, return_attention_scores=True
        )
        return ops.sum(context * ops.cast(factors, EXACT)) + ops.sum(weights**2)

    arrays = [x.astype(EXACT) for x in (QUERY, *MEMORIES)]
    variables = layer.trainable_variables
    pairs = directional_differences(run, arrays, variables)
    assert len(pairs) == 3 + len(variables)
    tolerance = 1e-6 if EXACT == "float64" else 2e-2
    for analytic, numeric in pairs:
        assert_allclose(analytic, numeric, rtol=tolerance, atol=tolerance)


def _decode(made, inputs, memories=MEMORIES, **options):
    dtype = EXACT if made.compute_dtype == "float64" else "float32"
    return made(
        np.asarray(inputs, dtype),
        [np.asarray(x, dtype) for x in memories],
        value_mask=MASKS,
        return_attention_scores=True,
        **options,
    )


INPUTS = np.random.default_rng(4).normal(size=(B, T, 3))


@pytest.mark.parametrize("name", ["flat", "hierarchical"])
def test_decoder_is_the_papers_recurrence(name):
    made = cases.decoder(name, "bahdanau", dtype=EXACT)

    def attend(query):
        context, weights = cases.CASES[name].expected(made.attention, query[:, None])
        return context[:, 0], weights[:, 0, 0]

    cell = [to_numpy(v) for v in made.cell.weights if "seed" not in v.path]
    state = [np.zeros((B, D))]
    wanted = decoders.bahdanau(INPUTS, state, cells.gru(*cell), attend)
    outputs, weights = to_numpy(_decode(made, INPUTS))
    assert_allclose(outputs, wanted[0], atol=5e-6)
    assert_allclose(weights, wanted[1], atol=5e-6)


@pytest.mark.parametrize(
    "name, order",
    [
        ("hierarchical_dot", "bahdanau"),
        ("hierarchical_carried", "luong"),
    ],
)
def test_decoder_steps_alone_and_for_a_beam(name, order):
    made = cases.decoder(name, order)
    outputs, weights = to_numpy(_decode(made, INPUTS))
    memory = made.precompute(MEMORIES, value_mask=MASKS)
    state = made.initial_state(memory)
    twice = [np.repeat(x, 2, axis=0) for x in MEMORIES]
    other = np.repeat(INPUTS, 2, axis=0) * np.tile([1.0, -0.5], B)[:, None, None]
    spread = made.precompute(twice, value_mask=[np.repeat(x, 2, 0) for x in MASKS])
    states = {"beam": made.initial_state(spread), "rows": made.initial_state(spread)}
    steps = {"beam": made.stepper(memory, beam_size=2), "rows": made.stepper(spread)}
    for t in range(T):
        output, looked, state = made.step(INPUTS[:, t], memory, state)
        assert_allclose(to_numpy(output), outputs[:, t], **TOLERANCE)
        assert_allclose(to_numpy(looked), weights[..., t, :], **TOLERANCE)
        found = {}
        for how, step in steps.items():
            *found[how], states[how] = step(other[:, t], states[how])
        for got, wanted in zip(*to_numpy([found["beam"], found["rows"]]), strict=True):
            assert_allclose(got, wanted, **TOLERANCE)


@pytest.mark.parametrize("how", COMPILERS)
def test_compiled(how):
    made = cases.decoder("hierarchical", "luong")

    def run(inputs, first, second):
        return _call(made, inputs, first, second)

    def loss(*tensors):
        return sum(ops.sum(ops.sin(3.0 * x)) for x in run(*tensors))

    arrays = [x.astype("float32") for x in (INPUTS, *MEMORIES)]
    tensors = [ops.convert_to_tensor(x) for x in arrays]
    wanted = [to_numpy(run(*tensors))]
    got = [to_numpy(compiled(run, how)(*tensors))]
    variables = made.trainable_variables
    wanted.append(value_and_gradients(loss, arrays, variables))
    got.append(value_and_gradients(loss, arrays, variables, how))
    flat = zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True)
    for a, b in flat:
        assert_allclose(a, b, rtol=1e-5, atol=2e-6 * np.abs(b).max(initial=1))


def _call(made, inputs, first, second):
    return made(inputs, [first, second], value_mask=MASKS, return_attention_scores=True)


def test_what_is_drawn_reaches_every_attention():
    # Half of everything is dropped, in a loop and at once: weights are those before.
    options = {"dropout": 0.5, "seed": 3}
    for over in (None, ka.BahdanauAttention(4, **options)):
        layer = ka.HierarchicalAttention(
            [
                ka.Attention("general", **options),
                ka.Attention("additive", ka.alignments.get("sigmoid"), **options),
            ],
            over,
            units=None if over is None else cases.UNITS,
        )
        calm, weights = cases.call(layer)
        dropped, after = cases.call(layer, training=True)
        assert_allclose(after, weights, **(TOLERANCE if over is None else {"atol": 1}))
        assert np.abs(dropped - calm)[:3].max() > 0.05
        assert np.all(dropped[3] == 0)
    carried = cases.built("hierarchical_carried")
    calm, noisy = cases.call(carried)[1], cases.call(carried, training=True)[1]
    # Monotonic attention is soft in training, with noise.
    assert np.isfinite(noisy).all() and np.abs(noisy - calm).max() > 0.01


def _two_encoders(attention):
    """A model with two sources, and its encoders and decoder, as people build it."""
    sources = [keras.Input((None,), dtype="int32") for _ in range(2)]
    targets = keras.Input((None,), dtype="int32")
    encoders = [
        (L.Embedding(8, 4, mask_zero=True), ka.RecurrentEncoder(n, "gru"))
        for n in (2, 3)
    ]
    encoded = [
        encoder(embed(ids))
        for ids, (embed, encoder) in zip(sources, encoders, strict=True)
    ]
    embed = L.Embedding(8, 4)
    made = ka.AttentionDecoder(L.GRUCell(D), attention, dropout=0.1)
    values = [value for value, _ in encoded]
    state = encoded[0][1]
    # First plain, then with its weights: both stay connected, masks travel.
    outputs = made(embed(targets), values, initial_state=state)
    _, weights = made(
        embed(targets), values, initial_state=state, return_attention_scores=True
    )
    dense = L.Dense(8)
    model = keras.Model([*sources, targets], dense(outputs))
    both = keras.Model(model.inputs, [model.output, weights])
    return model, both, (keras.Model(sources, [*values, *state[0]]), embed, made, dense)


SOURCES = [
    np.array([[3, 4, 5, 2], [6, 2, 0, 0], [5, 5, 2, 0]], "int32"),
    np.array([[7, 2, 0], [3, 3, 2], [4, 2, 0]], "int32"),
]


TARGET = np.array([[3, 7, 2], [6, 3, 2], [5, 4, 2]], "int32")
DATA = [*SOURCES, np.array([[1, 3, 7], [1, 6, 3], [1, 5, 4]], "int32")]


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(2)
    model, both, parts = _two_encoders(cases.CASES["hierarchical"].make())
    model.compile(
        keras.optimizers.Adam(0.05),
        ka.losses.MaskedCrossentropy(),
        jit_compile=BACKEND == "jax",
    )
    history = model.fit(DATA, TARGET, epochs=25, verbose=0).history["loss"]
    assert history[-1] < 0.3 * history[0]
    return model, both, parts


@pytest.mark.tensorflow_only
def test_a_model_of_two_encoders_trains_and_is_saved(trained, tmp_path):
    model, both, _ = trained
    _, weights = to_numpy(both(DATA))
    # Masks travelled from the embeddings, through both encoders.
    seen = np.concatenate(SOURCES, axis=1) != 0
    assert np.all(weights[~np.repeat(seen[:, None], 3, 1)] == 0)
    assert_allclose(weights.sum(-1), 1.0, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_allclose(to_numpy(again(DATA)), to_numpy(model(DATA)), **TOLERANCE)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("beam_size", [1, 2])
def test_a_model_of_two_encoders_generates(trained, beam_size):
    _, both, (encode, embed, made, dense) = trained
    *values, state = encode(SOURCES)
    memory = made.precompute(values, value_mask=[ids != 0 for ids in SOURCES])
    step = made.stepper(memory, beam_size=beam_size)

    def step_fn(ids, state):
        output, weights, state = step(embed(ids), state)
        return dense(output), weights, state

    first = made.initial_state(memory, [[state]])
    options = ka.GenerationOptions(max_length=4, beam_size=beam_size)
    found = to_numpy(ka.generate(step_fn, first, options))
    assert np.array_equal(found.ids[:, :3], TARGET)
    assert_allclose(found.weights[:, :3], to_numpy(both(DATA))[1], atol=1e-4)
