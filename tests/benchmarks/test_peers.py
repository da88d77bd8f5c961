"""Peers in environments of their own, and the models that are theirs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_attention as ka
from benchmarks import generate, options, peers, problem, train_step, variants
from benchmarks.variants import ours

pytestmark = pytest.mark.tensorflow_only
SIZES = problem.PRESETS["tiny"]


def _chosen(*given):
    parser = options.parser("generate", "")
    return options.chosen(parser, parser.parse_args(given), ("ours", "keras-careful"))


def test_a_peer_of_another_environment_has_one():
    assert set(variants.ENVIRONMENTS) <= set(variants.NAMES)
    assert set(variants.ENVIRONMENTS.values()) == set(peers.PACKAGES)
    assert peers.python(None) == sys.executable


@pytest.mark.slow
def test_an_environment_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setitem(peers.PACKAGES, "onnx", ())
    interpreter = Path(peers.python("onnx", tmp_path))
    assert interpreter.is_relative_to(tmp_path)
    found = subprocess.check_output(
        [interpreter, "-c", "import sys; print(sys.prefix)"]
    )
    assert found.decode().strip() == str(tmp_path / "onnx")
    left = tmp_path / "onnx" / "left"
    left.touch()
    assert Path(peers.python("onnx", tmp_path)) == interpreter and left.exists()
    # Of other packages it is made anew.
    monkeypatch.setitem(peers.PACKAGES, "onnx", (("--help",),))
    peers.python("onnx", tmp_path)
    assert not left.exists()


@pytest.mark.slow
def test_what_pip_does_not_find_is_said(tmp_path, monkeypatch):
    absent = ("--no-index", "surely-no-such-package")
    monkeypatch.setitem(peers.PACKAGES, "onnx", (absent,))
    with pytest.raises(SystemExit, match="no-such-package cannot be installed"):
        peers.python("onnx", tmp_path)
    # What is not complete is not taken for it.
    assert not (tmp_path / "onnx" / "installed").exists()


def test_a_model_of_a_peer_is_run_by_it_and_by_ours():
    assert _chosen() == ["ours", "keras-careful"]
    for model in ("yoyodyne", "addons"):
        assert _chosen(f"--model={model}") == ["ours", model]
    assert _chosen("--variants=onnx-loop,ours") == ["onnx-loop", "ours"]


@pytest.mark.parametrize(
    "given",
    [
        ["--variants=ours,addons"],
        ["--model=addons", "--variants=ours,keras-careful"],
        ["--model=addons", "--variants=yoyodyne"],
        ["--model=marian"],
    ],
)
def test_a_variant_computes_the_model_that_is_asked_for(given, capsys):
    with pytest.raises(SystemExit):
        _chosen(*given)
    assert "error" in capsys.readouterr().err


def test_onnx_runtime_does_not_train(capsys):
    with pytest.raises(SystemExit):
        train_step.main(["--variants=ours,onnx-step"])
    assert "onnx-step" in capsys.readouterr().err
    assert not {"onnx-step", "onnx-loop"} & set(generate.REFUSED)


@pytest.mark.parametrize("model", problem.MODELS)
def test_ours_computes_every_model(model):
    """Ids and log-probabilities are those of the formulas."""
    made = problem.without_end(problem.weights(SIZES, model=model))
    assert problem.model_of(made) == model
    source = problem.data(SIZES, 3, full=False)["source"]
    found = ours.build(made)[0].generate(source, ka.GenerationOptions(max_length=3))
    ids, log_probs = _greedy(made, source, 3)
    np.testing.assert_array_equal(np.asarray(found.ids), ids)
    np.testing.assert_allclose(np.asarray(found.log_probs), log_probs, rtol=1e-4)


def _greedy(made, sources, steps):
    """Greedy search as the model's definition has it, a row at a time."""
    found = [_row(made, row[row != problem.PAD], steps) for row in sources]
    return [ids for ids, _ in found], [total for _, total in found]


def _row(made, source, steps):
    embedded = made["source_embedding"][source]
    forward, last = _run(made, "forward", embedded)
    backward, first = _run(made, "backward", embedded[::-1])
    value = np.concatenate([forward, backward[::-1]], -1)
    h = c = np.zeros(made["cell/recurrent_kernel"].shape[0])
    if "bridge_h/kernel" in made:
        joined = np.concatenate([last[0], first[0], last[1], first[1]])
        h, c = (
            np.tanh(joined @ made[f"bridge_{s}/kernel"] + made[f"bridge_{s}/bias"])
            for s in "hc"
        )
    fed_back = "readout/kernel" in made
    fed, symbol, ids, total = np.zeros_like(h), problem.START, [], 0.0
    for _ in range(steps):
        inputs = made["target_embedding"][symbol]
        context = fed if fed_back else _attend(made, h, value)
        h, c = _cell(made, "cell", np.concatenate([inputs, context]), h, c)
        output = h
        if fed_back:
            joined = np.concatenate([_attend(made, h, value), h])
            output = fed = joined @ made["readout/kernel"]
        elif "bridge_h/kernel" in made:
            output = np.concatenate([h, context])
        logits = output @ made["output/kernel"] + made["output/bias"]
        symbol = int(logits.argmax())
        total += logits[symbol] - np.log(np.exp(logits - logits.max()).sum())
        total -= logits.max()
        ids.append(symbol)
    return ids, total


def _attend(made, query, value):
    hidden = query @ made["attention/query"] + value @ made["attention/key"]
    energies = np.exp(np.tanh(hidden) @ made["attention/v"])
    return energies / energies.sum() @ value


def _run(made, name, inputs):
    h = c = np.zeros(made[f"{name}/recurrent_kernel"].shape[0])
    outputs = []
    for one in inputs:
        h, c = _cell(made, name, one, h, c)
        outputs.append(h)
    return np.array(outputs), (h, c)


def _cell(made, name, inputs, h, c):
    gates = inputs @ made[f"{name}/kernel"] + h @ made[f"{name}/recurrent_kernel"]
    i, f, g, o = np.split(gates + made[f"{name}/bias"], 4)
    i, f, o = (1 / (1 + np.exp(-x)) for x in (i, f, o))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c
