"""Who may import whom."""

from __future__ import annotations

import ast

from tests.serving.conftest import ROOT

_FOREIGN = {"keras", "tensorflow", "tensorflow_text", "tensorflow_serving"}
_FOREIGN |= {"keras_attention"}


def test_nothing_imports_tensorflow_or_the_other_package():
    files = sorted((ROOT / "serving").rglob("*.py"))
    assert len(files) > 30
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.partition(".")[0] for name in names} & _FOREIGN, file
