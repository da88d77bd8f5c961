"""Alignments while a model trains, as a Keras callback."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

from keras_attention.visualize.alignment_grids import animate_alignments
from keras_attention.visualize.alignment_plot import plot_alignment, set_title
from keras_attention.visualize.figures import pixels


class Seen(NamedTuple):
    """What the model did after an epoch.

    Attributes:
        epoch: Its number, from 1.
        predictions: `ka.Prediction` of each source.
        scored: `ka.ScoredText` of each pair: weights on the way to the given target, so
            that those of all epochs have the same rows.
    """

    epoch: int
    predictions: list[Any]
    scored: list[Any]


class AlignmentPictures(keras.callbacks.Callback):
    """Alignments and predictions of a few pairs after each epoch.

    Args:
        pipeline: `ka.TextToText` whose model is trained.
        pairs: Sources and their targets; of each a picture a time.
        folder: Gets `epoch-003-0.png` for each epoch and pair, `predictions.tsv` with
            epoch, source, target, prediction and its log-probability, and in the end
            `forming-0.gif` for each pair: its alignment over the epochs.
        tensorboard: A directory of logs: images `alignment/0`, and texts
            `prediction/0`, one a pair.
        every: Epochs from one picture to the next.

    Attributes:
        history: A `Seen` for each time, for `plot_alignments`.

    Raises:
        ValueError: There are no pairs, or `every` is below 1.

    Example:

        pictures = AlignmentPictures(pipeline, pairs[:3], "build/pictures", "logs")
        pipeline.model.fit(dataset, epochs=10, callbacks=[pictures])
    """

    def __init__(
        self,
        pipeline: Any,
        pairs: Sequence[tuple[str, str]],
        folder: str | os.PathLike[str] | None = None,
        tensorboard: str | os.PathLike[str] | None = None,
        every: int = 1,
    ) -> None:
        super().__init__()
        if not pairs or every < 1:
            raise ValueError(
                "`pairs` must hold a pair and `every` be positive. Received: "
                f"{len(pairs)} pairs, every={every}"
            )
        self.pipeline, self.pairs, self.every = pipeline, list(pairs), every
        self.folder = None if folder is None else Path(folder)
        self.tensorboard = tensorboard
        self.history: list[Seen] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self._writer: Any = None
        if self.tensorboard is not None:
            import tensorflow as tf

            self._writer = tf.summary.create_file_writer(os.fspath(self.tensorboard))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if (epoch + 1) % self.every:
            return
        sources, targets = zip(*self.pairs, strict=True)
        seen = Seen(
            epoch + 1,
            self.pipeline.predict(sources),
            self.pipeline.score(sources, targets),
        )
        self.history.append(seen)
        if self.folder is not None:
            self._write_files(self.folder, seen)
        if self._writer is not None:
            self._write_events(seen)

    def on_train_end(self, logs: Any = None) -> None:
        if self._writer is not None:
            self._writer.close()
        if self.folder is None or not self.history:
            return
        for place in range(len(self.pairs)):
            animate_alignments(
                {f"epoch {seen.epoch}": seen.scored[place] for seen in self.history},
                self.folder / f"forming-{place}.gif",
            )

    def _write_files(self, folder: Path, seen: Seen) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for place in range(len(self.pairs)):
            figure = self._figure(seen, place)
            figure.savefig(folder / f"epoch-{seen.epoch:03}-{place}.png")
        with open(folder / "predictions.tsv", "a", encoding="utf-8") as file:
            for pair, answer in zip(self.pairs, seen.predictions, strict=True):
                fields = (seen.epoch, *pair, answer.text, f"{answer.log_prob:.4f}")
                print(*fields, sep="\t", file=file)

    def _write_events(self, seen: Seen) -> None:
        import tensorflow as tf

        with self._writer.as_default(step=seen.epoch):
            for place, ((source, target), answer) in enumerate(
                zip(self.pairs, seen.predictions, strict=True)
            ):
                image = pixels(self._figure(seen, place))
                tf.summary.image(f"alignment/{place}", image[None])
                words = f"{source} → {answer.text} (expected {target})"
                tf.summary.text(f"prediction/{place}", words)
        self._writer.flush()

    def _figure(self, seen: Seen, place: int) -> Any:
        axes = plot_alignment(seen.scored[place], largest=1.0)
        set_title(axes, f"epoch {seen.epoch}")
        return axes.figure
