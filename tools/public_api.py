"""The public interface as text: each name, its arguments and methods, and all flags.

python -m tools.public_api            # what differs from tests/public_api.txt
python -m tools.public_api --write    # writes it anew

What is public is said in docs/architecture.md, what a change of it needs in
CONTRIBUTING.md.
"""

import argparse
import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).parents[1] / "tests" / "public_api.txt"
OURS = ("keras_attention", "serving", "alignment_report")
ROOMS = (
    "alignment_report",
    "keras_attention",
    *(f"keras_attention.{name}" for name in ("alignments", "copying", "evaluate")),
    *(
        f"keras_attention.{name}"
        for name in ("losses", "metrics", "migrate", "readouts")
    ),
    *(f"keras_attention.{name}" for name in ("recipes", "schedules", "scores")),
    *(f"keras_attention.{name}" for name in ("text", "visualize")),
    "serving",
    *(f"serving.{name}" for name in ("aio", "embedded", "errors")),
)
ADVICE = """\
The public interface is not that of tests/public_api.txt (- there, + here).
If that was not meant, change it back. If it was: a - line breaks somebody's code, so
the old form has to work for one more minor version, with a DeprecationWarning
(CONTRIBUTING.md, "Changes users see"). Then `python -m tools.public_api --write`, and a
line in CHANGELOG.md.
"""


def lines() -> list[str]:
    """The interface, sorted: a line for each name, method and flag."""
    public = {
        f"{room}.{name}": getattr(module, name)
        for room in ROOMS
        for module in [importlib.import_module(room)]
        for name in names_of(module)
    }
    classes = {value for value in public.values() if inspect.isclass(value)}
    found = {
        line for path, value in public.items() for line in _of(path, value, classes)
    }
    return sorted(found | set(_of_command_lines()))


def difference() -> str:
    """What changed since the page was written, with what to do; empty if nothing."""
    wanted = PAGE.read_text(encoding="utf-8").splitlines()
    changes = difflib.unified_diff(wanted, lines(), lineterm="", n=0)
    marked = [line for line in changes if re.match(r"[+-](?![+-]{2})", line)]
    return "\n".join([ADVICE, *marked]) if marked else ""


def names_of(module: ModuleType) -> list[str]:
    """Names in `__all__`; without one, what the module itself defines."""
    if hasattr(module, "__all__"):
        return module.__all__
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
    ]


def _of(path: str, value: Any, classes: set[type]) -> Iterator[str]:
    if inspect.isclass(value):
        yield from _of_class(path, value, classes - {value})
    elif inspect.isroutine(value):
        yield path + _arguments(value)
    elif inspect.ismodule(value):
        yield path
    elif isinstance(value, str | int | float):
        yield f"{path} = {value!r}"
    else:
        yield f"{path}: {type(value).__name__}"


def _of_class(path: str, value: type, listed: set[type]) -> Iterator[str]:
    """Its constructor, and what no listed class and nobody else has; `call` always."""
    line = path + _arguments(value)
    if issubclass(value, Exception):
        line += " is " + ", ".join(base.__name__ for base in value.__mro__[1:-2])
    yield line
    known = set(inspect.signature(value).parameters)
    for base in value.__mro__:
        ours = base.__module__.startswith(OURS)
        known |= {
            name
            for name, member in vars(base).items()
            if not ours
            or (base in listed and member is inspect.getattr_static(value, name))
        }
    for name in dir(value):
        if name.startswith("_") or name in known - {"call"}:
            continue
        if inspect.isroutine(inspect.getattr_static(value, name)):
            yield f"{path}.{name}" + _arguments(getattr(value, name))
        else:
            yield f"{path}.{name}"


def _arguments(function: Any) -> str:
    """Names, kinds and defaults; annotations are for the type checker."""
    signature = inspect.signature(function)
    bare = [
        parameter.replace(annotation=parameter.empty)
        for parameter in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=bare, return_annotation=signature.empty))
    # Functions and objects as defaults, without where they lie in memory.
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _of_command_lines() -> Iterator[str]:
    from keras_attention.recipes.commands import COMMANDS
    from serving.__main__ import COMMANDS as SERVING_COMMANDS

    programs = {
        "keras-attention": COMMANDS,
        "keras-attention-serving": SERVING_COMMANDS,
    }
    for program, commands in programs.items():
        for command, module in commands.items():
            parser = argparse.ArgumentParser(add_help=False)
            module.add_arguments(parser)
            for action in parser._actions:
                flag = " ".join(action.option_strings) or action.dest
                said = {
                    "takes": action.nargs,
                    "required": action.required or None,
                    "choices": action.choices and list(action.choices),
                    "default": action.default,
                }
                words = [f"{k}={v!r}" for k, v in said.items() if v is not None]
                yield " ".join([program, command, flag, *words])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help="write the page anew")
    if parser.parse_args().write:
        PAGE.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    changed = difference()
    print(changed or "as in tests/public_api.txt")
    return bool(changed)


if __name__ == "__main__":
    sys.exit(main())
