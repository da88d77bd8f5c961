"""What is in an exported graph, and what is not."""

import importlib
from dataclasses import fields

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

import keras_attention as ka
from keras_attention.export.graph_checks import check_saved_model, serving_ops
from serving.server.refusal import Refusal
from tests.export.session import Version

pytestmark = pytest.mark.tensorflow_only


def graph_of(version):
    data = (version / "saved_model.pb").read_bytes()
    return saved_model_pb2.SavedModel.FromString(data).meta_graphs[0]


def nodes_of(meta_graph):
    graph = meta_graph.graph_def
    return [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]


def assert_portable(version):
    meta_graph = graph_of(version)
    nodes = nodes_of(meta_graph)
    functions = {f.signature.name for f in meta_graph.graph_def.library.function}
    ops = {node.op for node in nodes}
    assert not {op for op in ops if op.startswith("Cudnn")}
    assert ops - functions <= serving_ops()
    assert not [node.name for node in nodes if node.op == "NoOp" and "f" in node.attr]
    assert {node.device for node in nodes} == {""}
    check_saved_model(version)
    assert b"/device:" not in (version / "saved_model.pb").read_bytes()


def test_runs_anywhere(version):
    assert_portable(version)


def test_runs_anywhere_when_exported_beside_a_gpu(pipeline, tmp_path, monkeypatch):
    rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    monkeypatch.setattr(rnn, "_is_gpu_available", lambda: True)
    assert_portable(pipeline.export(tmp_path / "gpu"))


def test_runs_anywhere_after_training_with_xla(pipeline, tmp_path):
    model = ka.Seq2Seq.from_config(pipeline.model.get_config())
    model.compile("adam", loss=ka.losses.MaskedCrossentropy(), jit_compile=True)
    dataset = pipeline.dataset([("star", "rats"), ("rats", "star")], batch_size=2)
    model.fit(dataset, epochs=1, verbose=0)
    trained = ka.TextToText(model, pipeline.source_tokenizer, pipeline.target_tokenizer)
    assert_portable(trained.export(tmp_path / "xla"))


SOURCE = {"source_tokens", "source_start", "source_end", "source_length"}
TARGET = {"log_prob", "tokens", "length", "alignment"}
OPTIONS = {field.name for field in fields(ka.GenerationOptions)}
MEMORY = {"memory_keys", "memory_values", "memory_mask"}
STATE = {"state_cell_0_0", "state_cell_0_1"}
INPUTS = {
    "serving_default": {"text"},
    "predict_with_options": {"text"} | OPTIONS - {"alternatives"},
    "n_best": {"text"},
    "n_best_with_options": {"text"} | OPTIONS,
    "align": {"text"},
    "align_with_options": {"text"} | OPTIONS - {"alternatives"},
    "score": {"text", "target_text"},
    "encode": {"text"},
    "step": {"token"} | MEMORY | STATE,
}
OUTPUTS = {
    "serving_default": {"text", "log_prob"},
    "predict_with_options": {"text", "log_prob"},
    "n_best": {"text", "log_prob"},
    "n_best_with_options": {"text", "log_prob"},
    "align": {"text"} | TARGET | SOURCE,
    "align_with_options": {"text"} | TARGET | SOURCE,
    "score": {"token_log_prob"} | TARGET | SOURCE,
    "encode": SOURCE | MEMORY | STATE,
    "step": {"log_prob", "next_tokens", "next_log_prob", "weights"} | STATE,
}


COMPILED = {"compiled_default", "compiled_ids"}


def test_compiled_signatures_are_optional(pipeline, version, tmp_path):
    assert COMPILED < {*graph_of(version).signature_def}
    plain = pipeline.export(tmp_path, compiled=False)
    meta_graph = graph_of(plain)
    assert not COMPILED & {*meta_graph.signature_def}
    functions = [*meta_graph.graph_def.library.function]
    assert not [f for f in functions if f.attr["_XlaMustCompile"].b]


def test_signatures(version):
    signatures = graph_of(version).signature_def
    assert set(signatures) - {"__saved_model_init_op", *COMPILED} == set(INPUTS)
    for name in INPUTS:
        assert set(signatures[name].inputs) == INPUTS[name]
        assert set(signatures[name].outputs) == OUTPUTS[name]
        tensors = [
            *signatures[name].inputs.values(),
            *signatures[name].outputs.values(),
        ]
        assert {info.tensor_shape.dim[0].size for info in tensors} == {-1}
    for name, info in signatures["n_best_with_options"].inputs.items():
        assert info.dtype == DTYPES[name], name


DTYPES = {
    **dict.fromkeys(("text", "banned_tokens", "prefix"), types_pb2.DT_STRING),
    **dict.fromkeys(
        ("beam_size", "alternatives", "max_length", "min_length", "beam_groups")
        + ("top_k", "seed", "no_repeat_ngram"),
        types_pb2.DT_INT32,
    ),
    **dict.fromkeys(
        ("max_length_ratio", "length_penalty", "length_power", "word_bonus")
        + ("coverage_penalty", "diversity_penalty", "temperature", "top_p")
        + ("repetition_penalty",),
        types_pb2.DT_FLOAT,
    ),
    "sample": types_pb2.DT_BOOL,
}


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_every_option_has_its_default(version, name):
    written = graph_of(version).signature_def[name].defaults
    defaults = {option: tf.make_ndarray(value) for option, value in written.items()}
    assert set(defaults) == INPUTS[name] & OPTIONS
    several = name == "n_best_with_options"
    beams = {"beam_size": 10, "alternatives": 10} if several else {}
    for option, value in defaults.items():
        assert value.shape == (1,)
        wanted = beams.get(option, getattr(ka.GenerationOptions(), option))
        wanted = {None: 0, (): b""}.get(wanted, wanted)
        assert value[0] == pytest.approx(wanted) if wanted != b"" else b"" == value[0]


def test_the_largest_beam_is_exported(pipeline, tmp_path):
    version = pipeline.export(tmp_path, max_beam_size=3)
    for wrong in (0, -1, 2.0, True, None):
        with pytest.raises(ValueError, match="`max_beam_size` must be a positive"):
            pipeline.export(tmp_path, max_beam_size=wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    loaded, text = Version(version), np.array([b"star"], object)
    assert loaded.ask("n_best", text=text)["text"].shape == (1, 3)
    with pytest.raises(Refusal, match=r"3\]. Received: 4"):
        loaded.ask("n_best_with_options", text=text, beam_size=np.array([4], "int32"))
