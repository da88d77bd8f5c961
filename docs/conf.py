"""Sphinx, with pages in Markdown and the reference from the docstrings."""

import re
from importlib.metadata import version as installed_version

from docutils import nodes
from latex2mathml.converter import convert

project = "keras-attention-seq2seq"
author = "The keras-attention-seq2seq authors"
copyright = f"2026, {author}"
version = release = installed_version(project)

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository
html_theme = "furo"
# Equations that a browser shows without a script and without a network.
html_math_renderer = "mathml"
html_css_files = ["equations.css"]
html_static_path = ["static"]
html_title = project
autodoc_member_order = "bysource"
# Of what Keras documents, Keras has the documentation.
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
napoleon_use_ivar = True
napoleon_custom_sections = [("Call arguments", "params_style"), "Inputs", "Outputs"]

_DISPLAY_MATH = re.compile(r"^( *)\$\$(.*?)\$\$", re.DOTALL | re.MULTILINE)
_INLINE_MATH = re.compile(r"\$([^$\n]+)\$")
_WIDE_SPACE = re.compile(r"\\q?quad\s*")
_CODE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?![`_])")
_TABLE = re.compile(r"^\|.*\|\n\|[-|]+\|\n(?:\|.*\|\n?)+", re.MULTILINE)


def _to_rst(app, what, name, obj, options, lines):
    """Docstrings write math, tables and code as Markdown does."""
    text = _TABLE.sub(_table, "\n".join(lines))
    text = _DISPLAY_MATH.sub(r"\n\1.. math::\n\n\1    \2\n", text)
    text = _INLINE_MATH.sub(r":math:`\1`", text)
    text = _CODE.sub(_code, text)
    lines[:] = text.split("\n")


def _table(match):
    header, _, *body = match.group(0).strip().split("\n")
    rows = [re.split(r"(?<!\\)\|", row.strip("|")) for row in (header, *body)]
    cells = [
        f"{'*' if first else ' '} - {cell.strip()}"
        for row in rows
        for first, cell in zip([True] + [False] * len(row), row, strict=False)
    ]
    indented = "\n".join(f"   {cell}" for cell in cells)
    return f".. list-table::\n   :header-rows: 1\n\n{indented}\n"


def _code(match):
    before = match.string[: match.start()]
    return match.group(0) if before.endswith(":") else f"``{match.group(1)}``"


def _visit_math(translator, node):
    # No browser breaks a line inside of an equation: wide spaces are where it may.
    parts = _WIDE_SPACE.split(node.astext())
    translator.body.append("&emsp;".join(map(convert, parts)))
    raise nodes.SkipNode


def _visit_math_block(translator, node):
    equation = convert(node.astext(), display="block")
    translator.body.append(f'<div class="equation">{equation}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    # Before napoleon, which splits "Returns:" at a colon unless it is in RST's code.
    app.connect("autodoc-process-docstring", _to_rst, priority=400)
