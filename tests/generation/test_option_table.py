"""One table of options: what is in it is everywhere, and what is added to it too."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import keras_attention as ka
from keras_attention.generation.options.features import Features
from keras_attention.generation.options.option_table import OPTIONS
from keras_attention.generation.options.row_options import RowOptions

ROOT = Path(__file__).parents[2]
TABLE = "keras_attention/generation/options/option_table.py"

# Two options more; of the second kind, lists of ids, before those that there are.
ADDED = """    patience: Values = _option(
        "number", 0.5, "waits", high=2, contradiction=Contradiction(
            "temperature", _EXCEED, lambda some, most: some > most, rows="searching"
        )
    )
    wanted_tokens: IdLists = _option("ids", (), "ids that are wanted")
"""

# Everything that is made from the table, asked about these two.
ASKED = """
import inspect, json, os
import keras, numpy as np, tensorflow as tf
import keras_attention as ka
from keras_attention.generation.options.features import features
from keras_attention.generation.options.row_options import option_values, row_options
from keras_attention.pipeline import option_inputs
from keras_attention.text import CharacterTokenizer

assert ka.__file__.startswith(os.getcwd()), ka.__file__

def refused(make):
    try:
        make()
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        return str(error)

def rows(**options):
    options = ka.GenerationOptions(max_length=4, **options)
    made = row_options(option_values(options, 0, 2), 2)
    return made.patience.numpy().tolist(), made.wanted_tokens.numpy().tolist()

def greedy(**options):
    return features(ka.GenerationOptions(**options)).greedy

@tf.function(autograph=False)
def in_a_graph(patience, ids):
    return str([greedy(patience=patience), greedy(wanted_tokens=ids)])

letters = CharacterTokenizer(["a", "b"])
inputs = option_inputs.option_inputs(4, alternatives=True)

@tf.function
def read(given):
    return option_inputs.read(given, letters, 4)

def served(**given):
    given = {name: option.array() for name, option in inputs.items()} | given
    return read({name: tf.constant(value) for name, value in given.items()})

keras.utils.set_random_seed(0)
model = ka.Seq2Seq(
    ka.RecurrentEncoder(4),
    ka.AttentionDecoder(keras.layers.GRUCell(4), ka.BahdanauAttention(4)),
    source_vocabulary_size=6, target_vocabulary_size=6, embedding_dim=4,
)
pipeline = ka.TextToText(model, letters, letters)
options = ka.GenerationOptions(patience=1.0, wanted_tokens=[4], max_length=3)
contradiction = {"patience": [1.5], "temperature": [1.0]}
print(json.dumps({
    "arguments": [*inspect.signature(ka.GenerationOptions).parameters],
    "default": repr(ka.GenerationOptions()),
    "doc": ka.GenerationOptions.__doc__,
    "range": refused(lambda: ka.GenerationOptions(patience=[0.0, 3.0])),
    "kind": refused(lambda: rows(wanted_tokens=[-3])),
    "row counts": refused(
        lambda: ka.GenerationOptions(patience=[1.0] * 3).check_rows(2)
    ),
    "contradiction": refused(lambda: ka.GenerationOptions(**contradiction)),
    "rows": [rows(), rows(patience=[0.0, 1.0], wanted_tokens=[[4], [4, 5]])],
    "greedy": [greedy(), greedy(patience=1.0), greedy(wanted_tokens=[4])],
    "greedy in a graph": in_a_graph(
        tf.constant([0.5, 0.5]), tf.constant([[4], [-1]])
    ).numpy().decode(),
    "inputs": {
        name: [inputs[name].dtype.name, str(inputs[name].default)]
        for name in ("patience", "wanted_tokens")
    },
    "read": {
        name: value.numpy().tolist()
        for name, value in served(
            patience=[1.0], wanted_tokens=["b a"], prefix=["a"], banned_tokens=["b"]
        ).items()
        if name in ("patience", "wanted_tokens", "prefix", "banned_tokens")
    },
    "served range": refused(lambda: served(patience=[3.0])),
    "served token": refused(lambda: served(wanted_tokens=["c"])),
    "served contradiction": refused(lambda: served(**contradiction)),
    "predicted": len(pipeline.predict(["ab", "a"], options)),
}))
"""


@pytest.mark.tensorflow_only
def test_an_option_that_is_added_to_the_table_is_everywhere(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        ROOT / "keras_attention", tmp_path / "keras_attention", ignore=ignored
    )
    table = tmp_path / TABLE
    before, after = table.read_text().split("    banned_tokens: IdLists", 1)
    table.write_text(f"{before}{ADDED}    banned_tokens: IdLists{after}")
    run = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["arguments"][-4:-2] == ["patience", "wanted_tokens"]
    assert "patience=0.5, wanted_tokens=()" in found["default"]
    assert "patience: waits (default: 0.5)." in found["doc"]
    assert found["range"] == "`patience` must be in [0, 2]. Received: 3.0 in row 1"
    assert found["kind"] == "`wanted_tokens` must hold ids. Received: -3 in row 0"
    assert "`patience` must be one for all rows" in found["row counts"]
    broken = "`patience` must not exceed `temperature`. Received: patience=1.5, "
    assert found["contradiction"] == f"{broken}temperature=1.0 in row 0"
    assert found["rows"] == [
        [[0.5, 0.5], [[], []]],
        [[0.0, 1.0], [[4, -1], [4, 5]]],
    ]
    assert found["greedy"] == [True, False, False]
    assert found["greedy in a graph"] == "[None, None]"
    assert found["inputs"] == {
        "patience": ["float32", "0.5"],
        "wanted_tokens": ["string", "b''"],
    }
    assert found["read"] == {
        "patience": [1.0],
        "wanted_tokens": [[5, 4, -1]],
        "prefix": [[4, -1, -1]],
        "banned_tokens": [[5, -1, -1]],
    }
    assert "`patience` must be in [0, 2]. Received: 3 in row 0" in found["served range"]
    assert "`wanted_tokens` must hold tokens of" in found["served token"]
    assert broken in found["served contradiction"]
    assert found["predicted"] == 2


@pytest.mark.tensorflow_only
def test_every_option_is_everywhere():
    from keras_attention.pipeline.option_inputs import option_inputs

    names = list(OPTIONS)
    assert [field.name for field in fields(ka.GenerationOptions)] == names
    assert [field.name for field in fields(RowOptions)][: len(names)] == names
    assert list(option_inputs(4, alternatives=True)) == names


def test_every_part_of_the_search_is_a_feature_that_some_rows_have():
    parts = {}
    for option in OPTIONS.values():
        parts.setdefault(option.needs, set()).add(option.rows)
    # Only what modifies another option's part can do without one of its own.
    assert "all" not in parts.pop(None)
    assert parts.pop("search") == parts.pop("limit") == {"all"}
    assert set(parts) <= set(Features._fields)
    assert all(len(rows) == 1 for rows in parts.values())
