"""Attributions against differences: what scaling a part does to a probability."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from keras_attention.visualize import attribute

pytestmark = pytest.mark.tensorflow_only
STEP = 1e-2


@pytest.fixture(scope="module")
def pipeline():
    from keras_attention.text import CharacterTokenizer

    keras.utils.set_random_seed(3)
    letters = CharacterTokenizer(list("abcdef"))
    size = letters.vocabulary_size
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(8), ka.BahdanauAttention(8))
    model = ka.Seq2Seq(ka.RecurrentEncoder(4), decoder, size, size, 6)
    for variable in model.trainable_variables:
        variable.assign(2.0 * variable)
    return ka.TextToText(model, letters, letters)


def log_probs(pipeline, scale_values=None):
    """Of the target, with the values at one position scaled if asked for."""
    model, tokenizer = pipeline.model, pipeline.source_tokenizer
    memory, state, _ = model.encode(tokenizer.tokenize(["abcd"]))
    if scale_values is not None:
        values = memory.values.numpy()
        values[:, :, scale_values[0]] *= scale_values[1]
        memory = memory._replace(values=keras.ops.convert_to_tensor(values))
        state = model.decoder.initial_state(memory, _first_state(model, tokenizer))
    step, found, previous = model.stepper(memory), [], model.start_id
    for token in tokenizer.tokenize(["fed"]).numpy()[0]:
        logits, _, state = step(keras.ops.convert_to_tensor([previous]), state)
        found.append(float(keras.ops.log_softmax(logits)[0, token]))
        previous = int(token)
    return np.array(found)


def _first_state(model, tokenizer):
    ids = tokenizer.tokenize(["abcd"])
    _, state = model.encoder(model.source_embedding(ids))
    return state


def test_gradients_are_those_of_differences(pipeline):
    found = attribute(pipeline, "abcd", "fed")
    assert found.tokens == ["f", "e", "d", "</s>"]
    assert found.source_tokens == ["a", "b", "c", "d", "</s>"]
    assert found.source_offsets[:2] == [(0, 1), (1, 2)]
    assert found.alignment.shape == found.gradient_input.shape == (4, 5)
    table = pipeline.model.source_embedding.embeddings
    kept = table.numpy()
    for place, row in enumerate(
        pipeline.source_tokenizer.tokenize(["abcd"]).numpy()[0]
    ):
        values = [log_probs(pipeline, (place, 1 + sign * STEP)) for sign in (1, -1)]
        difference = (values[0] - values[1]) / (2 * STEP)
        np.testing.assert_allclose(
            found.gradient_attention[:, place], difference, atol=2e-4
        )
        embedded = []
        for sign in (1, -1):
            changed = kept.copy()
            changed[row] *= 1 + sign * STEP
            table.assign(changed)
            embedded.append(log_probs(pipeline))
        table.assign(kept)
        difference = (embedded[0] - embedded[1]) / (2 * STEP)
        np.testing.assert_allclose(
            found.gradient_input[:, place], difference, atol=2e-4
        )
    assert np.abs(found.gradient_attention).max() > 1e-2
    assert np.abs(found.gradient_input).max() > 1e-2


def test_other_models_are_refused(pipeline):
    class Other:
        model = keras.Model()

    with pytest.raises(TypeError, match=r"ka.Seq2Seq. Received: Model"):
        attribute(Other(), "a", "b")
