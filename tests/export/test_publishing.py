"""Versions appear whole or not at all, with requests that warm them up."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import keras_attention as ka
from tests.export.session import Version

pytestmark = pytest.mark.tensorflow_only


def test_highest_version_plus_one(pipeline, tmp_path):
    (tmp_path / "9").mkdir()
    (tmp_path / "notes").mkdir()
    assert pipeline.export(tmp_path).name == "10"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["10", "9", "notes"]


def test_a_version_is_never_replaced(pipeline, version):
    before = sorted(path.stat().st_mtime_ns for path in version.rglob("*"))
    with pytest.raises(ValueError, match="version=1"):
        pipeline.export(version.parent, version=1)
    assert sorted(path.stat().st_mtime_ns for path in version.rglob("*")) == before


@pytest.mark.parametrize("wrong", [0, -1, "2", 1.0, True, 2**63])
def test_wrong_versions(pipeline, tmp_path, wrong):
    with pytest.raises(ValueError, match="`version` must be a positive integer"):
        pipeline.export(tmp_path / "model", version=wrong)
    assert not (tmp_path / "model").exists()


BEFORE, AFTER = "tf_serving_warmup_requests", "warmup_requests_once_served"


def test_warm_up_requests_are_answered(version):
    loaded = Version(version)
    names = {*loaded.signatures} - {"compiled_default", "compiled_ids"}
    assert len(names) == 9
    default = {("serving_default", 1), ("serving_default", 2)}
    assert answered(loaded, version / "assets.extra" / BEFORE) == sorted(default)
    assert answered(loaded, version / "assets.extra" / AFTER) == sorted(
        {(name, rows) for name in names for rows in (1, 2)} - default
    )


def answered(loaded, path):
    """Signatures and rows of the requests in a file, all of them asked."""
    seen = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {
            name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()
        }
        name = request.model_spec.signature_name
        outputs = loaded.ask(name, **inputs)
        rows = {value.shape[0] for value in [*inputs.values(), *outputs.values()]}
        assert len(rows) == 1
        seen.append((name, *rows))
    return sorted(seen)


@pytest.mark.slow
def test_killed_export_leaves_no_version(pipeline, tmp_path):
    """Killed when everything is written and only the rename is missing."""
    pipeline.save(tmp_path / "letters.keras_attention")
    program = textwrap.dedent(f"""
        import os, signal
        import keras_attention as ka
        from keras_attention.export import saved_model

        def killed(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)

        saved_model.publish = killed
        pipeline = ka.TextToText.load({str(tmp_path / "letters.keras_attention")!r})
        pipeline.export({str(tmp_path / "models")!r})
    """)
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=180,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr[-2000:]
    left = [entry.name for entry in (tmp_path / "models").iterdir()]
    assert left and not any(name.isdecimal() for name in left)
    again = ka.TextToText.load(tmp_path / "letters.keras_attention")
    assert again.export(tmp_path / "models").name == "1"
    assert again.predict(["star"])[0].text == pipeline.predict(["star"])[0].text
