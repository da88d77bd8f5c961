"""Each mechanism learns what it is for; `make test-mechanisms` runs this.

Reversing needs attention to go back and forth; mechanisms that only move forward, or
that look at positions alone, copy.
"""

import pytest

import keras_attention as ka
from benchmarks.mechanisms import MECHANISMS, TASKS
from tests.mechanisms import tasks

pytestmark = [pytest.mark.mechanisms, pytest.mark.tensorflow_only]


@pytest.mark.parametrize("name", MECHANISMS)
def test_learns(name):
    task = getattr(tasks, TASKS[name])
    assert tasks.learned(MECHANISMS[name](16), task) >= 0.99


@pytest.mark.parametrize("task", [tasks.reverse, tasks.copy], ids=["reverse", "copy"])
def test_no_attention_does_not(task):
    assert tasks.learned(None, task) < 0.5


@pytest.mark.parametrize("variant", ["source", "target", "both"])
def test_context_gate_learns(variant):
    attention = ka.BahdanauAttention(32)
    assert tasks.learned(attention, tasks.reverse, context_gate=variant) >= 0.99
