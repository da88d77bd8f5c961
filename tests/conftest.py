"""Quiet TensorFlow, fixed seeds, and tests that need TensorFlow left out elsewhere."""

import gc
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if os.environ.get("KERAS_BACKEND") == "jax":
    # Many small programs that run once each: compiling them is all the time there is.
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
        " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
    )
    # What one process has compiled, no other compiles again.
    compiled = pathlib.Path(__file__).parents[1] / "build/jax"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(compiled))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import pytest

_left_out = pytest.StashKey[int]()


def pytest_collection_modifyitems(config, items):
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        return
    # JAX computes in float64 only where a process asks for it everywhere, and Keras
    # hands NumPy's float64 to torch as float32: TensorFlow checks that precision.
    left_out = [
        item
        for item in items
        if item.get_closest_marker("tensorflow_only") or "float64" in item.nodeid
    ]
    config.stash[_left_out] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter, config):
    count = config.stash.get(_left_out, 0)
    if count:
        backend = os.environ["KERAS_BACKEND"]
        terminalreporter.write_line(
            f"{count} tests need TensorFlow or float64 and were left out on {backend}"
        )


@pytest.fixture(autouse=True)
def _fixed_seed():
    # Tests of the serving client must not load Keras: only those that use it pay.
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def _little_to_look_at_for_the_garbage_collector():
    """Keras collects garbage whenever a layer loses an attribute: what outlives a file
    of tests, the frameworks above all, is taken out of every later collection."""
    gc.collect()
    gc.freeze()
