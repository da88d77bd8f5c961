"""A file predicted by Apache Beam on one and two workers: the bytes of one process."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from keras_attention.text import CharacterTokenizer
from tests.tiny_pipeline import tiny_pipeline

pytestmark = [pytest.mark.offline, pytest.mark.tensorflow_only]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "05_predict_file.py"
LINES = 10_000


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with an export, a file of lines, and what one process answers."""
    folder = tmp_path_factory.mktemp("offline")
    pipeline = tiny_pipeline(CharacterTokenizer(list("abcdeé")))
    pipeline.export(folder / "model", version=1)
    draw = random.Random(0)
    lines = [
        "".join(draw.choices("abcdeé?", k=draw.randint(0, 20))) for _ in range(LINES)
    ]
    (folder / "texts").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    answers = [answer.text for answer in pipeline.predict(lines)]
    assert len(set(answers)) > LINES / 10
    (folder / "expected").write_text("".join(f"{text}\n" for text in answers), "utf-8")
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_answers_are_those_of_one_process(work, workers):
    python = ROOT / os.environ["OFFLINE_PYTHON"]
    command = [python, EXAMPLE, "model/1", "texts", "answers"]
    done = subprocess.run(
        [*command, f"--direct_num_workers={workers}"],
        cwd=work,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (work / "answers").read_bytes() == (work / "expected").read_bytes()
    assert not list(work.glob("answers-*"))
