"""The blocking client against the embedded server, over the loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent import futures

import grpc
import numpy as np
import pytest

import serving
from serving import errors
from serving.messages import predict_pb2
from tests.serving.toys import MIRRORED


@pytest.mark.parametrize("batch", [0, 1, 64])
def test_predict_answers_every_text(client, batch):
    texts = [f"row {index}" for index in range(batch)]
    found = client.predict(texts)
    assert [row.text for row in found] == [text.upper() for text in texts]
    assert [row.log_prob for row in found] == [-0.5 * len(text) for text in texts]
    assert all(row.alignment is None and row.tokens == [] for row in found)


@pytest.mark.parametrize("batch", [0, 1, 64])
def test_align_answers_every_text(client, batch):
    texts = ["one two three", "four five"][: max(batch, 1)] * (batch // 2)
    texts = texts or ["solo"] * batch
    found = client.align(texts)
    assert [row.text for row in found] == [text.upper() for text in texts]


def test_align_cuts_padding_off(client):
    long, short = client.align(["one two three", "été x"])
    assert short.tokens == ["éTé", "X"]  # capitals of ASCII only
    assert short.source_tokens == ["été", "x"]
    assert short.source_offsets == [(0, 5), (6, 7)]
    assert [b"\xc3\xa9t\xc3\xa9 x"[a:b].decode() for a, b in short.source_offsets] == [
        "été",
        "x",
    ]
    np.testing.assert_array_equal(short.alignment, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(long.alignment, np.eye(3)[::-1])
    assert long.tokens == ["ONE", "TWO", "THREE"]


def test_bytes_and_garbage_give_valid_text(client):
    garbage = [b"\xff\xfe", b"a\x00b\x00", "\u202eabc", "e\u0301", "x" * 200_000, ""]
    found = client.predict(garbage)
    assert len(found) == len(garbage)
    assert found[1].text == "A\x00B\x00"
    assert len(found[4].text) == 200_000
    assert found[0].text == "\ufffd\ufffd"
    assert found[5].text == ""


def test_options_are_repeated_and_defaults_filled_in(client):
    def texts(options):
        return [row.text for row in client.predict(["a", "b"], options)]

    assert texts({}) == ["A!", "B!"]
    assert texts({"suffix": "?"}) == ["A?", "B?"]
    assert texts({"suffix": ["x", b"y"], "times": [0, 3]}) == ["A", "Byyy"]
    assert texts({"times": np.int64(2)}) == ["A!!", "B!!"]
    assert client.predict([], {"times": 2}) == []


@pytest.mark.parametrize(
    "options, message",
    [
        ({"speed": 1}, "Expected: any of .*suffix.*times.*Received: .*speed"),
        ({"times": [1, 2, 3]}, r"times.*a scalar or 2 values. Received: shape \[3\]"),
        ({"times": 1.5}, "times.*Expected: int32. Received: 1.5"),
        ({"times": 2**40}, "times.*Expected: int32"),
        ({"times": "2"}, "times.*Expected: int32"),
        ({"suffix": 3}, "suffix.*Expected: strings"),
    ],
)
def test_wrong_options_are_named(client, options, message):
    with pytest.raises(ValueError, match=message):
        client.predict(["a", "b"], options)


def test_align_without_options_in_its_signature_refuses_them(client):
    with pytest.raises(
        ValueError, match=r"Expected: any of \[\]. Received: \['times'\]"
    ):
        client.align(["a"], {"times": 1})


def test_a_number_too_large_for_its_dtype_is_left_to_the_server(target):
    with serving.Client(target, model="numbers") as numbers:
        found = numbers.call({"a": [[1e300, 2]], "n": [3]})
    np.testing.assert_array_equal(found["two_a"], [[np.inf, 4]])


def test_n_best_drops_places_without_an_answer(client):
    def texts(options):
        return [[one.text for one in row] for row in client.n_best(["a", "b"], options)]

    assert texts(None) == [["A", "A?", "A??"], ["B", "B?", "B??"]]
    assert texts({"alternatives": [2, 1]}) == [["A", "A?"], ["B"]]
    assert client.n_best(["abc"])[0][2].log_prob == -3.5
    assert client.n_best([]) == []
    with pytest.raises(ValueError, match=r"Expected: any of \['alternatives'\]"):
        client.n_best(["a"], {"times": 1})


def test_score_pairs_texts_with_targets(client):
    one, other = client.score(["a b c", "dé"], ["xx", "y zzz"])
    assert (one.log_prob, other.log_prob) == (-2.0, -4.0)
    assert (one.tokens, other.tokens) == (["xx"], ["y", "zzz"])
    assert one.token_log_probs.tolist() == [-2]
    assert other.token_log_probs.tolist() == [-1, -3]
    assert one.source_tokens == ["a", "b", "c"] and other.source_offsets == [(0, 3)]
    assert one.alignment.shape == (1, 3) and other.alignment.shape == (2, 1)
    assert client.score([], []) == []


@pytest.mark.parametrize(
    "texts, targets, error, message",
    [
        (["a"], [], ValueError, "`target_texts` must be one for each"),
        (["a"], "b", TypeError, r"`target_texts` must be .* Expected: \[text\]"),
        (["a"], [3], TypeError, r"`target_texts\[0\]` must be text. Expected: str"),
        ("a", ["b"], TypeError, "`texts` must be a list"),
    ],
)
def test_wrong_arguments_of_score(client, texts, targets, error, message):
    with pytest.raises(error, match=f"^{message}"):
        client.score(texts, targets)


@pytest.mark.parametrize("texts", ["hello", b"hello", [1], [None], [["a"]]])
def test_texts_must_be_a_list_of_strings(client, texts):
    with pytest.raises(TypeError, match="Expected: "):
        client.predict(texts)


def test_a_lone_surrogate_is_no_text(client):
    with pytest.raises(ValueError, match=r"texts\[1\].*surrogates"):
        client.predict(["fine", "\ud800"])


def test_call_takes_lists_in_the_dtype_of_the_signature(target):
    with serving.Client(target, model="numbers") as numbers:
        found = numbers.call({"a": [[1, 2.5]], "n": [3]})
        assert found["two_a"].dtype == np.float32 and found["two_n"].dtype == np.int32
        np.testing.assert_array_equal(found["two_a"], [[2, 5]])
        np.testing.assert_array_equal(found["two_n"], [6])
        only = numbers.call({"a": np.ones((1, 2), "f"), "n": [3]}, outputs=["two_n"])
        assert set(only) == {"two_n"}
        total = numbers.call({"x": 3.0}, "total")
        assert total["sum"] == 3.0 and total["shape"].shape == (0,)
        with pytest.raises(ValueError, match="rectangular"):
            numbers.call({"a": [[1], [1, 2]], "n": [3]})
        with pytest.raises(ValueError, match="n.*Expected: int32. Received: .1.5"):
            numbers.call({"a": [[1, 2]], "n": [1.5]})


def test_call_carries_every_dtype(target):
    import ml_dtypes

    arrays = {}
    for name in MIRRORED:
        if name == "string":
            arrays[name] = np.array([["é", "a\0"], ["", "x" * 99]], object)
        elif name == "bfloat16":
            arrays[name] = np.array([1.5, -2.0], ml_dtypes.bfloat16)
        else:
            arrays[name] = np.array([[0, 1, 2]], name)
    with serving.Client(target, model="mirror") as mirror:
        found = mirror.call(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array)


def test_call_keeps_bytes_that_are_no_text(target):
    arrays = {name: np.zeros(1, name) for name in MIRRORED if name[0] not in "bs"}
    import ml_dtypes

    arrays |= {"bool": np.zeros(1, bool), "bfloat16": np.zeros(1, ml_dtypes.bfloat16)}
    with serving.Client(target, model="mirror") as mirror:
        found = mirror.call(arrays | {"string": [b"\xff\x00"]})
    assert found["string"][0].encode("utf-8", "surrogateescape") == b"\xff\x00"


def test_status_and_metadata_are_values(client):
    (status,) = client.status()
    assert status == serving.VersionStatus(1, "AVAILABLE", "OK", "")
    metadata = client.metadata()
    assert (metadata.name, metadata.version) == ("upper", 1)
    options = metadata.signatures["predict_with_options"]
    assert options.inputs["times"] == serving.TensorSpec("DT_INT32", (None,))
    np.testing.assert_array_equal(options.defaults["suffix"], [b"!"])


@pytest.mark.parametrize(
    "arguments, ask, error, code",
    [
        ({"model": "nope"}, "predict", errors.ModelNotFound, "NOT_FOUND"),
        ({"version": 9}, "predict", errors.ModelNotFound, "NOT_FOUND"),
        ({"label": "canary"}, "predict", errors.ModelNotFound, "INVALID_ARGUMENT"),
        ({"model": "nope"}, "status", errors.ModelNotFound, "NOT_FOUND"),
        ({"model": "nope"}, "metadata", errors.ModelNotFound, "NOT_FOUND"),
        ({"model": "numbers"}, "predict", errors.InvalidRequest, "INVALID_ARGUMENT"),
    ],
)
def test_errors_mean_something(target, arguments, ask, error, code):
    arguments = {"model": "upper"} | arguments
    with serving.Client(target, **arguments) as asked:
        with pytest.raises(error) as caught:
            asked.predict(["a"]) if ask == "predict" else getattr(asked, ask)()
    assert caught.value.code == code
    assert isinstance(caught.value.__cause__, grpc.RpcError)


class Refusing(grpc.GenericRpcHandler):
    """Refuses every call in the words that the caller puts into its signature."""

    def service(self, details):
        def refuse(request, context):
            name, _, words = request.model_spec.signature_name.partition(" ")
            context.abort(grpc.StatusCode[name], words)

        parse = predict_pb2.PredictRequest.FromString
        return grpc.unary_unary_rpc_method_handler(refuse, request_deserializer=parse)


@pytest.fixture(scope="module")
def refusing():
    """Asks a server that refuses."""
    with futures.ThreadPoolExecutor(1) as executor:
        server = grpc.server(executor, handlers=(Refusing(),))
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        retry = serving.Retry(attempts=1)
        with serving.Client(address, model="m", retry=retry, timeout=20) as client:
            yield client
        server.stop(None).wait()


FULL = "The batch scheduling queue to which this task was submitted is full; "


@pytest.mark.parametrize(
    "code, words, error",
    [
        ("UNAVAILABLE", f"{FULL}currently 10 batches enqueued", errors.Overloaded),
        ("UNAVAILABLE", f"{FULL}task size is 9 but", errors.Overloaded),
        ("UNAVAILABLE", "the server shuts down", errors.ServerUnavailable),
        ("RESOURCE_EXHAUSTED", "expected at most 1000 waiting", errors.Overloaded),
        (
            "RESOURCE_EXHAUSTED",
            "Run() timeout exceeded while waiting in batching queue",
            errors.DeadlineExceeded,
        ),
        ("DEADLINE_EXCEEDED", "Timed out waiting", errors.DeadlineExceeded),
        ("UNAUTHENTICATED", "no token", errors.AccessDenied),
        ("PERMISSION_DENIED", "not this model", errors.AccessDenied),
        ("UNIMPLEMENTED", "Method not found!", errors.NotSupported),
        ("CANCELLED", "the client has cancelled the call", errors.Cancelled),
        ("OUT_OF_RANGE", "too far", errors.InvalidRequest),
        ("DATA_LOSS", "bits", errors.ModelFailed),
    ],
)
def test_codes_and_messages_mean_something(refusing, code, words, error):
    with pytest.raises(errors.ServingError) as caught:
        refusing.call({"x": np.ones(1)}, f"{code} {words}")
    assert type(caught.value) is error
    assert caught.value.code == code
    nobody = "no server answers at " in str(caught.value)
    assert nobody == (error is errors.ServerUnavailable)
    assert str(caught.value).endswith(words)


def test_unknown_signature_is_told_apart(client):
    with pytest.raises(errors.SignatureNotFound) as caught:
        client.call({"text": ["a"]}, "foo")
    assert caught.value.code == "FAILED_PRECONDITION"
    with pytest.raises(errors.SignatureNotFound, match="has no signature 'foo'"):
        client.call({"text": [1.0]}, "foo")


def test_model_without_our_outputs_is_an_unexpected_response(target):
    with serving.Client(target, model="mirror") as mirror:
        with pytest.raises(errors.InvalidRequest):
            mirror.predict(["a"])
        with pytest.raises(errors.SignatureNotFound):
            mirror.align(["a"])


def test_nobody_there_is_unavailable():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, never listening
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
        retry = serving.Retry(attempts=1)
        with serving.Client(address, model="m", retry=retry) as lonely:
            with pytest.raises(errors.ServerUnavailable, match=address):
                lonely.predict(["a"])
            with pytest.raises(errors.DeadlineExceeded, match="no server answers at"):
                lonely.wait_until_ready(timeout=0.3)


def test_waiting_for_a_missing_model_ends(target):
    with serving.Client(target, model="nope") as asked:
        with pytest.raises(TimeoutError, match="not ready in time: Servable not"):
            asked.wait_until_ready(timeout=0.5)
    with serving.Client(target, model="upper") as asked:
        asked.wait_until_ready(timeout=10)


def test_message_limits_are_named(target):
    with serving.Client(target, model="upper", max_message_bytes=10_000) as small:
        with pytest.raises(errors.MessageTooLarge, match="larger than max"):
            small.predict(["x" * 20_000])
        assert small.predict(["x"])[0].text == "X"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"model": ""}, "model"),
        ({"model": "m", "version": 1, "label": "x"}, "`version` and `label` exclude"),
        ({"model": "m", "retry": None, "version": None}, None),
    ],
)
def test_constructor_checks_its_arguments(arguments, message):
    if message is None:
        serving.Client("127.0.0.1:1", **arguments).close()
    else:
        with pytest.raises(ValueError, match=message):
            serving.Client("127.0.0.1:1", **arguments)


def test_retry_attempts_are_those_of_grpc():
    with pytest.raises(ValueError, match="Expected: 1 to 5. Received: 6"):
        serving.Retry(attempts=6)


_ALONE = """
import sys
import serving
with serving.Client(sys.argv[1], model="upper") as client:
    assert client.predict(["a", "b"], {"times": 2})[1].text == "B!!"
    assert client.align(["a b"])[0].alignment.tolist() == [[0, 1], [1, 0]]
heavy = ("tensorflow", "keras", "jax", "torch", "ml_dtypes", "tensorflow_serving")
print([name for name in sys.modules if name.partition(".")[0] in heavy])
"""


def test_a_whole_call_loads_neither_tensorflow_nor_keras(target):
    from tests.serving.conftest import ROOT, environment

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _ALONE, target],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
