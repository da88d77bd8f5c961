"""With rows left out as they end, the answers are what they were with all of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import keras_attention as ka
from keras_attention.generation.search import compaction
from tests.generation import models, test_shortlist
from tests.generation.tables import as_numpy

pytestmark = pytest.mark.tensorflow_only
ROWS = 37
LIMITS = np.random.default_rng(0).integers(1, 17, ROWS)
SEEDS = np.arange(ROWS)
BEAMS = np.where(SEEDS % 3 == 0, 1, 4)
SETTINGS = {
    "greedy": {"max_length": LIMITS},
    "greedy, as it ends": {},
    "beam": {"beam_size": 4, "max_length": LIMITS, "length_penalty": 0.6},
    "beam, as it ends": {"beam_size": 5},
    "beams of their own": {
        "beam_size": BEAMS,
        "alternatives": np.minimum(BEAMS, 1 + SEEDS % 4),
        "max_length": LIMITS,
        "coverage_penalty": np.where(SEEDS % 2, 0.0, 0.4),
        "length_power": SEEDS / ROWS,
        "word_bonus": SEEDS / ROWS - 0.5,
        "min_length": np.minimum(LIMITS, 1 + SEEDS % 5),
    },
    "histories": {
        "beam_size": 3,
        "max_length": LIMITS,
        "no_repeat_ngram": SEEDS % 4,
        "repetition_penalty": 1.0 + SEEDS % 3 / 4,
        "banned_tokens": [[3 + row % 5] for row in SEEDS],
        "prefix": [[4, 5] if limit > 4 else [] for limit in LIMITS],
    },
    "groups": {
        "beam_size": 4,
        "beam_groups": np.where(SEEDS % 2, 2, 1),
        "diversity_penalty": 0.5,
        "alternatives": 3,
        "max_length": LIMITS,
    },
    "samples": {
        "sample": SEEDS % 2 == 0,
        "beam_size": np.where(SEEDS % 2, 3, 1),
        "seed": SEEDS,
        "temperature": 1.5,
        "top_k": SEEDS % 5,
        "alternatives": 2 - SEEDS % 2,
        "max_length": LIMITS,
    },
    "all end in the first step": {"beam_size": 3, "max_length": 1},
    "one lives to the end": {
        "beam_size": 3,
        "min_length": np.where(SEEDS == 20, 40, 1),
        "max_length": np.where(SEEDS == 20, 40, 2),
    },
}


def assert_same(got, wanted):
    got, wanted = as_numpy(got), as_numpy(wanted)
    assert_array_equal(got.ids, wanted.ids)
    assert_array_equal(got.lengths, wanted.lengths)
    assert got.steps_run == wanted.steps_run
    assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-5, atol=1e-5)
    assert_allclose(got.weights, wanted.weights, atol=1e-5)


def in_whole_batches(monkeypatch, model, source, options):
    """By the loop that keeps all rows."""
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "in_dynamic_graph", lambda: False)
        return model.generate(source, options)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("name", ["bahdanau", "stateful"])
def test_every_option_stays_with_its_row(name, setting, monkeypatch):
    source, options = models.sources(ROWS), ka.GenerationOptions(**setting)
    wanted = in_whole_batches(monkeypatch, models.model(name), source, options)
    assert_same(models.model(name).generate(source, options), wanted)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 16, 65])
@pytest.mark.parametrize("beam_size", [1, 3])
def test_batches_of_any_size(rows, beam_size, monkeypatch):
    monkeypatch.setattr(compaction, "_WORTHWHILE", 2)
    source, options = models.sources(rows), ka.GenerationOptions(beam_size=beam_size)
    wanted = in_whole_batches(monkeypatch, models.model("luong"), source, options)
    assert_same(models.model("luong").generate(source, options), wanted)


def test_options_that_are_tensors_of_a_graph(monkeypatch):
    import tensorflow as tf

    def of(model):
        @tf.function(autograph=False)
        def generate(ids, beam_size, max_length):
            options = ka.GenerationOptions(beam_size=beam_size, max_length=max_length)
            return model.generate(ids, options, max_beam_size=4)

        arrays = models.sources(ROWS), BEAMS.astype("int32"), LIMITS.astype("int32")
        return generate(*map(tf.constant, arrays))

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "in_dynamic_graph", lambda: False)
        wanted = of(models.model("bahdanau"))
    assert_same(of(models.model("bahdanau")), wanted)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_with_a_shortlist(beam_size, monkeypatch):
    source = models.sources(ROWS)
    options = ka.GenerationOptions(beam_size=beam_size, max_length=LIMITS)
    wanted = in_whole_batches(monkeypatch, test_shortlist.restricted(), source, options)
    assert_same(test_shortlist.restricted().generate(source, options), wanted)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_an_ensemble(beam_size, monkeypatch):
    def ensemble():
        return ka.Ensemble([models.model("luong"), models.model("bahdanau")])

    source = models.sources(ROWS)
    options = ka.GenerationOptions(beam_size=beam_size, max_length=LIMITS)
    wanted = in_whole_batches(monkeypatch, ensemble(), source, options)
    assert_same(ensemble().generate(source, options), wanted)


class _Watched(ka.Seq2Seq):
    """A model that keeps how many hypotheses each step was given."""

    def stepper(self, memory, beam_size=1, **arguments):
        import tensorflow as tf

        step = super().stepper(memory, beam_size, **arguments)

        def step_fn(ids, state):
            def note(number):
                self.seen.append(int(number))
                return number

            number = tf.numpy_function(note, [tf.shape(ids)[0]], tf.int32)
            with tf.control_dependencies([number]):
                return step(tf.identity(ids), state)

        return step_fn


@pytest.mark.parametrize("beam_size", [1, 2])
def test_no_step_is_taken_with_ended_rows_once_half_have(beam_size, monkeypatch):
    monkeypatch.setattr(compaction, "_WORTHWHILE", 2)
    plain = models.model("luong")
    config = plain.get_config()
    model = _Watched.from_config(config)
    model.set_weights(plain.get_weights())
    object.__setattr__(model, "seen", [])
    limits = np.array([2] * 20 + [5] * 10 + [9] * 2)
    options = ka.GenerationOptions(
        max_length=limits, min_length=limits, beam_size=beam_size
    )
    model.generate(models.sources(32), options)
    wanted = [32] * 2 + [12] * 3 + [2] * 4
    assert model.seen == [number * beam_size for number in wanted]


class _OwnEncoding(ka.Seq2Seq):
    """A model whose memory has a tensor that is not by rows."""

    def encode(self, source_ids):
        memory, state, mask = super().encode(source_ids)
        return (memory, np.float32(2.0)), state, mask

    def stepper(self, memory, beam_size=1, **arguments):
        return super().stepper(memory[0], beam_size, **arguments)


def test_memory_of_ones_own_stays_whole():
    plain = models.model("luong")
    model = _OwnEncoding.from_config(plain.get_config())
    model.set_weights(plain.get_weights())
    source, options = models.sources(ROWS), ka.GenerationOptions(max_length=LIMITS)
    assert_same(model.generate(source, options), plain.generate(source, options))
