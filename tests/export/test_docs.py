"""The page on exporting runs as it stands, and names what there is."""

import re
from pathlib import Path

import pytest

from keras_attention.generation.options.option_table import OPTIONS
from keras_attention.pipeline.option_inputs import option_inputs
from tests.export.test_graph import INPUTS, OUTPUTS

pytestmark = pytest.mark.tensorflow_only

PAGE = Path(__file__).parents[2] / "docs" / "export.md"


def test_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    scope = {"__name__": "page"}
    exec("".join(blocks), scope)
    tokens = scope["output"]
    said = scope["serve"]["serving_default"](text=scope["tf"].constant(["abc"]))
    text = said["text"].numpy()[0].decode()
    spoken = [t for t in tokens if t not in ("</s>", "<s>")]
    spoken = ["\ufffd" if token == "<unk>" else token for token in spoken]
    assert text.startswith("".join(spoken)) and tokens
    assert "b'" in capsys.readouterr().out


def test_signatures_and_tensors_are_named():
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| `(?:text|token)`", text, re.MULTILINE) == [
        *INPUTS,
        "compiled_default",
    ]
    for name in set().union(*OUTPUTS.values()):
        shown = re.sub(r"_.*", "_...", name) if "state" in name else name
        shown = "memory_..." if "memory" in name else shown
        assert f"`{shown}`" in text, name


def test_inputs_that_differ_from_the_options_are_named():
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`,? ?)+)\| (\w+) \| (.*?) \|", text, re.MULTILINE)
    told = {
        name: (dtype, default)
        for names, dtype, default in rows
        for name in re.findall(r"\w+", names)
    }
    for name, given in option_inputs(10, alternatives=True).items():
        if given.dtype.name == "string":
            assert told[name] == ("string", '`""`')
        elif OPTIONS[name].default is None:
            assert told[name] == (given.dtype.name, "0")
        else:
            assert (name in told) == (given.default != OPTIONS[name].default)
