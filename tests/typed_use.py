"""What a type checker knows of the public calls; it is checked, never run.

By `make check` with the packages, by `make test-wheel` with `mypy --strict` against the
wheel, as a user's own file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import assert_type

import alignment_report
import keras_attention as ka
import serving
from keras_attention import recipes, text
from serving import aio, embedded


def layers(attention: ka.Attention) -> None:
    assert_type(ka.BahdanauAttention(units=8), ka.BahdanauAttention)
    assert_type(ka.RecurrentEncoder(8, "gru"), ka.RecurrentEncoder)
    assert_type(attention.num_heads, int)


def models(model: ka.Seq2Seq, folder: Path) -> None:
    letters = text.CharacterTokenizer.from_texts(["star"])
    assert_type(letters, text.CharacterTokenizer)
    assert_type(letters.vocabulary_size, int)
    options = ka.GenerationOptions(beam_size=4, alternatives=2)
    assert_type(model.generate([[3, 2]], options), ka.Generation)
    pipeline = ka.TextToText(model, letters, letters)
    assert_type(pipeline.predict(["star"], options), list[ka.Prediction])
    assert_type(pipeline.predict(["star"])[0].text, str)
    assert_type(pipeline.score(["star"], ["rats"]), list[ka.ScoredText])
    assert_type(pipeline.export(folder), Path)
    assert_type(ka.TextToText.load(folder / "model"), ka.TextToText)


def training(pairs: Sequence[tuple[str, str]]) -> None:
    recipe = recipes.recipe_for(pairs)
    assert_type(recipe, recipes.Recipe)
    assert_type(recipes.train(pairs, recipe=recipe), ka.TextToText)


def clients() -> None:
    with serving.Client("localhost:8500", model="reverse") as client:
        assert_type(client, serving.Client)
        assert_type(client.predict(["star"]), list[serving.Prediction])
        assert_type(client.n_best(["star"]), list[list[serving.Prediction]])
        assert_type(client.status(), list[serving.VersionStatus])
    error = serving.errors.ModelNotFound("none")
    assert_type(error.code, str | None)


async def awaited() -> None:
    async with aio.Client("localhost:8500", model="reverse") as client:
        assert_type(await client.predict(["star"]), list[serving.Prediction])


def server() -> None:
    options = embedded.ServerOptions(port=0)
    with embedded.Server({"reverse": Path("models/reverse")}, options) as running:
        assert_type(running, embedded.Server)
        assert_type(running.port, int)


def report(predictions: list[ka.Prediction]) -> None:
    alignment_report.write_report("report.html", ["star"], predictions)
    numbers = alignment_report.alignment_numbers([[1.0]])
    assert_type(numbers, alignment_report.AlignmentNumbers)
    assert_type(numbers.entropy, float)
