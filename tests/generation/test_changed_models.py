"""Models that change after their first answer are asked as they are, not as they were.

Every holder of graphs, after every kind of change, gives the numbers of the changed
model when it is called.
"""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.layers.weights import randomize

SOURCE = models.sources(4)


def _lora(layer):
    layer.enable_lora(2)
    for variable in layer.trainable_variables:
        if "lora" in variable.path:
            variable.assign(np.random.default_rng(3).normal(size=variable.shape))


def _quantize(layer):
    layer.quantize("int8")


def _policy(layer):
    layer.dtype_policy = "float16"


def _new_variables(layer):
    """As Keras' own `quantize` does it."""
    layer._tracker.unlock()
    layer._untrack_variable(layer._kernel)
    old, layer._kernel = (
        layer._kernel,
        layer.add_weight(
            name="kernel",
            shape=layer.kernel.shape,
            initializer=keras.initializers.RandomNormal(seed=4),
        ),
    )
    layer._tracker.lock()
    assert old is not layer._kernel


CHANGES = {
    "lora": _lora,
    "quantize": _quantize,
    "policy": _policy,
    "new_variables": _new_variables,
}


def _seq2seq():
    model = models.model("bahdanau")
    return model, [model]


def _ensemble():
    members = [models.model("bahdanau"), models.model("luong")]
    return ka.Ensemble(members), members


def _restricted():
    model = models.model("bahdanau")
    table = np.tile(np.arange(models.V), (models.V, 1))
    return ka.Shortlist(table, np.arange(models.V), models.V).restrict(model), [model]


def _monotonic():
    attention = ka.Attention("additive", ka.alignments.MonotonicAlignment(mode="hard"))
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(6),
        ka.AttentionDecoder(keras.layers.LSTMCell(10), attention),
        source_vocabulary_size=models.V,
        target_vocabulary_size=models.V,
        embedding_dim=5,
    )
    randomize(model, seed=8, scale=0.8)
    return model, [model]


HOLDERS = {
    "seq2seq": _seq2seq,
    "ensemble": _ensemble,
    "restricted": _restricted,
    "monotonic": _monotonic,
}


def _called(model, ids):
    """Log-probabilities `[B]` of targets when the model is called as it is."""
    inputs = np.concatenate([np.ones((len(ids), 1), "int32"), ids[:, :-1]], axis=1)
    logits = model({"source_ids": SOURCE, "target_ids": inputs})
    if isinstance(logits, dict):
        logits = logits["logits"]
    table = ops.convert_to_numpy(ops.log_softmax(ops.cast(logits, "float32"), axis=-1))
    picked = np.take_along_axis(table, ids[..., None], axis=-1)[..., 0]
    return np.where(ids != 0, picked, 0.0).sum(-1)


def _answers(holder, model):
    """Ids and log-probabilities by every way to ask that keeps a graph."""
    if holder == "monotonic":
        found = {"generate": ka.generate_monotonic(model, SOURCE)}
    else:
        beam = ka.GenerationOptions(beam_size=2, max_length=5)
        found = {
            "generate": model.generate(SOURCE),
            "beam": model.generate(SOURCE, beam),
        }
    pairs = {
        name: (ops.convert_to_numpy(x.ids), ops.convert_to_numpy(x.log_probs))
        for name, x in found.items()
    }
    ids = pairs["generate"][0]
    pairs["score"] = (ids, ops.convert_to_numpy(model.score(SOURCE, ids).log_probs))
    return pairs


CASES = [("seq2seq", change) for change in CHANGES]
CASES += [(holder, "lora") for holder in HOLDERS if holder != "seq2seq"]


@pytest.mark.parametrize(("holder", "change"), CASES)
def test_answers_are_those_of_the_changed_model(holder, change):
    model, members = HOLDERS[holder]()
    before = _answers(holder, model)
    for member in members:
        CHANGES[change](member.output_layer)
    # Half precision is rounded once more where the model is called as a whole.
    tolerance = 2e-2 if change == "policy" else 1e-4
    for name, (ids, log_probs) in _answers(holder, model).items():
        assert_allclose(log_probs, _called(model, ids), tolerance, tolerance, name)
        assert not np.array_equal(log_probs, before[name][1]), name


def test_graphs_are_kept_while_nothing_changes():
    model = models.model("bahdanau")
    model.generate(SOURCE)
    model.score(SOURCE, SOURCE)
    assert len(model.graphs) == 2
    model.generate(SOURCE[:2])
    model.output_layer.kernel.assign(model.output_layer.kernel * 2.0)
    model.generate(SOURCE)
    assert len(model.graphs) == 2
    for change in (
        lambda: model.compile("sgd"),
        lambda: setattr(model.encoder, "trainable", False),
    ):
        change()
        model.generate(SOURCE)
        assert len(model.graphs) == 1
        model.score(SOURCE, SOURCE)


@pytest.mark.tensorflow_only
def test_pipelines_answer_as_a_new_one_does():
    from keras_attention.text import CharacterTokenizer

    letters = CharacterTokenizer(list("abcdefg"))
    model = models.model("bahdanau")
    assert letters.vocabulary_size == models.V
    texts, targets = ["abc", "ge", ""], ["a", "bb", "cde"]
    pipeline = ka.TextToText(model, letters, letters)
    before = [x.log_prob for x in pipeline.predict(texts)]
    pipeline.predict(texts, ka.GenerationOptions(beam_size=2))
    scored = [x.log_prob for x in pipeline.score(texts, targets)]
    _lora(model.output_layer)
    new = ka.TextToText(model, letters, letters)
    for options in (None, ka.GenerationOptions(beam_size=2)):
        got, wanted = (x.predict(texts, options) for x in (pipeline, new))
        assert [x.text for x in got] == [x.text for x in wanted]
        assert [x.log_prob for x in got] == [x.log_prob for x in wanted]
    got = [x.log_prob for x in pipeline.score(texts, targets)]
    assert got == [x.log_prob for x in new.score(texts, targets)]
    assert got != scored
    assert before != [x.log_prob for x in pipeline.predict(texts)]
