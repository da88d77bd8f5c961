"""Target embeddings as the kernel of the output layer."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.gradients import FAST, outputs_and_gradients, to_numpy
from tests.layers.weights import randomize

V, D = 9, 5
SOURCE = np.array([[3, 4, 5, 2], [7, 8, 2, 0], [6, 2, 0, 0]], "int32")
TARGET = np.array([[1, 5, 6], [1, 8, 0], [1, 3, 4]], "int32")
INPUTS = {"source_ids": SOURCE, "target_ids": TARGET}
LABELS = np.array([[5, 6, 2], [8, 2, 0], [3, 4, 2]], "int32")


def _model(tie, **options):
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(8), ka.LuongAttention("general"), output_units=D
    )
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(4), decoder, V, V, D, tie_embeddings=tie, **options
    )
    return randomize(model, scale=0.8)


@pytest.fixture(scope="module")
def tied():
    return _model(True)


@pytest.fixture(scope="module")
def untied(tied):
    """The same model with the transposed embedding in a kernel of its own."""
    model = _model(False)
    for name in ("encoder", "decoder", "source_embedding", "target_embedding"):
        getattr(model, name).set_weights(getattr(tied, name).get_weights())
    table, bias = tied.target_embedding.get_weights()[0], tied.output_layer.bias
    model.output_layer.set_weights([table.T, to_numpy(bias)])
    return model


def test_logits_are_products_with_the_embeddings(tied):
    mask = SOURCE != 0
    value, state = tied.encoder(tied.source_embedding(SOURCE), mask=mask)
    outputs = tied.decoder(
        tied.target_embedding(TARGET),
        value,
        inputs_mask=TARGET != 0,
        value_mask=mask,
        initial_state=state,
    )
    table = to_numpy(tied.target_embedding.embeddings)
    wanted = to_numpy(outputs) @ table.T + to_numpy(tied.output_layer.bias)
    assert_allclose(to_numpy(tied(INPUTS)), wanted, rtol=1e-5, atol=1e-5)


def test_nothing_but_the_kernel_is_gone(tied, untied):
    assert untied.count_params() - tied.count_params() == V * D
    assert len(untied.trainable_variables) - len(tied.trainable_variables) == 1


def test_gradients_of_both_uses_add_up(tied, untied):
    def gradients(model, *variables):
        def run():
            return model(INPUTS)

        def loss(logits):
            return ka.losses.MaskedCrossentropy()(LABELS, logits)

        return outputs_and_gradients(run, loss, [], variables, FAST)[2]

    (together,) = gradients(tied, tied.target_embedding.embeddings)
    embedding, kernel = gradients(
        untied, untied.target_embedding.embeddings, untied.output_layer.kernel
    )
    assert np.abs(embedding).max() > 1e-3 and np.abs(kernel).max() > 1e-3
    assert_allclose(together, embedding + kernel.T, rtol=1e-4, atol=1e-6)


def test_generation(tied, untied):
    options = ka.GenerationOptions(max_length=6)
    got, wanted = (to_numpy(m.generate(SOURCE, options)) for m in (tied, untied))
    assert np.array_equal(got.ids, wanted.ids)
    assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-5)
    scores = [to_numpy(m.score(SOURCE, LABELS)).log_probs for m in (tied, untied)]
    assert_allclose(*scores, rtol=1e-5)


@pytest.mark.tensorflow_only
def test_generation_from_a_shortlist(tied, untied):
    table = np.random.default_rng(1).integers(3, V, size=(V, 2))
    shortlist = ka.Shortlist(table, np.array([5]), V)
    options = ka.GenerationOptions(max_length=6, beam_size=2)
    got, wanted = (
        to_numpy(shortlist.restrict(model).generate(SOURCE, options))
        for model in (tied, untied)
    )
    assert np.array_equal(got.ids, wanted.ids)
    assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-5)


@pytest.mark.slow
def test_fit_then_save_and_load(tmp_path):
    # Its output layer stands in the loop too.
    model = _model(True, scheduled_sampling=0.5)
    model.compile("adam", ka.losses.MaskedCrossentropy())
    before = to_numpy(model.target_embedding.embeddings)
    model.fit(INPUTS, LABELS, epochs=1, verbose=0)
    # The logits of tokens that were never fed have moved their embeddings too.
    moved = np.abs(to_numpy(model.target_embedding.embeddings) - before).max(-1)
    assert np.all(moved > 0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.output_layer.embedding is again.target_embedding
    assert_allclose(to_numpy(again(INPUTS)), to_numpy(model(INPUTS)), rtol=1e-5)
    model.save_weights(tmp_path / "model.weights.h5")
    other = _model(True, scheduled_sampling=0.5)
    other.set_weights([np.zeros(w.shape) for w in other.get_weights()])
    other.load_weights(tmp_path / "model.weights.h5")
    assert_allclose(to_numpy(other(INPUTS)), to_numpy(model(INPUTS)), rtol=1e-5)


def test_half_precision():
    model = _model(True, dtype="mixed_bfloat16")
    logits = model(INPUTS)
    assert keras.backend.standardize_dtype(logits.dtype) == "bfloat16"
    exact = _model(True)
    exact.set_weights(model.get_weights())
    assert_allclose(to_numpy(logits), to_numpy(exact(INPUTS)), atol=0.2)


@pytest.mark.tensorflow_only
def test_a_quantized_embedding_is_unpacked():
    model = _model(True)
    model.target_embedding.quantize("int8")
    got = to_numpy(model.output_layer(ops.ones((1, D))))
    table = to_numpy(model.target_embedding(np.arange(V)))
    assert np.abs(table).max() > 0.1
    assert_allclose(got[0], table.sum(-1) + to_numpy(model.output_layer.bias), 1e-5)


@pytest.mark.parametrize("sampling", [None, 0.5])
def test_outputs_of_another_depth_are_refused(sampling):
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(8), ka.LuongAttention("dot"))
    message = "`tie_embeddings` .* Expected: .*`embedding_dim`, 5 .*of depth 8"
    with pytest.raises(ValueError, match=message):
        ka.Seq2Seq(
            ka.RecurrentEncoder(4),
            decoder,
            V,
            V,
            D,
            tie_embeddings=True,
            scheduled_sampling=sampling,
        )
