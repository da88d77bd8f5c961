"""Each mechanism learns what it is for; `make test-mechanisms` runs this.

Reversing needs attention to go back and forth; mechanisms that only move forward, or
that look at positions alone, copy.
"""

import pytest

import keras_attention as ka
from tests.mechanisms import tasks

pytestmark = [pytest.mark.mechanisms, pytest.mark.tensorflow_only]


def _score(score, *arguments, alignment="softmax", **options):
    made = score(*arguments, **options)
    return ka.Attention(made, alignment)


def _mixture(version):
    return ka.Attention(
        ka.scores.GaussianMixtureScore(version, initial_step=1.0, initial_width=1.0),
        "exp",
    )


REVERSE = {
    "bahdanau": lambda: ka.BahdanauAttention(32),
    "bahdanau_norm": lambda: ka.BahdanauAttention(32, normalize=True),
    "bahdanau_layer_norm": lambda: ka.BahdanauAttention(32, layer_normalize=True),
    "concat": lambda: ka.LuongAttention("concat"),
    "dot": lambda: ka.LuongAttention("dot"),
    "general": lambda: ka.LuongAttention("general"),
    "general_heads": lambda: ka.LuongAttention("general", num_heads=2),
    "cosine": lambda: _score(ka.scores.CosineScore, 10.0),
    "coverage": lambda: ka.Attention("coverage"),
    "location_sensitive": lambda: _score(
        ka.scores.LocationSensitiveScore, filters=8, width=3
    ),
    "sigmoid": lambda: ka.Attention("general", "sigmoid"),
    "sparsemax": lambda: ka.Attention("general", "sparsemax"),
    "entmax15": lambda: ka.Attention("general", "entmax15"),
    "entmax": lambda: ka.Attention("general", "entmax"),
    "hard": lambda: ka.Attention("additive", "hard"),
    "gumbel": lambda: ka.Attention("additive", "gumbel"),
}
COPY = {
    "location": lambda: _score(ka.scores.LocationScore, 16),
    "local_m": lambda: ka.Attention(
        "general", ka.alignments.LocalMonotonicAlignment(1)
    ),
    "local_p": lambda: ka.Attention(
        "general", ka.alignments.LocalPredictiveAlignment(2)
    ),
    "monotonic": lambda: ka.Attention("additive", "monotonic"),
    "mocha": lambda: ka.Attention("additive", ka.alignments.MochaAlignment(3)),
    "stepwise_monotonic": lambda: ka.Attention("additive", "stepwise_monotonic"),
    "forward": lambda: ka.Attention("additive", "forward"),
    "forward_transition": lambda: ka.Attention("additive", "forward_transition"),
    "gmm_v0": lambda: _mixture("v0"),
    "gmm_v1": lambda: _mixture("v1"),
    "gmm_v2": lambda: _mixture("v2"),
    "dynamic_convolution": lambda: _score(
        ka.scores.DynamicConvolutionScore, width=5, prior_steps=3
    ),
}
TASKS = {name: (make, tasks.reverse) for name, make in REVERSE.items()}
TASKS |= {name: (make, tasks.copy) for name, make in COPY.items()}


def test_every_mechanism_is_here():
    # Those that ignore what is there, and what every mixture above is made with.
    apart = {"zero", "last", "exp", "additive", "softmax"}
    names = {*ka.scores.names(), *ka.alignments.names()} - apart
    assert names <= set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_learns(name):
    make, task = TASKS[name]
    assert tasks.learned(make(), task) >= 0.99


@pytest.mark.parametrize("task", [tasks.reverse, tasks.copy], ids=["reverse", "copy"])
def test_no_attention_does_not(task):
    assert tasks.learned(None, task) < 0.5
