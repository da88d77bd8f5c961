"""What a window promises beyond the rules that all alignments are held to."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize

Window = ka.alignments.WindowAlignment


def _weights(alignment, energies, mask=None, training=False, heads=1):
    """Weights ``[N, T, S]`` of energies ``[N, T, S]``, which are the queries."""
    energies = np.asarray(energies, "float32")
    layer = ka.Attention(_Given(), alignment, num_heads=heads)
    value = np.ones((len(energies), energies.shape[-1] // heads, heads), "float32")
    arguments = {"value_mask": mask, "return_attention_scores": True}
    return to_numpy(layer(energies, value, training=training, **arguments)[1])


@keras.saving.register_keras_serializable(package="tests")
class _Given(ka.scores.Score):
    """Energies that are the queries: head after head, one number for a position."""

    def precompute(self, key):
        return key

    def energies(self, query, keys, state):
        shape = keras.ops.shape(query)
        split = (shape[0], shape[1], self.num_heads, shape[2] // self.num_heads)
        return keras.ops.transpose(keras.ops.reshape(query, split), (0, 2, 1, 3))


def _built(layer, query, value):
    layer(query, value)
    return randomize(layer)


def test_by_hand():
    # Ping et al.: the first window begins at 0, the next where the largest weight was.
    energies = [[[0, 1, 9, 9, 9], [9, 0, 0, 2, 9], [0, 0, 0, 0, 0], [0, 0, 0, 0, 5]]]
    weights = _weights(Window("hard", before=0, after=1), energies)[0]
    # Where one stands at 1, 9 at 0 is behind; equals go to the first.
    assert weights.argmax(-1).tolist() == [1, 1, 1, 1]
    weights = _weights(Window("hard", before=0, after=2), energies)[0]
    assert weights.argmax(-1).tolist() == [2, 4, 4, 4]
    weights = _weights(Window("hard", before=4, after=0), energies)[0]
    assert weights.argmax(-1).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "centre, next_one", [("argmax", 2), ("median", 1), ("mean", 1)]
)
def test_centres(centre, next_one):
    # exp gives 0.3, 0.25, 0.45 of the first three positions.
    first = [*np.log([0.3, 0.25, 0.45]), 9.0, 9.0, 9.0]
    window = Window(before=0, after=2, centre=centre)
    weights = _weights(window, [[first, np.zeros(6)]])[0]
    assert_allclose(weights[0, :3], [0.3, 0.25, 0.45], atol=1e-6)
    inside = (np.arange(6) >= next_one) & (np.arange(6) <= next_one + 2)
    assert_allclose(weights[1], inside / 3, atol=1e-6)


def test_rows_and_heads_move_on_their_own():
    random = np.random.default_rng(0)
    energies = random.normal(size=(3, 6, 16)) * 3
    together = _weights(Window(before=1, after=2), energies, heads=2)
    alone = _weights(Window(before=1, after=2), energies[1:2], heads=2)
    assert_allclose(together[1], alone[0], atol=1e-6)
    one = _weights(Window(before=1, after=2), energies[..., 8:])
    assert_allclose(together[:, 1], one, atol=1e-6)
    places = together.argmax(-1)
    assert (places[:, 0] != places[:, 1]).any()


def test_a_hole_in_the_mask_is_not_there():
    energies = np.random.default_rng(1).normal(size=(2, 5, 8)) * 3
    kept = [1, 2, 4, 7]
    wanted = _weights(Window(before=0, after=1), energies[..., kept])
    mask = np.isin(np.arange(8), kept)[None].repeat(2, axis=0)
    energies[..., ~mask[0]] = np.nan
    got = _weights(Window(before=0, after=1), energies, mask)
    assert_allclose(got[..., kept], wanted, atol=1e-6)
    assert np.all(got[..., ~mask[0]] == 0)


def test_nan_stays_in_its_step():
    energies = np.random.default_rng(2).normal(size=(2, 4, 8)) * 3
    wanted = _weights(Window(before=1, after=1), np.delete(energies, 2, axis=1))
    energies[0, 2] = np.nan
    got = _weights(Window(before=1, after=1), energies)
    # The window of the row stays where it was; the other row does not notice.
    assert_allclose(np.delete(got, 2, axis=1)[0], wanted[0], atol=1e-6)
    assert np.isfinite(got[1]).all()


def test_training_has_no_window_unless_it_is_asked_for():
    energies = np.random.default_rng(3).normal(size=(2, 4, 8))
    free = _weights("softmax", energies)
    for when, wanted in (("inference", free), ("always", None)):
        window = Window(before=0, after=1, when=when)
        constrained = _weights(window, energies)
        assert np.all((constrained > 0).sum(-1) <= 2)
        trained = _weights(
            Window(before=0, after=1, when=when), energies, training=True
        )
        expected = constrained if wanted is None else wanted
        assert_allclose(trained, expected, atol=1e-6)


@pytest.mark.tensorflow_only
def test_generation_stays_in_the_window_whoever_shares_the_batch():
    keras.utils.set_random_seed(1)
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(8), ka.Attention("general", Window(before=0, after=1))
    )
    model = randomize(ka.Seq2Seq(ka.RecurrentEncoder(4), decoder, 9, 9, 5), scale=0.9)
    source = np.array([[3, 4, 5, 6, 7, 2], [7, 8, 3, 2, 0, 0], [5, 2, 0, 0, 0, 0]])
    options = ka.GenerationOptions(max_length=7, beam_size=3)
    together = to_numpy(model.generate(source, options))
    alone = to_numpy(model.generate(source[1:2, :4], options))
    steps = int(alone.lengths[0])
    assert np.array_equal(alone.ids[0, :steps], together.ids[1, :steps])
    assert_allclose(
        together.weights[1, :steps, :4], alone.weights[0, :steps], atol=1e-5
    )
    for weights, length in zip(together.weights, together.lengths, strict=True):
        moves = np.diff(weights[:length].argmax(-1), prepend=0)
        assert np.all((moves == 0) | (moves == 1))


def test_a_model_takes_the_weights_of_one_without():
    query, value = np.random.default_rng(4).normal(size=(2, 1, 6, 4))
    plain = _built(ka.Attention("general", "entmax"), query, value)
    window = Window("entmax", before=6, after=6)
    layer = _built(ka.Attention("general", window), query, value)
    layer.set_weights(plain.get_weights())
    # So wide that nothing is outside.
    assert_allclose(to_numpy(layer(query, value)), to_numpy(plain(query, value)), 1e-5)


@pytest.mark.parametrize(
    "alignment, message",
    [
        ("forward", "`alignment` must have no state.*ForwardAlignment"),
        ("local_p", "softmax.*alignment=LocalPredictiveAlignment"),
        ("window", "`alignment` must .*WindowAlignment"),
        ("softmx", "Unknown alignment.*softmx"),
    ],
)
def test_alignments_that_have_no_window(alignment, message):
    with pytest.raises(ValueError, match=message):
        Window(alignment)


def test_what_it_holds_is_its_own():
    softmax = ka.alignments.get("softmax")
    owner = Window(softmax)
    with pytest.raises(ValueError, match="`alignment` must be an object of its own"):
        Window(softmax)
    assert owner.alignment is softmax


def test_weights_of_what_it_holds_are_there_for_each_head():
    layer = ka.Attention("dot", Window("entmax", when="always"), num_heads=2)
    layer(np.ones((1, 2, 4)), np.ones((1, 3, 4)))
    (alpha,) = [v for v in layer.trainable_variables if "alpha" in v.path]
    assert tuple(alpha.shape) == (2,)
