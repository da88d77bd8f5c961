"""How probable given targets are, against teacher forcing and forced prefixes."""

import numpy as np
import pytest
from keras import ops
from numpy.testing import assert_allclose

import keras_attention as ka
from tests.generation import models
from tests.reference.generation import log_softmax

ROWS = 5
SOURCE = models.sources(ROWS)
TARGET = np.array(
    [[5, 6, 2, 0], [2, 0, 0, 0], [3, 3, 3, 3], [9, 10, 4, 2], [7, 2, 0, 0]], "int32"
)


@pytest.fixture(scope="module", params=sorted(models.DECODERS))
def model(request):
    return models.model(request.param)


def score(model, source=SOURCE, target=TARGET):
    return ka.Likelihoods(*map(ops.convert_to_numpy, model.score(source, target)))


def test_equals_teacher_forcing(model):
    got = score(model)
    inputs = np.concatenate([np.ones((ROWS, 1), "int32"), TARGET[:, :-1]], axis=1)
    outputs = model({"source_ids": SOURCE, "target_ids": inputs})
    table = log_softmax(ops.convert_to_numpy(outputs["logits"]))
    valid = TARGET != 0
    picked = np.take_along_axis(table, TARGET[..., None], axis=-1)[..., 0]
    assert_allclose(got.token_log_probs, np.where(valid, picked, 0), atol=1e-5)
    assert_allclose(got.log_probs, np.where(valid, picked, 0).sum(1), rtol=1e-5)
    assert got.lengths.tolist() == valid.sum(1).tolist()
    wanted = ops.convert_to_numpy(outputs["weights"])
    shown = valid[:, None, :, None] if wanted.ndim == 4 else valid[:, :, None]
    assert_allclose(got.weights, np.where(shown, wanted, 0), atol=1e-5)


def test_equals_a_forced_prefix(model):
    got = score(model)
    options = ka.GenerationOptions(
        prefix=[[token for token in row if token] for row in TARGET.tolist()],
        max_length=[3, 1, 4, 4, 2],
    )
    forced = ka.Generation(*map(ops.convert_to_numpy, model.generate(SOURCE, options)))
    assert_allclose(forced.log_probs, got.log_probs, rtol=1e-5)
    assert_allclose(forced.weights, got.weights, atol=1e-6)
    assert np.array_equal(forced.ids, TARGET)


def test_rows_and_padding_do_not_matter(model):
    together = score(model)
    wide = np.pad(TARGET, [(0, 0), (0, 3)])
    padded = score(model, np.pad(SOURCE, [(0, 0), (0, 2)]), wide)
    assert_allclose(padded.log_probs, together.log_probs, rtol=1e-5)
    assert np.all(padded.token_log_probs[:, TARGET.shape[1] :] == 0)
    assert np.all(padded.weights[..., TARGET.shape[1] :, :] == 0)
    assert np.all(padded.weights[..., SOURCE.shape[1] :] == 0)
    for row in range(ROWS):
        alone = score(model, SOURCE[row : row + 1], TARGET[row : row + 1])
        assert_allclose(alone.log_probs[0], together.log_probs[row], rtol=1e-5)


def test_ensembles_too():
    members = [models.model("bahdanau"), models.model("luong")]
    together = ka.Ensemble(members)
    got = score(together)
    options = ka.GenerationOptions(
        prefix=[[token for token in row if token] for row in TARGET.tolist()],
        max_length=[3, 1, 4, 4, 2],
    )
    forced = ka.Generation(
        *map(ops.convert_to_numpy, together.generate(SOURCE, options))
    )
    assert_allclose(forced.log_probs, got.log_probs, rtol=1e-5)
    assert not np.allclose(got.log_probs, score(members[0]).log_probs)


@pytest.mark.parametrize("argument", ["source_ids", "target_ids"])
def test_wrong_rank(model, argument):
    ids = {"source_ids": SOURCE, "target_ids": TARGET}
    with pytest.raises(ValueError, match=rf"`{argument}` must have rank 2.*\(4,\)"):
        model.score(**ids | {argument: np.array([5, 6, 7, 2])})
