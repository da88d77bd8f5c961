"""Standard input of every command that reads texts, whoever wrote the lines."""

import codecs
import json
import subprocess
import sys

import pytest

from tests.serving.conftest import ROOT, environment

ENDS = ["\n", "\r\n", "\r", "\r\r\n"]
# What `cat` makes of files that begin with a byte order mark each.
CATENATED = ("\ufeff", "\ufeff")
STREAMS = [
    *(("", "", end, "utf-8") for end in ENDS),
    *(("\ufeff", "", end, "utf-8") for end in ENDS),
    *((*CATENATED, "\n", encoding) for encoding in ("utf-8", "utf-16", "utf-32-be")),
    ("\ufeff", "", "\r\n", "utf-16-le"),
]


def ask(server, command, data, *flags):
    """Standard output of a command that is given bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "serving", command, f"--server=127.0.0.1:{server.port}"]
        + ["--model=upper", *flags],
        input=data,
        capture_output=True,
        timeout=60,
        env=environment(),
        cwd=ROOT,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(("first", "second", "end", "encoding"), STREAMS)
def test_predict(server, first, second, end, encoding):
    data = f"{first}aĊ b{end}{second}c{end}".encode(encoding)
    assert ask(server, "predict", data) == (0, "AĊ B\nC\n", "")


@pytest.mark.parametrize(("first", "second", "end", "encoding"), STREAMS[-4:-1])
def test_the_others(server, first, second, end, encoding):
    data = f"{first}é{end}{second}c".encode(encoding)
    status, out, _ = ask(server, "n-best", data, "--json")
    assert [json.loads(line)["source"] for line in out.splitlines()] == ["é", "c"]
    data = f"{first}a\ty{end}{second}c\tz{end}".encode(encoding)
    status, out, _ = ask(server, "score", data, "--json")
    pairs = [json.loads(line) for line in out.splitlines()]
    assert [(pair["source"], pair["target"]) for pair in pairs] == [
        ("a", "y"),
        ("c", "z"),
    ]


@pytest.mark.parametrize("command", ["predict", "n-best", "score", "load"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\tb\r\xff\tc\r", "Received: byte 0xff in line 2"),
        (codecs.BOM_UTF16_LE + b"a", "Expected: utf-16. Received: byte 0x61 in line 1"),
    ],
)
def test_lines_that_do_not_decode(server, command, data, message):
    status, out, errors = ask(server, command, data)
    assert (status, out) == (1, "")
    assert message in errors and len(errors.splitlines()) == 1
