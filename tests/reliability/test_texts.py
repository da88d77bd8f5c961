"""Texts and batches of every kind, for an exported model behind a server."""

from __future__ import annotations

import unicodedata

import grpc
import numpy as np
import pytest
from hypothesis import strategies as st
from tensorflow_serving.apis import prediction_service_pb2_grpc

import serving
from serving.tensors.encoding import encode
from tests.export.conftest import pipeline, version
from tests.reliability.figures import keep
from tests.reliability.test_fuzz import fuzz
from tests.reliability.watched import texts, watched

__all__ = ["pipeline", "version"]  # fixtures

TEST = "tests/reliability/test_texts.py"
pytestmark = pytest.mark.reliability
SIGNATURES = ["serving_default", "align"]
#: The most rows that the batching takes.
MOST = 64


@pytest.fixture(scope="module", params=[(), ("--enable_batching",)], ids=["", "batch"])
def server(request, version, tmp_path_factory):
    folder, flags = tmp_path_factory.mktemp("server"), list(request.param)
    if flags:
        parameters = folder / "batching.config"
        parameters.write_text(f"max_batch_size {{ value: {MOST} }}")
        flags.append(f"--batching_parameters_file={parameters}")
    with watched({"letters": version.parent}, folder, *flags) as running:
        yield running


@pytest.fixture
def is_batching(request, server):
    return bool(request.node.callspec.params["server"])


@pytest.fixture(scope="module")
def client(server):
    with serving.Client(server.target, model="letters", timeout=300) as connected:
        yield connected


@pytest.fixture(scope="module")
def stub(server):
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.target, unlimited) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


STRANGE = [
    b"",
    b"\0",
    b"a\0b",
    b"\xff\xfe",
    b"\xed\xa0\x80",  # half a surrogate pair
    b"\xf4\x90\x80\x80",  # beyond Unicode
    b"\xc0\xaf",  # longer than it should be
    b"\xe2\x82",  # cut short
    "\u202eright to left".encode(),
    "שלום עולם".encode(),
    ("e" + "\u0301" * 500).encode(),
    "👩‍👩‍👧‍👦".encode() * 20,
    "\ufeffstar".encode(),
    "\u2028\u2029\x85".encode(),
    b"\r\n\t\x0b\x0c",
    unicodedata.normalize("NFD", "Ångström").encode(),
    b"star " * 200,
]
ANYTHING = st.one_of(
    st.sampled_from(STRANGE),
    st.binary(max_size=60),
    st.text(st.characters(codec="utf-8"), max_size=40).map(str.encode),
    st.tuples(st.binary(max_size=4), st.sampled_from(STRANGE)).map(b"".join),
)


def ask(stub, rows, signature="serving_default", options=()):
    request = texts("letters", *rows)
    request.model_spec.signature_name = signature
    # A row of defaults for each row, without which rows cannot be put together.
    for name, value in dict(options).items():
        tensor = encode(np.repeat(value, len(rows)))
        request.inputs[name].ParseFromString(tensor.SerializeToString())
    return stub.Predict(request, timeout=300).outputs


def check(stub, rows, signature, options=()):
    outputs = ask(stub, rows, signature, options)
    for name in ("text", "tokens", "source_tokens"):
        for item in outputs[name].string_val if name in outputs else ():
            item.decode("utf-8")
    for name in outputs:
        assert outputs[name].tensor_shape.dim[0].size == len(rows)
    if "source_end" in outputs:
        ends = np.array(outputs["source_end"].int64_val).reshape(len(rows), -1)
        for row, text in zip(ends, rows, strict=True):
            assert all(0 <= end <= len(text) for end in row)


@pytest.mark.parametrize("signature", SIGNATURES)
def test_answers_are_text_whatever_is_asked(server, stub, client, signature):
    options = client.metadata().signatures[signature].defaults
    check(stub, STRANGE, signature, options)
    rows, count = st.lists(ANYTHING, min_size=1, max_size=8), 150
    fuzz(count, rows, lambda drawn: check(stub, drawn, signature, options))
    keep(
        5,
        f"texts, {signature}",
        TEST,
        {
            "batches of strange texts": f"{count}",
            "answers that are no UTF-8": "0",
            "offsets outside the text as sent": "0",
        },
    )


def test_a_very_long_text(stub):
    """200 kB, of letters and of what no letter is."""
    for text in (b"star" * 50_000, b"\xcc\x81" * 100_000, b"\xff" * 200_000):
        check(stub, [text, b"star"], "serving_default")


def test_rows_do_not_know_of_each_other(server, stub):
    words = [text for text in STRANGE if len(text) < 100]
    alone = [ask(stub, [word]) for word in words]
    single = [answer["text"].string_val[0] for answer in alone]
    log_probs = [answer["log_prob"].float_val[0] for answer in alone]
    for size in (1, 2, 3, MOST - 1, MOST):
        rows = [words[index % len(words)] for index in range(size)]
        outputs = ask(stub, rows)
        expected = [single[index % len(words)] for index in range(size)]
        assert list(outputs["text"].string_val) == expected
        wanted = [log_probs[index % len(words)] for index in range(size)]
        assert np.allclose(outputs["log_prob"].float_val, wanted, rtol=1e-4)
    keep(
        6,
        "batches",
        TEST,
        {"rows at once": f"1, 2, 3, {MOST - 1}, {MOST}", "answers that differ": "0"},
    )


def test_batches_of_no_rows_and_of_one_too_many(stub, is_batching):
    assert ask(stub, [])["text"].tensor_shape.dim[0].size == 0
    rows = [b"star"] * (MOST + 1)
    if not is_batching:
        assert len(ask(stub, rows)["text"].string_val) == MOST + 1
        return
    with pytest.raises(grpc.RpcError) as caught:
        ask(stub, rows)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == (
        f"Task size {MOST + 1} is larger than maximum input batch size {MOST}"
    )


def test_shapes_that_no_signature_has(server, stub, client):
    """In every input of every signature, one after the other."""
    tried = 0
    for signature, found in client.metadata().signatures.items():
        if not found.inputs:
            continue
        for name in found.inputs:
            for shape in ([], [1, 1], [1, 1, 1]):
                request = texts("letters")
                request.model_spec.signature_name = signature
                for other, spec in found.inputs.items():
                    tensor = request.inputs[other]
                    tensor.Clear()
                    tensor.dtype = DTYPES[spec.dtype]
                    rank = len(spec.shape)
                    sizes = shape if other == name else [1] * rank
                    if other == name and len(shape) == rank:
                        sizes = [1] * (rank + 1)
                    for size in sizes:
                        tensor.tensor_shape.dim.add(size=size)
                    if spec.dtype == "DT_STRING":
                        tensor.string_val.append(b"star")
                with pytest.raises(grpc.RpcError) as caught:
                    stub.Predict(request, timeout=60)
                code = caught.value.code()
                assert code is grpc.StatusCode.INVALID_ARGUMENT, caught.value
                tried += 1
    check(stub, [b"star"], "serving_default")
    keep(7, "wrong shapes", TEST, {"wrong ranks, each refused": f"{tried}"})


DTYPES = {
    "DT_FLOAT": 1,
    "DT_INT32": 3,
    "DT_STRING": 7,
    "DT_INT64": 9,
    "DT_BOOL": 10,
}
