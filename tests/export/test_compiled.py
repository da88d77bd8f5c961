"""Compiled signatures give the plain answers, and a server uses them when it can."""

import gc
import shutil
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import keras_attention as ka
from keras_attention.export.compiled_search import BEYOND, COLUMNS, ROWS
from keras_attention.text.special_symbols import END_ID, UNKNOWN_ID
from serving.server import Server, ServerOptions
from serving.server.batching import BatchingOptions, BatchingRunner, Scheduler
from serving.server.methods.predict import predict
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.compiled import with_compiled
from serving.server.versions.later import Later
from tests.export.conftest import TEXTS
from tests.export.session import Version

pytestmark = pytest.mark.tensorflow_only

ALL, NONE = np.ones(BEYOND, bool), np.zeros(BEYOND, bool)


@pytest.fixture(scope="module")
def loaded(version):
    return Version(version)


def source(rows, columns):
    """Sources of all lengths up to the longest, which comes first."""
    random = np.random.default_rng(rows)
    ids = random.integers(4, 10, (rows, columns))
    last = columns - 1 - np.arange(rows)[:, np.newaxis] % columns
    place = np.arange(columns)
    return np.where(place == last, END_ID, np.where(place > last, 0, ids)).astype(
        "int32"
    )


@pytest.mark.parametrize(
    "rows, columns, size", [(1, 1, (0, 0)), (3, 9, (2, 1)), (17, 12, (5, 2))]
)
def test_programs_give_the_plain_answers(loaded, rows, columns, size):
    ids, only = source(rows, columns), NONE.copy()
    plain = loaded.ask("compiled_ids", source_ids=ids)
    assert divmod(int(plain["size"]), len(COLUMNS)) == size
    only[plain["size"]] = True
    found = loaded.ask("compiled_ids", source_ids=ids, ready=only)
    for name in ("ids", "length", "size"):
        np.testing.assert_array_equal(found[name], plain[name], name)
    np.testing.assert_allclose(found["log_prob"], plain["log_prob"], rtol=1e-5)
    assert plain["length"].max() == plain["ids"].shape[1]


@pytest.mark.parametrize(
    "rows, columns", [(1, COLUMNS[-1] + 1), (ROWS[-1] + 1, 3), (0, 4)]
)
def test_the_plain_graph_answers_what_has_no_program(loaded, rows, columns):
    ids = source(rows, columns)
    found = loaded.ask("compiled_ids", source_ids=ids, ready=ALL)
    assert found["size"] == BEYOND
    assert found["ids"].shape[0] == found["length"].shape[0] == rows


def test_the_text_may_be_of_any_kind(loaded):
    text = np.array([text.encode() for text in TEXTS], object)
    plain = loaded.ask("serving_default", text=text)
    only = NONE.copy()
    only[loaded.ask("compiled_default", text=text)["size"]] = True
    for ready in (NONE, only):
        found = loaded.ask("compiled_default", text=text, ready=ready)
        assert found["text"].tolist() == plain["text"].tolist()
        np.testing.assert_allclose(found["log_prob"], plain["log_prob"], rtol=1e-5)


@pytest.mark.slow
def test_programs_say_what_unknown_words_looked_at(pipeline, tmp_path):
    model = ka.Seq2Seq.from_config(pipeline.model.get_config())
    model.set_weights(pipeline.model.get_weights())
    favoured = np.where(np.arange(model.target_vocabulary_size) == UNKNOWN_ID, 5, 0)
    model.output_layer.bias.assign_add(favoured.astype("float32"))
    tokenizers = pipeline.source_tokenizer, pipeline.target_tokenizer
    unreplaced = ka.TextToText(model, *tokenizers).predict(TEXTS)
    replacing = ka.TextToText(model, *tokenizers, replace_unknown=True)
    loaded = Version(replacing.export(tmp_path, max_beam_size=1))
    text = np.array([text.encode() for text in TEXTS], object)
    found = loaded.ask("compiled_default", text=text, ready=ALL)["text"].tolist()
    assert found == loaded.ask("serving_default", text=text)["text"].tolist()
    assert found != [prediction.text.encode() for prediction in unreplaced]


class Server1:
    """A version as a server loads it, without the server."""

    def __init__(self, path):
        self.later = Later()
        self.runner = with_compiled(SavedModelSession(path), "model", self.later)
        signature = self.runner._session.signatures["serving_default"]
        self.name = signature.inputs["text"].name
        self.fetches = [signature.outputs[name].name for name in ("log_prob", "text")]

    def ask(self, texts, runner=None, place=1):
        text = np.array([text.encode() for text in texts], object)
        fetches = self.fetches[place:]
        return (runner or self.runner).run({self.name: text}, fetches)[-1].tolist()

    def idle(self):
        """Waits until everything has been done that was put off until now."""
        done = threading.Event()
        self.later.put(done.set)  # after all that has to be done some time
        assert done.wait(120)


def test_a_size_is_compiled_once_it_was_asked_for(version, loaded):
    served = Server1(version)
    texts = ["star", "rats"]
    wanted = loaded.ask("serving_default", text=np.array([b"star", b"rats"], object))
    plain = wanted["text"].tolist()
    assert served.ask(texts) == plain == served.ask(texts, place=0)
    assert not served.runner.ready.any(), "nothing is done before the server is ready"
    served.later.start()
    served.idle()
    assert served.runner.ready.sum() == 1
    assert served.ask(texts) == plain
    merging = BatchingRunner(served.runner, Scheduler(BatchingOptions()))
    assert served.ask(texts, merging) == plain
    # Too long for any program; and another size, which has none yet.
    assert len(served.ask(["a" * 100])[0]) > 0
    assert served.ask(texts * 3) == plain * 3
    served.later.close()
    assert served.runner.ready.sum() <= 2


def test_an_unloaded_version_is_freed_although_something_waits(version):
    served = Server1(version)
    served.ask(["star"])
    session = weakref.ref(served.runner._session)
    later, served = served.later, None
    gc.collect()
    assert session() is None
    later.start()
    later.close()


_WITHOUT_XLA = """
import sys
import numpy as np
from pathlib import Path
from serving.server.refusal import Refusal
from serving.server.runtime import library
from tests.export.test_compiled import Server1

library.tensorflow()
library.disable_xla()
served = Server1(Path(sys.argv[1]))
first = served.ask(["star", "rats"])
served.later.start()
served.idle()
assert not served.runner.ready.any()
assert served.ask(["star", "rats"]) == first
# Nothing else is tried.
served.ask(["star"])
served.idle()
runner = served.runner
given = {runner._inputs[served.name]: np.array([b"star"], object)}
everything = np.ones_like(runner.ready)
try:
    runner._run(given, everything, 0)
except Refusal as refusal:
    assert refusal.message.startswith("XLA compilation disabled"), refusal.message
else:
    raise SystemExit("XLA was not needed")
for many in ([b"star" * 20], [b"a"] * 65):
    given = {runner._inputs[served.name]: np.array(many, object)}
    assert len(runner._run(given, everything, 0)[0]) == len(many)
"""


def test_without_xla_the_plain_graph_answers(version):
    run = subprocess.run(
        [sys.executable, "-c", _WITHOUT_XLA, str(version)],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stderr.count("model: the plain graph answers") == 1


@pytest.mark.slow
def test_versions_are_replaced_while_they_are_compiled(version, tmp_path):
    shutil.copytree(version, tmp_path / "letters" / "1")
    options = ServerOptions(host="127.0.0.1", port=0, poll_seconds=0)
    with Server({"letters": tmp_path / "letters"}, options) as running:
        models = running._models
        first = asked(models)
        shutil.copytree(version, tmp_path / "letters" / "2")
        models.refresh()
        second = asked(models)
    assert (first.model_spec.version.value, second.model_spec.version.value) == (1, 2)
    assert first.outputs["text"] == second.outputs["text"]


def asked(models):
    from serving.messages import predict_pb2, tensor_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "letters"
    text = request.inputs["text"]
    text.dtype = tensor_pb2.DT_STRING
    text.tensor_shape.dim.add().size = 1
    text.string_val.append(b"star")
    return predict(models.find, request, 0)
