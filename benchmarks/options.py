"""The command line that both benchmarks share."""

import argparse
import dataclasses
import importlib.util
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report, variants
from benchmarks.machine import usable_cores
from benchmarks.problem import MODELS, PRESETS, Sizes


def parser(
    benchmark: str, description: str, preset: str = "small"
) -> argparse.ArgumentParser:
    """A parser with everything but what is the benchmark's own."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{benchmark}", description=description
    )
    made.add_argument("--preset", choices=sorted(PRESETS), default=preset)
    for field in dataclasses.fields(Sizes):
        made.add_argument(f"--{field.name.replace('_', '-')}", type=_positive)
    made.add_argument(
        "--lengths",
        choices=("varied", "full"),
        default="varied",
        help="sources and targets of half to full length, or all of full length",
    )
    made.add_argument(
        "--model",
        choices=MODELS,
        default=MODELS[0],
        help="this package's default, or the one that a peer has",
    )
    made.add_argument("--variants", help="comma-separated; the first is the base")
    made.add_argument(
        "--before",
        type=Path,
        metavar="DIR",
        help="another checkout, whose `ours` runs beside as `before`",
    )
    made.add_argument("--threads", type=_positive, default=usable_cores())
    made.add_argument("--rounds", type=_positive, default=10)
    made.add_argument("--calls", type=_positive, default=5, help="in each round")
    made.add_argument("--results", type=Path, default=report.RESULTS)
    made.add_argument("--write-docs", action="store_true", help="renew the page")
    made.add_argument("--docs", type=Path, default=report.PAGE, help="the page")
    return made


def sizes(arguments: argparse.Namespace) -> tuple[Sizes, str]:
    """The sizes asked for, and a name that says where they are not the preset's."""
    name, changed = arguments.preset, {}
    for field in dataclasses.fields(Sizes):
        value = getattr(arguments, field.name)
        if value is not None:
            changed[field.name] = value
            name += f"-{field.name}{value}"
    if arguments.model != MODELS[0]:
        name += f"-{arguments.model}"
    if arguments.lengths != "varied":
        name += f"-{arguments.lengths}"
    return dataclasses.replace(PRESETS[arguments.preset], **changed), name


def chosen(
    made: argparse.ArgumentParser,
    arguments: argparse.Namespace,
    defaults: Sequence[str],
    refused: Sequence[str] = (),
) -> list[str]:
    """Variants to run: those named, or the defaults that are installed.

    By default a peer's model is run by ours and that peer.
    """
    torch = importlib.util.find_spec("torch") is not None
    before = [f"before:{arguments.before.resolve()}"] if arguments.before else []
    model = arguments.model
    if arguments.variants is None and model != MODELS[0]:
        return ["ours", model] + before
    if arguments.variants is None:
        return [n for n in defaults if torch or not n.startswith("torch")] + before
    names = arguments.variants.split(",")
    of_others = (
        *variants.LEXICAL,
        *variants.LAYERS,
        *variants.SERVED,
        *variants.ATTENTION,
    )
    refused = (*refused, *(name for name in of_others if name not in defaults))
    for name in names:
        if name not in variants.NAMES or name in refused:
            allowed = [n for n in variants.NAMES if n not in refused]
            made.error(f"--variants: expected some of {allowed}. Received: {name!r}")
        if not variants.computes(name, model):
            made.error(f"--variants: expected some that compute {model}: {name!r}")
        if name.startswith(("torch", "yoyodyne")) and not torch:
            made.error(f"--variants: {name} needs torch: pip install torch")
    if names[0] == "gemm" or len(set(names)) != len(names):
        made.error(f"--variants: expected a model first, none twice: {names}")
    return names + before


def command(benchmark: str, arguments: Sequence[str] | None) -> str:
    """The command that runs this again."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", f"benchmarks.{benchmark}", *given])


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more. Received: {value}")
    return value
