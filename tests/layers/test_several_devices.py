"""Training on two devices, in each way to have two, against one of the same batches."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
# What Keras would clip before the replicas' gradients are added up.
CLIPPED = {"global_clipnorm": 0.3}


def start(*arguments, folder=ROOT, **environment):
    """A process of Python."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def training(kind, optimizer, **environment):
    program = "tests.layers.several_devices"
    return start("-m", program, kind, json.dumps(optimizer), **environment)


def output(process):
    """What a process has written; it must have ended well."""
    said, complaints = process.communicate(timeout=240)
    assert process.returncode == 0, complaints[-3000:]
    return said


def two_workers():
    """`TF_CONFIG` of two processes on this machine."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in (one, other)]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    return [
        json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        for index in range(2)
    ]


def outputs(processes):
    """What each has written; when one fails the others do not wait for it."""
    try:
        return [output(process) for process in processes]
    finally:
        for process in processes:
            process.kill()


def assert_equal(one, two):
    assert one["losses"][0] > 1.1 * one["losses"][-1]  # something was learnt
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=0, abs=1e-4), name


@pytest.mark.parametrize(
    "optimizer",
    [
        CLIPPED,
        {"clipvalue": 0.01, "use_ema": True},
    ],
)
def test_mirrored_devices(optimizer):
    found = json.loads(output(training("mirrored", optimizer)))
    assert_equal(found["one"], found["two"])


def test_devices_of_jax():
    two = "--xla_force_host_platform_device_count=2"
    process = training("jax", CLIPPED, KERAS_BACKEND="jax", XLA_FLAGS=two)
    found = json.loads(output(process))
    assert_equal(found["one"], found["two"])


def test_two_workers():
    """Two processes that find each other by TF_CONFIG, as two machines do."""
    workers = [training("worker", CLIPPED, TF_CONFIG=each) for each in two_workers()]
    said = outputs([training("alone", CLIPPED), *workers])
    alone, first, second = map(json.loads, said)
    assert_equal(alone, first)
    assert_equal(alone, second)


def test_the_documented_program(tmp_path):
    """The page's program says the same on one machine and on two, and saves once."""
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    section = page.partition("## More than one machine")[2]
    program = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    folders = [tmp_path / name for name in ("alone", "first", "second")]
    processes = []
    for folder, config in zip(folders, ["", *two_workers()], strict=True):
        folder.mkdir()
        environment = {"TF_CONFIG": config} if config else {}
        processes.append(start("-c", program, folder=folder, **environment))
    alone, first, second = map(float, outputs(processes))
    assert first == pytest.approx(alone, abs=1e-4) == second
    saved = [(folder / "reverse.keras_attention").exists() for folder in folders]
    assert saved == [True, True, False]
