"""The command line from a file of pairs to an exported model."""

import json
import os
import signal
import subprocess
import sys

import pytest

from keras_attention.__main__ import main
from keras_attention.recipes.evaluation import evaluate, token_outcomes
from keras_attention.text_to_text import TextToText
from tests.alignment_report.reading import report_rows
from tests.recipes.test_training import PAIRS, TINY

pytestmark = pytest.mark.tensorflow_only

SETTINGS = [f"--set={setting}" for setting in TINY]


@pytest.fixture
def command(capsys):
    def run(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        found = capsys.readouterr()
        return status, found.out, found.err

    return run


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    lines = "".join(f"{source}\t{target}\n" for source, target in PAIRS)
    (folder / "words.tsv").write_text("small\tlarge\n" + lines)
    main(
        ["train", str(folder / "words.tsv"), "--source=small", "--target=large"]
        + [f"--output={folder / 'model'}", "--epochs=1", *SETTINGS]
    )
    return folder


def test_evaluate(files, command):
    status, out, _ = command("evaluate", files / "model")
    assert status == 0 and out.startswith("3 sources\nWER ")
    ask = ("evaluate", files / "model", files / "words.tsv", "--json", "--measure=per")
    status, out, _ = command(*ask)
    found = json.loads(out)
    assert status == 0 and found["sources"] == len(PAIRS)
    assert [figure["name"] for figure in found["figures"]] == ["PER"]
    assert sum(bucket["items"] for bucket in found["lengths"]) == len(PAIRS)


def test_evaluate_writes_a_report(files, command, tmp_path):
    path = tmp_path / "report.html"
    status, out, _ = command("evaluate", files / "model", f"--report={path}")
    rows = report_rows(path)
    assert status == 0 and out.startswith("3 sources\n") and len(rows) == 3
    accepted = dict(PAIRS)
    for row in rows:
        source = "".join(text for text, _ in row["pieces"])
        assert row["references"] == [accepted[source]]
        assert (row["error"] == 0) == (row["text"] == accepted[source])
        assert len(row["weights"]) == len(row["tokens"])


def test_outcomes_of_tokens(files):
    pipeline = TextToText.load(files / "model" / "model.keras_attention", compile=False)
    # One that is right by its own account, one in which only the end is.
    (own,) = pipeline.predict([PAIRS[0][0]])
    pairs = [(PAIRS[0][0], own.text), (PAIRS[1][0], "zzz")]
    found = evaluate(pipeline, pairs)
    log_probs, right = token_outcomes(pipeline, found)
    texts = [prediction.text for prediction in found.predictions]
    sizes = [len(one.tokens) for one in pipeline.score(found.sources, texts)]
    assert len(log_probs) == len(right) == sum(sizes)
    assert right[: sizes[0]].all()
    assert right[sizes[0] :].tolist() == [False] * (sizes[1] - 1) + [True]


def test_predict_keeps_the_order(files, command, tmp_path):
    words = [source for source, _ in PAIRS[::-1]]
    (tmp_path / "words").write_text("\n".join(words))
    ask = ("predict", files / "model", tmp_path / "words")
    status, plain, _ = command(*ask)
    assert status == 0
    (tmp_path / "words").write_bytes("\r".join(words).encode("utf-16"))
    assert command(*ask)[:2] == (0, plain)
    (tmp_path / "words").write_bytes(b"a\n\xff")
    status, written, said = command(*ask)
    assert (status, written) == (1, "") and "line 2: expected utf-8" in said
    (tmp_path / "words").write_text("\r\n".join(words) + "\r\n")
    status, columns, _ = command(*ask, "--output-format=tsv")
    rows = [line.split("\t") for line in columns.splitlines()]
    assert [row[0] for row in rows] == words
    assert [row[1] for row in rows] == plain.splitlines()
    several = ("--output-format=json", "--beam-size=3", "--alternatives=2")
    _, lines, _ = command(*ask, *several)
    found = [json.loads(line) for line in lines.splitlines()]
    assert [line["source"] for line in found] == words
    assert all(len(line["alternatives"]) == 1 for line in found)
    assert len(found[0]["alignment"][0]) == len(found[0]["source_tokens"])


def test_score_and_export(files, command, tmp_path):
    status, out, _ = command("score", files / "model", files / "words.tsv")
    rows = [line.split("\t") for line in out.splitlines()]
    assert status == 0 and [tuple(row[:2]) for row in rows] == PAIRS
    assert all(float(row[2]) < 0 for row in rows)
    status, out, _ = command("export", files / "model", tmp_path, "--max-beam-size=2")
    assert status == 0 and out.strip() == str(tmp_path / "1")
    assert (tmp_path / "1" / "saved_model.pb").exists()


def test_a_recipe_that_was_printed_can_be_given_back(files, command, tmp_path):
    columns = ("--source=small", "--target=large")
    words = ("train", files / "words.tsv", *columns, f"--output={tmp_path / 'new'}")
    _, out, _ = command(*words, *SETTINGS, "--print-recipe")
    (tmp_path / "recipe.toml").write_text(out)
    _, again, _ = command(
        *("train", files / "words.tsv", f"--output={tmp_path / 'new'}"),
        *(f"--recipe={tmp_path / 'recipe.toml'}", "--print-recipe"),
    )
    assert again == out and 'source = "small"' in out
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_tune(files, command, tmp_path):
    pytest.importorskip("optuna")
    columns = ("--source=small", "--target=large")
    words = ("tune", files / "words.tsv", *columns, f"--output={tmp_path}")
    status, out, errors = command(*words, "--trials=1", "--set=training.epochs=1")
    assert status == 0, errors
    assert out.startswith("wer ") and (tmp_path / "trials.sqlite").exists()
    assert "epochs = 1" in (tmp_path / "recipe.toml").read_text()


@pytest.mark.parametrize(
    "words, message",
    [
        (("train", "none.tsv", "--output=x"), "No such file or directory: 'none.tsv'"),
        (("predict", "none"), "There is no model. Expected: none"),
        (("evaluate", "none", "pairs.tsv"), "No such file or directory: 'pairs.tsv'"),
    ],
)
def test_what_is_not_there_is_named(words, message, command):
    status, _, errors = command(*words)
    assert status == 1 and message in errors and errors.count("\n") == 1


def _process(**environment):
    kept = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-m", "keras_attention", "predict", "none"],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_terminal_has_our_words_alone():
    done = _process()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("keras-attention: There is no model. Expected: none")
    assert done.stderr.count("\n") == 1


def test_what_tensorflow_says_when_it_ends_the_process_is_shown():
    done = _process(TF_XLA_FLAGS="--no_such_flag")
    assert done.returncode
    assert "Unknown flag in TF_XLA_FLAGS: --no_such_flag" in done.stderr


@pytest.mark.slow
def test_an_interrupted_run_says_what_is_kept(files, tmp_path):
    """Ctrl-C after the first epoch was reported."""
    words = ["train", files / "words.tsv", "--source=small", "--target=large"]
    words += [f"--output={tmp_path / 'model'}", *SETTINGS, "--set=training.epochs=500"]
    with subprocess.Popen(
        [sys.executable, "-m", "keras_attention", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        # Where tests run in the background they would hand down that it is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch   1"):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
        assert process.wait() == 130
    assert f"the best model so far is {tmp_path / 'model'}" in rest
    assert "--resume goes on" in rest
