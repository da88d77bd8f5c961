"""What the project says of itself: names, metadata, and a README that runs."""

import configparser
import contextlib
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_attention as ka
import serving
from keras_attention.layer_support.oldest_versions import OLDEST
from tools import public_api

ROOT = Path(__file__).parent.parent
# Where programs are, if not this process's: an environment that has the wheel alone.
INSTALLED = os.environ.get("INSTALLED")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.mark.tensorflow_only
def test_every_public_name_has_a_docstring():
    for room in map(importlib.import_module, public_api.ROOMS):
        names = public_api.names_of(room)
        assert names, room.__name__
        for name in names:
            value = getattr(room, name)
            if callable(value) or inspect.ismodule(value):
                assert value.__doc__, f"{room.__name__}.{name}"
    for module in (ka, serving):
        assert module.__all__ == sorted(module.__all__)


@pytest.mark.tensorflow_only
def test_the_public_interface_is_the_one_written_down():
    changed = public_api.difference()
    assert not changed, changed


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("name", "changed", "line"),
    [
        (
            "generate",
            lambda step, renamed: None,
            "+keras_attention.generate(step, rena",
        ),
        (
            "AttentionState",
            None,
            "-keras_attention.AttentionState(score=(), alignment=(",
        ),
    ],
)
def test_a_change_of_it_is_shown(monkeypatch, name, changed, line):
    monkeypatch.setattr(ka, name, changed)
    shown = public_api.difference()
    assert "CHANGELOG.md" in shown and f"\n{line}" in shown


def test_nothing_deprecated_stays_longer_than_it_says():
    """Each warning names the version that the old form goes with."""
    now = tuple(map(int, ka.__version__.split(".")))
    found = 0
    for package in public_api.OURS:
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            ends = re.findall(r"goes with version (\d+)\.(\d+)", text)
            found += len(ends)
            assert len(ends) == text.count("DeprecationWarning"), path
            assert all(now[:2] < (int(x), int(y)) for x, y in ends), path
    assert found


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="AtentionDecoder"):
        _ = ka.AtentionDecoder


def test_versions_agree():
    assert re.fullmatch(r"\d+\.\d+\.\d+", ka.__version__)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {ka.__version__}\n" in citation
    assert setup_cfg()["metadata"]["version"] == "attr: keras_attention.__version__"


def test_all_has_every_extra_a_user_needs():
    extras = setup_cfg()["options.extras_require"]
    everything = re.search(r"\[(.*)\]", extras["all"]).group(1).split(",")
    ours = {"all", "browser", "dev", "docs", "examples"}
    alone = {"offline"}  # an environment of its own
    assert set(everything) == set(extras) - ours - alone


def test_extras_named_in_error_messages_exist():
    pattern = re.compile(r"keras-attention-seq2seq\[([\w,]+)\]")
    extras = set(setup_cfg()["options.extras_require"])
    named = {
        extra
        for package in ("keras_attention", "serving", "alignment_report")
        for path in (ROOT / package).rglob("*.py")
        for match in pattern.findall(path.read_text(encoding="utf-8"))
        for extra in match.split(",")
    }
    assert "plot" in named
    assert named <= extras


def test_links_between_documents_lead_somewhere():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    # In code, brackets and parentheses are no link.
    code = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(
            r"\]\(([^)#]+)(?:#[^)]*)?\)",
            code.sub("", document.read_text(encoding="utf-8")),
        )
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert not broken


def readme_blocks(language):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [code for name, code in FENCE.findall(text) if name == language]


@pytest.mark.tensorflow_only
def test_readme_runs(tmp_path):
    """All of it in order, on a free port: what a reader who pastes it would see."""
    layers, model, client = readme_blocks("python")
    serve, _ = readme_blocks("sh")
    assert serve.startswith("python -m serving serve ")
    environment = environment_of_commands(tmp_path)
    first = output_of(["python", "-c", layers + model], tmp_path, environment)
    shapes, path = first.splitlines()
    assert f"print(logits.shape, weights.shape)  # {shapes}:" in layers
    assert Path(tmp_path, path, "saved_model.pb").is_file()

    with served(serve, tmp_path, environment) as port:
        code = client.replace("8500", port)
        second = output_of(["python", "-c", code], tmp_path, environment)
    assert "['s', 't', 'a', 'r', '</s>']" in second


def environment_of_commands(folder):
    """An environment in which `python` and the programs are those that are tested."""
    if INSTALLED:
        found = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        found["PATH"] = os.pathsep.join([INSTALLED, os.environ["PATH"]])
        code = "import keras_attention; print(keras_attention.__file__)"
        file = output_of(["python", "-c", code], folder, found)
        assert Path(file).is_relative_to(Path(INSTALLED).parent), "not the wheel"
        return found
    programs = {"python": "", "keras-attention": "-m keras_attention"}
    programs["keras-attention-serving"] = "-m serving"
    for name, module in programs.items():
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        path.chmod(0o755)
    search = os.pathsep.join([str(path.parent), os.environ["PATH"]])
    return os.environ | {"PYTHONPATH": str(ROOT), "PATH": search}


def output_of(command, folder, environment):
    """What a command prints, which has to succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def served(command, folder, environment):
    """The port of a server that a line of README starts, on a free one."""
    command = command.replace("--port=8500", "--port=0 --host=127.0.0.1").rstrip()
    with subprocess.Popen(
        ["sh", "-c", f"exec {command}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            ready = next(line for line in server.stdout if line.startswith("ready "))
            yield re.search(r"\bport=(\d+)", ready).group(1)
        finally:
            server.terminate()
    assert server.returncode == 0


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_readme_commands_run(tmp_path):
    """From the demo's word list to a served model: few words, one epoch, small."""
    _, block = readme_blocks("sh")
    install, train, evaluate, predict, export, serve, ask = block.splitlines()
    assert install.startswith("pip install ")
    train = train.replace("dict_string()", "dict_string()[:9999]")
    tiny = ("encoder.units=8", "decoder.cell.units=8", "training.epochs=1")
    train += "".join(f" --set {setting}" for setting in tiny)
    environment = environment_of_commands(tmp_path)

    def run(line):
        return output_of(["sh", "-e", "-c", line], tmp_path, environment)

    assert "the model of the best epoch is models/pronounce/" in run(train)
    assert "\nWER " in run(evaluate)
    answer = run(predict)
    assert run(export) == "served/pronounce/1\n"
    with served(serve, tmp_path, environment) as port:
        server = f" predict --server=127.0.0.1:{port} "
        assert run(ask.replace(" predict ", server)) == answer


LATE = ("import keras_attention.text", "import keras_attention as ka; ka.TextToText")


@pytest.mark.parametrize("statement", LATE)
def test_missing_extra_says_what_to_install(statement):
    last = import_error("sys.modules['tensorflow'] = None", statement)
    assert 'pip install "keras-attention-seq2seq[tensorflow]"' in last


@pytest.mark.parametrize(
    ("name", "version", "statement"),
    [
        ("keras", "2.15.0", "import keras_attention"),
        ("keras", "3.14.1", "import keras_attention.losses"),
        ("tensorflow", "2.20.0", LATE[0]),
        ("tensorflow-text", "2.21.0", LATE[1]),
    ],
)
def test_what_is_too_old_is_named(name, version, statement):
    found = f"{{{name!r}: {version!r}}}.get(name, '99.0.0')"
    last = import_error(f"metadata.version = lambda name: {found}", statement)
    oldest = OLDEST[name]
    assert f"another version of {name}. Expected: {oldest} or newer" in last
    assert last.endswith(f"Received: {version}")


def test_the_oldest_versions_are_those_that_are_installed():
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    for name, version in OLDEST.items():
        assert f"\n    {name}>={version},<" in text


def import_error(before, statement):
    """The last line of a process that an import ends."""
    code = f"import os, sys\nfrom importlib import metadata\n{before}\n{statement}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError"), done.stderr
    return last
