"""Quiet TensorFlow, fixed seeds, and tests that need TensorFlow left out elsewhere."""

import contextlib
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

_left_out = pytest.StashKey[int]()


def pytest_collection_modifyitems(config, items):
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        return
    left_out = [item for item in items if item.get_closest_marker("tensorflow_only")]
    config.stash[_left_out] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter, config):
    count = config.stash.get(_left_out, 0)
    if count:
        backend = os.environ["KERAS_BACKEND"]
        terminalreporter.write_line(
            f"{count} tests need the TensorFlow backend and were left out on {backend}"
        )


@pytest.fixture(autouse=True)
def _fixed_seed():
    # Tests of the serving client must not load Keras: only those that use it pay.
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def float64():
    """Lets a test compute in float64; JAX narrows to float32 unless told."""
    with contextlib.ExitStack() as stack:
        if os.environ.get("KERAS_BACKEND") == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        yield "float64"
