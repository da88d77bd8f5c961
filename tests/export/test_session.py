"""The export in the C++ session that TF Serving runs, with XLA switched off."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import TEXTS

pytestmark = pytest.mark.tensorflow_only

# In a process of its own: switching XLA off cannot be undone, and nothing of this
# library may be needed to run what it exports.
_PROGRAM = """
import json, sys
import numpy as np
from serving.server.runtime import library
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.tensors.decoding import decode
from pathlib import Path

library.tensorflow()
library.disable_xla()
session = SavedModelSession(Path(sys.argv[1]))
answers = []
for line in sys.stdin:
    question = json.loads(line)
    signature = session.signatures[question["signature"]]
    rows = np.array([text.encode() for text in question["texts"]], object)
    text = rows.reshape(question["shape"])
    names = sorted(signature.outputs)
    # As the server does: what is not sent is one row of defaults.
    feeds = {signature.inputs[name].name: decode(value)
             for name, value in signature.defaults.items()}
    try:
        values = session.run(
            feeds | {signature.inputs["text"].name: text},
            [signature.outputs[name].name for name in names],
        )
    except Refusal as refusal:
        answers.append({"code": refusal.code.name, "message": refusal.message})
        continue
    answers.append({
        name: [item.decode() for item in value.ravel()]
        if value.dtype == object else value.ravel().tolist()
        for name, value in zip(names, values)
    } | {"shapes": {n: list(v.shape) for n, v in zip(names, values)}})
assert not any(name.split(".")[0] == "keras_attention" for name in sys.modules)
print(json.dumps(answers))
"""


def question(texts, shape=None, signature="align"):
    shape = [len(texts)] if shape is None else shape
    return {"signature": signature, "texts": texts, "shape": shape}


@pytest.fixture(scope="module")
def answers(version):
    questions = [
        question(TEXTS),
        question(TEXTS, signature="serving_default"),
        question([]),
        question(["star"]),
        # Not with its alignments: they are 135 million numbers.
        question(["star", "a" * 3000] + ["drawer"] * 62, signature="serving_default"),
        question(["star"], shape=[]),
        question(["star", "rats"], shape=[2, 1]),
        question(["star"], shape=[], signature="serving_default"),
    ]
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(version)],
        input="\n".join(map(json.dumps, questions)),
        capture_output=True,
        text=True,
        timeout=180,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def test_same_answers_to_the_byte(pipeline, answers):
    predictions = pipeline.predict(TEXTS, batch_size=3)
    for answer in answers[:2]:
        assert answer["text"] == [prediction.text for prediction in predictions]
        np.testing.assert_allclose(
            answer["log_prob"], [p.log_prob for p in predictions], rtol=1e-5
        )


def test_same_alignments(pipeline, answers):
    answer = answers[0]
    shape = answer["shapes"]["alignment"]
    alignment = np.reshape(answer["alignment"], shape)
    tokens = np.reshape(answer["tokens"], answer["shapes"]["tokens"])
    starts = np.reshape(answer["source_start"], answer["shapes"]["source_start"])
    for row, prediction in enumerate(pipeline.predict(TEXTS)):
        t, s = answer["length"][row], answer["source_length"][row]
        assert list(tokens[row, :t]) == prediction.tokens
        assert list(starts[row, :s]) == [a for a, _ in prediction.source_offsets]
        np.testing.assert_allclose(
            alignment[row, :t, :s], prediction.alignment, atol=1e-5
        )
        assert not alignment[row, t:].any()
        assert not alignment[row, :, s:].any()


def test_zero_rows(answers):
    assert answers[2]["text"] == []
    assert all(shape[0] == 0 for shape in answers[2]["shapes"].values())


def test_batch_mates_change_nothing(answers):
    alone, among = answers[3], answers[4]
    assert alone["text"] == among["text"][:1]
    assert alone["log_prob"] == pytest.approx(among["log_prob"][:1], rel=1e-5)
    assert len(among["text"]) == 64
    assert len(set(among["text"][2:])) == 1


@pytest.mark.parametrize("place", [5, 6, 7])
def test_wrong_rank_is_refused(answers, place):
    assert answers[place]["code"] == "INVALID_ARGUMENT"
    assert "is not compatible with expected shape [?]" in answers[place]["message"]
