"""What is in an exported graph, and what is not."""

import importlib

import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

import keras_attention as ka
from keras_attention.exporting.checks import serving_ops

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
    assert {node.device for node in nodes} == {""}
    assert not [node.name for node in nodes if node.attr["_XlaMustCompile"].b]
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


def test_signatures(version):
    signatures = graph_of(version).signature_def
    expected = {
        "serving_default": {"text", "log_prob"},
        "align": {
            "text",
            "log_prob",
            "tokens",
            "length",
            "source_tokens",
            "source_start",
            "source_end",
            "source_length",
            "alignment",
        },
    }
    for name, outputs in expected.items():
        assert set(signatures[name].inputs) == {"text"}
        assert signatures[name].inputs["text"].dtype == types_pb2.DT_STRING
        assert set(signatures[name].outputs) == outputs
        for info in signatures[name].outputs.values():
            assert info.tensor_shape.dim[0].size == -1
