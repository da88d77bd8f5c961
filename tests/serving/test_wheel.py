"""The wheel: what it holds, and that its client runs beside very little."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import keras_attention as ka
from tests.serving.conftest import ROOT

PACKAGES = ("keras_attention", "serving", "alignment_report")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What a wheel is made from, and a little more."""
    folder = tmp_path_factory.mktemp("wheel") / "source"
    folder.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in (*PACKAGES, "tests", "examples"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


@pytest.fixture(scope="module")
def wheel(source):
    """Made without a look at the network."""
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    command = [sys.executable, "-c", build]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (file,) = source.parent.glob("*.whl")
    return file


def test_wheel_holds_the_packages_and_their_data(source, wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        assert f"Version: {ka.__version__}" in archive.read(metadata).decode()
    expected = {
        path.relative_to(source).as_posix()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file()
    }
    assert held == expected


def _needed(*names):
    """These distributions and what they need."""
    found = set()
    for name in names:
        found |= {name}
        for line in importlib.metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                found |= _needed(requirement.name)
    return found


def _link(distribution, packages):
    """Puts an installed distribution into another folder of packages.

    Its own folders are linked; ``google`` belongs to many, so its parts are.
    """
    for file in importlib.metadata.files(distribution) or ():
        depth = 2 if file.parts[0] == "google" else 1
        part = Path(*file.parts[:depth])
        target = packages / part
        if ".." in part.parts or target.exists() or target.is_symlink():
            continue
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(Path(file.locate()).parents[len(file.parts) - 1] / part)


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """An environment with NumPy, grpcio, protobuf and the wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in _needed("numpy", "grpcio", "protobuf"):
        _link(name, packages)
    install = [sys.executable, "-m", "pip", f"--python={folder / 'bin' / 'python'}"]
    install += ["install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    install += ["--disable-pip-version-check", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def run(*command, cwd):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=cwd, env=kept
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_CLIENT = """
import asyncio, importlib.util, sys
import serving

heavy = ("tensorflow", "keras", "jax", "torch", "aiohttp", "grpc_health", "pytest")
assert not [name for name in heavy if importlib.util.find_spec(name)]
with serving.Client(sys.argv[1], model="upper") as client:
    assert client.align(["a b"])[0].alignment.tolist() == [[0, 1], [1, 0]]
    assert client.call({"text": ["x"]})["text"].tolist() == ["X"]


async def ask():
    async with serving.aio.Client(sys.argv[1], model="upper") as client:
        return (await client.predict(["a"], {"times": 2}))[0].text


print(asyncio.run(ask()), serving.__file__)
"""


def test_wheel_is_a_client_beside_numpy_grpc_and_protobuf(bare, target, tmp_path):
    text, file = run(bare / "python", "-c", _CLIENT, target, cwd=tmp_path).split()
    assert text == "A!!"
    assert Path(file).is_relative_to(bare.parent)


def test_console_script_is_not_shadowed_by_a_stray_folder(bare, target, tmp_path):
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "__init__.py").write_text("raise RuntimeError('stray')")
    script = bare / "keras-attention-serving"
    where = (f"--server={target}", "--model=upper")
    assert run(script, "status", *where, cwd=tmp_path) == "1\tAVAILABLE\n"
    assert run(script, "predict", *where, "hello", cwd=tmp_path) == "HELLO\n"
    load = run(script, "load", *where, "--duration=0.2", "hello", cwd=tmp_path)
    assert " answered, " in load


def test_server_says_what_it_misses_there(bare, toys, tmp_path):
    command = [bare / "keras-attention-serving", "serve", "--engine=embedded"]
    command += [f"--model_base_path={toys / 'upper'}", "--port=0"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "pip install 'keras-attention-seq2seq[" in done.stderr
