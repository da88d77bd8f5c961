"""Files of every released version: they load here, and give the numbers they gave."""

import math
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_attention as ka
import serving
from serving.server import Server, ServerOptions
from tests.conformance import recorded

HERE = pathlib.Path(__file__).parent
VERSIONS = sorted(path for path in HERE.glob("*.*.*") if path.is_dir())
TOLERANCE = {"rtol": 1e-6, "atol": 1e-6}
if keras.backend.backend() != "tensorflow":  # Sums in another order.
    TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
KINDS = {
    "model": "*.keras",
    "pipeline": "*.keras_attention",
    "export": "*_exported.zip",
}


def found(kind):
    """Artefacts of a kind, of all versions, as parameters."""
    paths = [path for folder in VERSIONS for path in sorted(folder.glob(KINDS[kind]))]
    return [pytest.param(path, id=f"{path.parent.name}-{path.stem}") for path in paths]


def assert_same(got, wanted, where):
    """Equal but for the rounding of floats, with all that `wanted` has."""
    if isinstance(wanted, dict):
        for name, part in wanted.items():
            assert_same(got[name], part, f"{where}/{name}")
    elif isinstance(wanted, list):
        assert len(got) == len(wanted), where
        for place, (one, part) in enumerate(zip(got, wanted, strict=True)):
            assert_same(one, part, f"{where}/{place}")
    elif isinstance(wanted, float):
        close = math.isclose(
            got, wanted, rel_tol=TOLERANCE["rtol"], abs_tol=TOLERANCE["atol"]
        )
        assert close, f"{where}: {got} is not {wanted}"
    else:
        assert got == wanted, where


def test_every_version_has_artefacts_of_every_kind():
    assert VERSIONS
    for folder in VERSIONS:
        for pattern in KINDS.values():
            assert list(folder.glob(pattern)), f"{folder.name} has no {pattern}"


@pytest.mark.parametrize("path", found("model"))
def test_models(path):
    stored = recorded.read_arrays(path.with_suffix(".npz"))
    wanted = stored.pop("outputs")
    assert wanted
    got = recorded.model_outputs(keras.saving.load_model(path), **stored)
    for name, array in wanted.items():
        assert got[name].dtype == array.dtype, name
        if array.dtype.kind == "f":
            np.testing.assert_allclose(got[name], array, err_msg=name, **TOLERANCE)
        else:
            np.testing.assert_array_equal(got[name], array, err_msg=name)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("path", found("pipeline"))
def test_pipelines(path):
    stored = recorded.read_json(path.with_suffix(".json"))
    loaded, texts = ka.TextToText.load(path), stored["texts"]
    assert stored["predict"]
    for call in stored["predict"]:
        got = recorded.predictions(loaded, texts, call["options"])
        assert_same(got, call["answers"], str(call["options"]))
    got = recorded.scores(loaded, texts, stored["target_texts"])
    assert_same(got, stored["score"], "score")


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("path", found("export"))
def test_exports(path, tmp_path):
    import tensorflow as tf

    import keras_attention.text  # noqa: F401, the operations that a server has
    from keras_attention.export.signatures import COMPILED

    calls = recorded.read_json(path.with_suffix(".json"))
    shutil.unpack_archive(path, tmp_path)
    loaded = tf.saved_model.load(tmp_path / "1")
    asked = {call["signature"] for call in calls}
    assert asked == set(loaded.signatures) - set(COMPILED)
    for place, call in enumerate(calls):
        signature = call["signature"]
        got = recorded.signature_outputs(loaded, signature, call["inputs"])
        assert_same(got, call["outputs"], f"{place}, {signature}")


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("path", found("export"))
def test_the_client_asks_exports_of_every_version(path, tmp_path):
    shutil.unpack_archive(path, tmp_path)
    calls = recorded.read_json(path.with_suffix(".json"))
    texts = calls[0]["inputs"]  # Nothing else: those of `serving_default`.
    asked = texts.get("text", texts)
    aligned = [call for call in calls if call["signature"].startswith("align")]
    assert len(aligned) >= 2
    options = ServerOptions(host="127.0.0.1", port=0, poll_seconds=0)
    with (
        Server({"text": tmp_path}, options) as server,
        serving.Client(f"127.0.0.1:{server.port}", model="text", timeout=60) as client,
    ):
        for call in aligned:
            chosen = {k: v[0] if len(v) == 1 else v for k, v in call["inputs"].items()}
            chosen = {k: v for k, v in chosen.items() if k not in texts}
            found = [client.align(asked, chosen)]
            if call is aligned[0]:  # By default.
                found.append(client.align(asked))
            for answers in found:
                got = {
                    "text": [answer.text for answer in answers],
                    "log_prob": [answer.log_prob for answer in answers],
                    "length": [len(answer.tokens) for answer in answers],
                }
                wanted = {name: call["outputs"][name] for name in got}
                assert_same(wanted, got, call["signature"])
        several = client.n_best(asked, {"alternatives": 2})
        assert [len(row) for row in several] == [2] * 5
        assert len(client.n_best(asked)[0]) > 2


@pytest.mark.tensorflow_only
def test_a_process_that_imports_nothing_else_loads_all():
    models = [str(path.values[0]) for path in found("model")]
    pipelines = [str(path.values[0]) for path in found("pipeline")]
    program = (
        "import keras, keras_attention as ka\n"
        f"for path in {models}: keras.saving.load_model(path)\n"
        f"for path in {pipelines}: ka.TextToText.load(path)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HERE.parents[1],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
