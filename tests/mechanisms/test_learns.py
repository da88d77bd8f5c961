"""Each mechanism learns what it is for; `make test-mechanisms` runs this.

Reversing needs attention to go back and forth; mechanisms that only move forward, or
that look at positions alone, copy.
"""

import pytest

import keras_attention as ka
from benchmarks.mechanisms import MECHANISMS
from tests.mechanisms import tasks

pytestmark = [pytest.mark.mechanisms, pytest.mark.tensorflow_only]

COPY = {
    *("location", "local_m", "local_p", "monotonic", "mocha", "stepwise_monotonic"),
    *("forward", "forward_transition", "window"),
    *("gmm_v0", "gmm_v1", "gmm_v2", "dynamic_convolution"),
}


def test_every_mechanism_is_here():
    # Those that ignore what is there, and what every mixture is made with.
    apart = {"zero", "last", "exp", "additive", "softmax"}
    names = {*ka.scores.names(), *ka.alignments.names()} - apart
    assert names | COPY <= set(MECHANISMS)


@pytest.mark.parametrize("name", MECHANISMS)
def test_learns(name):
    task = tasks.copy if name in COPY else tasks.reverse
    assert tasks.learned(MECHANISMS[name](16), task) >= 0.99


@pytest.mark.parametrize("task", [tasks.reverse, tasks.copy], ids=["reverse", "copy"])
def test_no_attention_does_not(task):
    assert tasks.learned(None, task) < 0.5


@pytest.mark.parametrize("variant", ["source", "target", "both"])
def test_context_gate_learns(variant):
    attention = ka.BahdanauAttention(32)
    assert tasks.learned(attention, tasks.reverse, context_gate=variant) >= 0.99
