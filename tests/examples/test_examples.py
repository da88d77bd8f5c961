"""Every example runs from start to end, as a reader would start it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.tensorflow_only


def run(name, *arguments, folder):
    """What the script prints; its exit status must be 0."""
    finished = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    ours = [line for line in finished.stderr.splitlines() if f"{name}:" in line]
    assert not ours, finished.stderr
    return finished.stdout


def test_each_example_has_a_test_here():
    listed = {path.name for path in EXAMPLES.glob("[0-9]*.py")}
    tested = set(re.findall(r'run\(\s*"(\w+\.py)"', Path(__file__).read_text("utf-8")))
    # By test_demo and test_predict_file.
    assert listed == tested | {"03_pronounce.py", "05_predict_file.py"}


def test_attention_by_hand(tmp_path):
    printed = run("01_attention_by_hand.py", folder=tmp_path)
    by_hand = re.findall(r"context by hand +(\[.*\])", printed)
    assert by_hand == re.findall(r"layer's context +(\[.*\])", printed)
    # softmax([1, 2, 3]) @ values
    assert by_hand[0] == "[0.7553, 0.9100]"
    (difference,) = re.findall(r"Largest difference of hand and layer: (\S+)", printed)
    assert float(difference) < 1e-6


@pytest.mark.slow
def test_dates(tmp_path):
    printed = run("02_dates.py", "--tiny", folder=tmp_path)
    assert "Of 20 dates that are not in the training set" in printed
    assert re.search(r"character error rate +\d+\.\d%", printed)


def test_own_score(tmp_path):
    printed = run("04_own_score.py", "--tiny", folder=tmp_path)
    assert re.search(r"\d+\.\d% of 20 new sequences are reversed", printed)
    assert "Loaded with its BiasedDotScore: the same answers: True." in printed


def demo(folder, **environment):
    """``make demo`` with the tiny recipe, in a folder that looks like the checkout."""
    for name in ("examples", "setup.cfg", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    python = folder / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / "venv/.demo").touch()  # installed already
    words = ["demo", "VENV=venv", "DEMO_ARGS=--tiny --output out"]
    return subprocess.run(
        ["make", "-f", ROOT / "Makefile", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_demo(tmp_path):
    """03_pronounce.py as ``make demo`` runs it, on a machine that has a proxy."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    finished = demo(tmp_path, PYTHONWARNINGS="default", **proxies)
    log = (tmp_path / "build/demo.log").read_text()
    # Nothing of TensorFlow's or of anybody else's.
    assert (finished.returncode, finished.stderr) == (0, ""), log
    printed = finished.stdout
    assert not re.search(r"(?m)^(WARNING|[IWEF]\d{4} )|absl|cuInit|oneDNN", printed)
    assert "03_pronounce.py:" not in log
    assert "200 words to learn from, 20 to be asked about." in printed
    assert re.search(r"(?m)^WER \d+\.\d\d \(", printed)
    assert "All 20 answers over gRPC equal this process's to the byte" in printed
    assert (tmp_path / "out/alignment.png").read_bytes().startswith(b"\x89PNG")
    figures = json.loads((tmp_path / "out/figures.json").read_text())
    assert figures["test_words"] == 20
    assert 0 <= figures["word_error_rate"] <= 1
    assert (tmp_path / "out/model/1/saved_model.pb").is_file()
    assert (tmp_path / "out/pronounce.keras_attention").is_file()
    # The command that it prints is one that can be typed in the same folder.
    assert "--model_base_path=out/model --port=8500" in printed
    assert "--rest_api_port=8501 --ui" in printed and "DEMO_ARGS=--ui" in printed


def test_demo_that_fails_shows_what_tensorflow_says(tmp_path):
    finished = demo(tmp_path, TF_XLA_FLAGS="--no_such_flag")
    assert finished.returncode
    assert "Unknown flag in TF_XLA_FLAGS: --no_such_flag" in finished.stderr


def test_pronounce_split_is_the_one_published(monkeypatch):
    """The first test words by SHA-1 of the word, whatever the order of the file."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = __import__("03_pronounce")
    words = example.pronunciations()
    parts = example.split(words, example.TEST_WORDS, example.TRAIN_WORDS)
    test = parts[0]
    assert [len(part) for part in parts] == [2_000, 25_000, 500]
    assert len({word for part in parts for word in part}) == 27_500
    assert list(test)[:4] == ["clemmer", "blocking", "hut", "moralists"]
    assert test["hut"] == ["HH AH T"]
    assert list(example.split(dict(reversed(words.items())), 5, 5)[0]) == list(test)[:5]
