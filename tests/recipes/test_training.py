"""Training runs: equal for equal seeds, resumed as if undisturbed, bad data named."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_attention as ka
from keras_attention.recipes import recipe_for, train, with_settings
from keras_attention.recipes.training import DEVELOPMENT, MODEL, UNFINISHED
from keras_attention.text_to_text import TextToText

pytestmark = pytest.mark.tensorflow_only

PAIRS = [
    (a + b + c, (c + b + a).upper()) for a in "abcd" for b in "abcd" for c in "abcd"
]
TINY = [
    "encoder.units=8",
    "decoder.cell.units=8",
    "decoder.attention.units=4",
    "model.embedding_dim=4",
    "training.epochs=4",
    "training.batch_size=16",
    "training.learning_rate=0.01",
]


def tiny(*settings):
    return with_settings(recipe_for(PAIRS), [*TINY, *settings])


def weights(pipeline):
    return [np.asarray(v) for v in pipeline.model.trainable_variables]


def losses(said):
    return [line.split()[3] for line in said if line.startswith("epoch")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    said = []
    trained = train(PAIRS, recipe=tiny(), output=folder, say=said.append)
    return folder, said, trained


def test_what_a_run_leaves(undisturbed):
    folder, said, trained = undisturbed
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["recipe.toml", DEVELOPMENT, MODEL]
    )
    assert len(losses(said)) == 4
    loaded = TextToText.load(folder / MODEL)
    assert [p.text for p in loaded.predict(["abc"])] == [
        p.text for p in trained.predict(["abc"])
    ]


def test_the_kept_model_is_that_of_the_best_epoch(undisturbed):
    _, said, trained = undisturbed
    scores = [float(line.split()[5]) for line in said if line.startswith("epoch")]
    held_out = [
        tuple(line.split("\t"))
        for line in (undisturbed[0] / DEVELOPMENT).read_text().splitlines()
    ]
    answers = trained.predict([source for source, _ in held_out])
    wrong = sum(a.text != t for a, (_, t) in zip(answers, held_out, strict=True))
    assert 100 * wrong / len(held_out) == pytest.approx(min(scores), abs=0.01)


def test_a_finished_run_is_not_overwritten(undisturbed):
    with pytest.raises(FileExistsError, match="holds a finished model"):
        train(PAIRS, recipe=tiny(), output=undisturbed[0], resume=True)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        pytest.param(
            ("training.ema_momentum=0.9", "training.gradient_accumulation=2"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_killed_run_goes_on_as_if_undisturbed(tmp_path, settings):
    """A process is killed in its third epoch; the next one ends where one would."""
    whole = []
    expected = train(PAIRS, recipe=tiny(*settings), say=whole.append)
    folder = tmp_path / "killed"
    code = f"""
import os, signal
from tests.recipes.test_training import PAIRS, tiny, train
def say(line):
    if line.startswith("epoch   2"):
        os.kill(os.getpid(), signal.SIGKILL)
train(PAIRS, recipe=tiny(*{settings!r}), output={str(folder)!r}, say=say)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert (folder / UNFINISHED).exists() and (folder / MODEL).exists()
    with pytest.raises(FileExistsError, match="holds an unfinished run"):
        train(PAIRS, recipe=tiny(*settings), output=folder)
    said = []
    resumed = train(PAIRS, output=folder, resume=True, say=said.append)
    assert "going on after epoch 2" in said
    assert losses(said) == losses(whole)[2:]
    for one, other in zip(weights(resumed), weights(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_an_ensemble_of_several_seeds(tmp_path):
    recipe = tiny("training.ensemble=2", "training.epochs=1")
    trained = train(PAIRS, recipe=recipe, output=tmp_path)
    assert isinstance(trained.model, ka.Ensemble)
    first, second = (member.trainable_variables[0] for member in trained.model.members)
    assert not np.allclose(np.asarray(first), np.asarray(second))
    loaded = TextToText.load(tmp_path / MODEL)
    assert loaded.predict(["abc"])[0].text == trained.predict(["abc"])[0].text


def test_training_ends_when_nothing_gets_better():
    said = []
    recipe = tiny("training.patience=1", "training.learning_rate=1e-9")
    train(PAIRS, recipe=recipe, say=said.append)
    assert len(losses(said)) == 2


@pytest.mark.slow
def test_mixed_precision_and_a_token_budget():
    recipe = tiny(
        "training.precision=mixed_bfloat16",
        "training.tokens_per_batch=60",
        "training.epochs=1",
    )
    trained = train(PAIRS, recipe=recipe)
    assert trained.model.decoder.compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_pairs_that_are_too_long_are_counted():
    said = []
    recipe = tiny("data.max_length=5", "training.epochs=1")
    train([*PAIRS, ("abcdabcd", "A")], recipe=recipe, say=said.append)
    assert "1 pairs are left out, longer than data.max_length = 5 tokens" in said
    with pytest.raises(ValueError, match="no pair has at most data.max_length = 2"):
        train(PAIRS, recipe=tiny("data.max_length=2"))


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "b"), ("c", "d"), ("e", "f")],  # three lines
        [("a" * i, "a") for i in range(1, 9)],  # one symbol
    ],
)
def test_very_little_is_enough(pairs):
    assert train(pairs, recipe=tiny("training.epochs=1")).predict(["a"])


def test_nothing_is_not_enough():
    with pytest.raises(ValueError, match="`pairs` must hold a pair at least"):
        train([])


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_state(tmp_path, monkeypatch):
    saved = []

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    def say(line):
        saved.append(line)
        if line.startswith("epoch   1"):
            saved.append((tmp_path / UNFINISHED).read_bytes())
            monkeypatch.setattr(np, "savez", full)

    with pytest.raises(OSError, match="No space left"):
        train(PAIRS, recipe=tiny(), output=tmp_path, say=say)
    monkeypatch.undo()
    assert (tmp_path / UNFINISHED).read_bytes() == saved[-1]
    assert not [path for path in os.listdir(tmp_path) if path.startswith(".save")]
    said = []
    train(PAIRS, output=tmp_path, resume=True, say=said.append)
    assert "going on after epoch 1" in said


def test_the_state_of_another_model_is_refused(tmp_path):
    def stop(line):
        if line.startswith("epoch   1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(PAIRS, recipe=tiny(), output=tmp_path, say=stop)
    with pytest.raises(ValueError, match="holds another model's state"):
        train(PAIRS, recipe=tiny("encoder.units=6"), output=tmp_path, resume=True)
    # As many symbols, but others.
    others = [(source.replace("a", "x"), target) for source, target in PAIRS]
    with pytest.raises(ValueError, match="state of a run on other pairs"):
        train(others, output=tmp_path, resume=True)
