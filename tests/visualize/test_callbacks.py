"""Pictures while a model trains: files, TensorBoard's events, a moving picture."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from keras_attention.visualize import AlignmentPictures

pytestmark = pytest.mark.tensorflow_only


def test_pictures_and_predictions_of_every_second_epoch(tmp_path):
    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from keras_attention.text import CharacterTokenizer

    letters = CharacterTokenizer(list("abc"))
    size = letters.vocabulary_size
    decoder = ka.AttentionDecoder(keras.layers.GRUCell(8), ka.BahdanauAttention(4))
    model = ka.Seq2Seq(ka.RecurrentEncoder(4), decoder, size, size, 4)
    model.compile("adam", ka.losses.MaskedCrossentropy())
    pipeline = ka.TextToText(model, letters, letters)
    pairs = [("abc", "cba"), ("a", "a")]
    folder, logs = tmp_path / "pictures", tmp_path / "logs"
    pictures = AlignmentPictures(pipeline, pairs, folder, logs, every=2)
    model.fit(
        pipeline.dataset(pairs, batch_size=2), epochs=4, verbose=0, callbacks=[pictures]
    )

    assert [seen.epoch for seen in pictures.history] == [2, 4]
    first, last = (seen.scored[0].alignment for seen in pictures.history)
    assert first.shape == last.shape == (4, 4) and not np.array_equal(first, last)
    found = {path.name for path in folder.iterdir()}
    images = {f"epoch-00{epoch}-{pair}.png" for epoch in (2, 4) for pair in (0, 1)}
    assert found == images | {"predictions.tsv", "forming-0.gif", "forming-1.gif"}
    with Image.open(folder / "forming-0.gif") as moving:
        assert moving.n_frames == 2
    lines = (folder / "predictions.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    expected = [
        [str(seen.epoch), *pair, answer.text]
        for seen in pictures.history
        for pair, answer in zip(pairs, seen.predictions, strict=True)
    ]
    assert [row[:4] for row in rows] == expected
    events = EventAccumulator(str(logs)).Reload()
    tensors = events.Tensors("alignment/1")
    assert [event.step for event in tensors] == [2, 4]
    assert (
        events.Tensors("prediction/0")[0].tensor_proto.string_val[0].startswith(b"ab")
    )


def test_nothing_to_look_at_is_refused():
    with pytest.raises(ValueError, match="Received: 0 pairs, every=1"):
        AlignmentPictures(None, [])
