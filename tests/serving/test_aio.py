"""The asyncio client says what the blocking one says."""

from __future__ import annotations

import asyncio
import inspect

import numpy as np
import pytest

import serving
from serving import errors


def ask(target, question, **arguments):
    async def run():
        arguments.setdefault("model", "upper")
        async with serving.aio.Client(target, timeout=20, **arguments) as client:
            return await question(client)

    return asyncio.run(run())


def test_predict_and_align_equal_the_blocking_client(target, client):
    async def both(asked):
        return await asyncio.gather(
            asked.predict(["a", "é b"]),
            asked.align(["a", "é b"]),
            asked.predict(["a"], {"times": 3}),
            asked.n_best(["a"], {"alternatives": 2}),
            asked.score(["a"], ["xx y"]),
        )

    plain, aligned, optioned, best, scored = ask(target, both)
    assert [row.text for row in best[0]] == ["A", "A?"]
    assert scored[0].token_log_probs.tolist() == [-2, -1]
    assert [row.text for row in plain] == ["A", "é B"]
    assert [row.text for row in optioned] == ["A!!!"]
    for row, expected in zip(aligned, client.align(["a", "é b"]), strict=True):
        assert row.source_offsets == expected.source_offsets
        np.testing.assert_array_equal(row.alignment, expected.alignment)


def test_the_other_calls(target, client):
    async def others(asked):
        await asked.wait_until_ready(10)
        called = await asked.call({"text": ["x"]})
        return await asked.status(), await asked.metadata(), called

    status, metadata, called = ask(target, others)
    assert status == client.status()
    assert metadata.version == 1
    assert called["text"].tolist() == ["X"]


def test_errors_have_the_same_meaning(target):
    with pytest.raises(errors.ModelNotFound) as caught:
        ask(target, lambda asked: asked.predict(["a"]), model="nope")
    assert caught.value.code == "NOT_FOUND"
    assert caught.value.__cause__.details().startswith("Servable not found")
    with pytest.raises(errors.DeadlineExceeded):
        ask(target, lambda asked: asked.wait_until_ready(0.3), model="nope")
    with pytest.raises(TypeError):
        ask(target, lambda asked: asked.predict("a"))


def test_arguments_and_methods_are_those_of_the_blocking_client():
    ours, theirs = serving.aio.Client, serving.Client
    assert inspect.signature(ours) == inspect.signature(theirs)
    methods = {name for name in dir(theirs) if name[0] != "_"}
    assert methods == {name for name in dir(ours) if name[0] != "_"}
    for name in methods:
        signatures = (inspect.signature(getattr(c, name)) for c in (ours, theirs))
        assert next(signatures) == next(signatures), name
