"""Pairs from a file, and errors that say where."""

import re
from pathlib import Path

import numpy as np
import pytest

from keras_attention.text import Pair, read_pairs

pytestmark = pytest.mark.tensorflow_only


def write(folder, data):
    path = folder / "pairs.tsv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_columns_by_number(tmp_path):
    path = write(tmp_path, "cat\tK AE1 T\tx\ndog\tD AO1 G\ty\n")
    assert read_pairs(path) == [("cat", "K AE1 T"), ("dog", "D AO1 G")]
    assert read_pairs(str(path), 2, 0) == [Pair("x", "cat"), Pair("y", "dog")]


def test_columns_by_name(tmp_path):
    path = write(tmp_path, "phones\tword\nK AE1 T\tcat\n")
    assert read_pairs(path, "word", "phones") == [("cat", "K AE1 T")]
    assert read_pairs(path, "word", 0) == [("cat", "K AE1 T")]


def test_byte_order_mark_line_ends_and_empty_lines_at_the_end(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbf a \tb\r\nc\t d\r\n\r\n \n")
    assert read_pairs(path) == [("a", "b"), ("c", "d")]


def test_separator_and_encoding(tmp_path):
    path = write(tmp_path, "é;ü\n")
    assert read_pairs(path, separator=";") == [("é", "ü")]
    path = write(tmp_path, "é;ü".encode("latin-1"))
    assert read_pairs(path, separator=";", encoding="latin-1") == [("é", "ü")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        ("", "utf-8"),
        ("\ufeff", "utf-8"),
        ("\ufeff", "utf-16-le"),
        ("\ufeff", "utf-16-be"),
        ("\ufeff", "utf-32-le"),
        ("\ufeff", "utf-32-be"),
    ],
)
def test_line_ends_and_byte_order_marks(tmp_path, end, mark, encoding):
    lines = ["aĊ\tb", "c č\td", ""]
    path = write(tmp_path, (mark + end.join(lines)).encode(encoding))
    wanted = [("aĊ", "b"), ("c č", "d")]
    assert read_pairs(path) == wanted
    assert read_pairs(path, encoding=encoding) == wanted
    assert read_pairs(path, encoding=encoding[:6].rstrip("-")) == wanted


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32-le"])
def test_files_put_together(tmp_path, encoding):
    # By `cat`, and by `paste`, which puts the mark into the second column.
    path = write(tmp_path, "a\tb\n\ufeffc\t\ufeff d\n\ufeff\n".encode(encoding))
    assert read_pairs(path, encoding=encoding) == [("a", "b"), ("c", "d")]
    path = write(tmp_path, "x\t\ufeffy\na\tb\n".encode(encoding))
    assert read_pairs(path, "x", "y", encoding=encoding) == [("a", "b")]


def test_a_file_that_does_not_decode_names_the_line(tmp_path):
    path = write(tmp_path, "é\tb\rc\td".encode("utf-16") + b"\x00")
    with pytest.raises(ValueError, match="line 2: expected utf-16, received byte 0x00"):
        read_pairs(path, encoding="utf-16")
    path = write(tmp_path, b"a\tb\r\xc3\xa9\xff\td\r")
    with pytest.raises(ValueError, match="line 2: .*byte 0xff at place 1"):
        read_pairs(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"separator": ""},
        {"separator": 3},
        {"source_column": 0.0},
        {"target_column": 1.5},
        {"target_column": None},
        {"source_column": b"word"},
        {"encoding": "utf-9"},
        {"path": "gs://bucket/pairs.tsv"},
        {"path": Path("s3://bucket/pairs.tsv")},
    ],
)
def test_arguments_that_are_none(tmp_path, wrong):
    ((name, value),) = wrong.items()
    arguments = {"path": write(tmp_path, "a\tb\n")} | wrong
    with pytest.raises(ValueError, match=f"`{name}` must .*Received: {name}="):
        read_pairs(**arguments)


def test_numbers_of_columns_from_numpy(tmp_path):
    path = write(tmp_path, "a b  c\n")
    found = read_pairs(path, np.int64(2), np.int32(0), separator=None)
    assert found == [("c", "a")]


def test_only_line_ends_end_a_line(tmp_path):
    path = write(tmp_path, "a\u2028b\tc\x0cd\n")
    assert read_pairs(path) == [("a\u2028b", "c\x0cd")]


def test_quotes_are_text(tmp_path):
    assert read_pairs(write(tmp_path, '"a\t"b"\n')) == [('"a', '"b"')]


def test_empty_file(tmp_path):
    assert read_pairs(write(tmp_path, "")) == []


@pytest.mark.parametrize(
    ("data", "columns", "line", "message"),
    [
        ("a\tb\nc\t \n", (0, 1), 2, "column 1 is empty"),
        ("a\tb\n\td\n", (0, 1), 2, "column 0 is empty"),
        ("a\tb\n\nc\td\n", (0, 1), 2, "column 0 is empty"),
        ("a\tb\nc\n", (0, 1), 2, "expected a column 1 .*received 1 column$"),
        ("a\tb\n", (0, 5), 1, "expected a column 5 .*received 2 columns"),
        ("a\tb\n", (-1, 1), 1, "expected a column -1"),
        ("word\tphones\na\tb\n", ("word", "target"), 2, "'target'.*'word', 'phones'"),
        ("word\tphones\na\n", ("word", "phones"), 2, "received 1 column"),
        (
            b"a\tb\nc\t\xe9\n",
            (0, 1),
            2,
            "expected utf-8, received byte 0xe9 at place 2",
        ),
    ],
)
def test_errors_name_file_and_line(tmp_path, data, columns, line, message):
    path = write(tmp_path, data)
    where = re.escape(f"{path}, line {line}: ")
    with pytest.raises(ValueError, match=f"^{where}.*{message}"):
        read_pairs(path, *columns)
