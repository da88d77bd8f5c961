"""Parts are found by name, configuration or instance, and each has a case."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.layers.cases import ATTENTIONS
from tests.layers.gradients import to_numpy


def test_every_registered_part_has_a_case():
    cases = ATTENTIONS.values()
    assert set(ka.scores.names()) == {case.score for case in cases}
    assert set(ka.alignments.names()) == {case.alignment for case in cases}


@pytest.mark.parametrize("name", ka.scores.names())
def test_scores_by_name_configuration_and_instance(name):
    instance = ka.scores.get(name)
    again = ka.scores.get(keras.saving.serialize_keras_object(instance))
    assert ka.scores.get(instance) is instance
    assert type(again) is type(instance)
    assert again.get_config() == instance.get_config()


@pytest.mark.parametrize("name", ka.alignments.names())
def test_alignments_by_name_configuration_and_instance(name):
    instance = ka.alignments.get(name)
    again = ka.alignments.get(keras.saving.serialize_keras_object(instance))
    assert ka.alignments.get(instance) is instance
    assert type(again) is type(instance)


class NegativeDistance(ka.scores.Score):
    """A user's score: minus the squared distance."""

    def precompute(self, key):
        return key

    def energies(self, query, keys, state):
        difference = ops.expand_dims(query, 2) - ops.expand_dims(keys, 1)
        return ops.expand_dims(-ops.sum(difference**2, axis=-1), 1)


def test_one_class_adds_a_score():
    random = np.random.default_rng(0)
    query, value = random.normal(size=(2, 3, 4)), random.normal(size=(2, 5, 4))
    layer = ka.Attention(NegativeDistance())
    _, weights = layer(query, value, return_attention_scores=True)
    distance = ((query[:, :, None] - value[:, None]) ** 2).sum(-1)
    wanted = np.exp(-distance) / np.exp(-distance).sum(-1, keepdims=True)
    assert_allclose(to_numpy(weights), wanted, rtol=1e-4, atol=1e-6)
