"""Training: epochs of `model.fit`, the best of which is kept."""

import contextlib
import dataclasses
import functools
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_attention as ka
from keras_attention.pipeline.part_checks import check_backend
from keras_attention.recipes import checkpoint, training_pairs
from keras_attention.recipes.checkpoint import Epoch
from keras_attention.recipes.defaults import recipe_for
from keras_attention.recipes.measures import better, measure
from keras_attention.recipes.parts import pipeline
from keras_attention.recipes.recipe import Recipe, Training, as_toml, read_recipe
from keras_attention.text import Pair, batches, encode
from keras_attention.text_to_text import TextToText

MODEL, RECIPE, DEVELOPMENT = "model.keras_attention", "recipe.toml", "development.tsv"
UNFINISHED = "unfinished.npz"
# Batches from one return to Python to the next: 2 ms of a step's 23 for 32 words.
_STEPS_PER_EXECUTION = 8

Say = Callable[[str], None]
_logger = logging.getLogger(__name__)


def train(
    pairs: Iterable[tuple[str, str]],
    development: Iterable[tuple[str, str]] | None = None,
    recipe: Recipe | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    say: Say = _logger.info,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | str = 0,
) -> TextToText:
    """Train a model on pairs of texts, and keep it as it was in its best epoch.

    Args:
        pairs: Source and target texts. A source may have several targets, which all
            count as right.
        development: Pairs to choose the best epoch by; None keeps some of the sources
            from training.
        recipe: What is trained, and how; None takes that of the run that is resumed,
            or one that fits the data's size.
        output: A directory for the model (`model.keras_attention`), the recipe
            (`recipe.toml`), the development pairs that were kept from training, and
            the state of a run that has not ended; None writes nothing.
        resume: Go on with the run that `output` holds, to the result that it would
            have had: what is kept of it is the state after its last whole epoch.
        say: Is told one line for each finding and each epoch.
        callbacks: Of Keras, called after the epoch was evaluated.
        verbose: As in `model.fit`: 1 shows a progress bar for each epoch.

    Returns:
        The pipeline; with `training.ensemble`, one of a `ka.Ensemble`.

    Raises:
        ValueError: There are no pairs, the recipe has what it may not, the state is
            that of another model, or Keras' backend is not TensorFlow.
        FileExistsError: `output` holds a finished model, or an unfinished one and
            `resume` is False.

    Example:

    >>> from keras_attention import recipes
    >>> pairs = [("ab", "ba"), ("abc", "cba"), ("bc", "cb"), ("ca", "ac")]
    >>> tiny = ["encoder.units=4", "decoder.cell.units=4", "training.epochs=1"]
    >>> recipe = recipes.with_settings(recipes.recipe_for(pairs), tiny)
    >>> len(recipes.train(pairs, recipe=recipe).predict(["ab"]))
    1
    """
    check_backend("predict")  # Of every epoch: better now than after the first.
    found = training_pairs.usable(Pair(*pair) for pair in pairs)
    if not found.pairs:
        raise ValueError("`pairs` must hold a pair at least. Received: none")
    folder = None if output is None else Path(output)
    if folder is not None:
        _check(folder, resume)
        if resume and recipe is None and (folder / RECIPE).exists():
            recipe = read_recipe(folder / RECIPE)
    recipe = recipe or recipe_for(found.pairs)
    notes = list(found.notes)
    if development is None:
        share = recipe.data.development_share
        kept, held_out = training_pairs.split(found.pairs, share)
    else:
        held_out = [Pair(*pair) for pair in development]
        kept, more = training_pairs.without(found.pairs, held_out)
        notes += more
    for note in notes:
        say(note)
    say(f"{len(kept)} pairs to train with, {len(held_out)} to choose by")

    def begins() -> None:
        """Write what stands beside the model, once it is known that a run goes on."""
        if folder is None:
            return
        _write(folder / RECIPE, as_toml(recipe))
        if development is None:
            lines = ("\t".join(pair) + "\n" for pair in held_out)
            _write(folder / DEVELOPMENT, "".join(lines))

    run = functools.partial(
        _Run,
        recipe,
        pairs=kept,
        held_out=held_out,
        say=say,
        callbacks=callbacks,
        verbose=verbose,
        begins=begins,
    )
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return _finished(run, recipe.training, Path(temporary))
    folder.mkdir(parents=True, exist_ok=True)
    return _finished(run, recipe.training, folder)


def score(pipeline: TextToText, pairs: Sequence[Pair], metric: str) -> float:
    """A measure of a pipeline's greedy answers, in per cent."""
    expected = training_pairs.references(pairs)
    sources = training_pairs.inputs(pipeline.input_names, list(expected))
    texts = [one.text for one in pipeline.predict(sources, batch_size=128)]
    return measure(metric, list(expected.values()), texts).value


def _check(folder: Path, resume: bool) -> None:
    finished = (folder / MODEL).exists() and not (folder / UNFINISHED).exists()
    if finished:
        raise FileExistsError(
            f"{folder} holds a finished model. Expected: another directory"
        )
    unfinished = (folder / RECIPE).exists()
    if unfinished and not resume:
        raise FileExistsError(
            f"{folder} holds an unfinished run. Expected: `resume`, or another "
            "directory"
        )


def _write(path: Path, text: str) -> None:
    # Not again: a full disk would leave half of what is there.
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def _finished(run: Callable[..., "_Run"], how: Training, folder: Path) -> TextToText:
    """The model, or the ensemble of those in folders of their own."""
    if how.ensemble == 1:
        return run(folder=folder, seed=how.seed).finished()
    members = []
    for place in range(how.ensemble):
        own = folder / f"member-{place + 1}"
        own.mkdir(exist_ok=True)
        members.append(run(folder=own, seed=how.seed + place).finished())
    first = members[0]
    together = TextToText(
        ka.Ensemble([member.model for member in members]),
        first.source_tokenizer,
        first.target_tokenizer,
    )
    together.save(folder / MODEL)
    return together


@dataclasses.dataclass
class _Run:
    """One model's training, in a folder of its own."""

    recipe: Recipe
    pairs: list[Pair]
    held_out: list[Pair]
    folder: Path
    seed: int
    say: Say
    callbacks: Sequence[keras.callbacks.Callback]
    verbose: int | str
    begins: Callable[[], None]

    @property
    def how(self) -> Training:
        return self.recipe.training

    def finished(self) -> TextToText:
        """The pipeline as it was in its best epoch, trained where it is not yet."""
        state, best = self.folder / UNFINISHED, self.folder / MODEL
        if state.exists() or not best.exists():
            self._train(state, best)
            state.unlink()
        return TextToText.load(best, compile=False)

    def _train(self, state: Path, best: Path) -> None:
        keras.utils.set_random_seed(self.seed)
        recipe, policy = self.recipe, keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.how.precision)
        try:
            trained = pipeline(recipe, self.pairs)
        finally:
            keras.config.set_dtype_policy(policy)
        rows = self._rows(trained)
        pairs = [tuple(pair) for pair in self.pairs]
        used = [
            pairs,
            recipe.source_tokenizer,
            recipe.features_tokenizer,
            recipe.target_tokenizer,
        ]
        self.data = hashlib.sha1(repr(used).encode()).hexdigest()
        updates = sum(1 for _ in self._dataset(rows, 0)) * self.how.epochs
        _compile(trained.model, self.how, updates // self.how.gradient_accumulation)
        history: list[Epoch] = []
        if state.exists():
            history = checkpoint.restore(state, trained.model, self.data)
            self.say(f"going on after epoch {len(history)}")
            self.begins()
        else:
            self.begins()
            checkpoint.save(state, trained.model, history, self.data)
        if not self._goes_on(history):
            return
        end = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self._begin(),
            on_epoch_end=lambda epoch, logs: self._end(
                trained, history, logs, state, best
            ),
        )
        trained.model.fit(
            self._dataset(rows, len(history)),
            initial_epoch=len(history),
            epochs=self.how.epochs,
            shuffle=False,
            callbacks=[end, *self.callbacks],
            verbose=self.verbose,
        )

    def _begin(self) -> None:
        self.start = time.perf_counter()

    def _end(
        self,
        trained: TextToText,
        history: list[Epoch],
        logs: dict[str, float],
        state: Path,
        best: Path,
    ) -> None:
        """Evaluates an epoch, keeps the model if it is the best, and the state."""
        metric = self.how.metric
        with _moving_average(trained.model, self.how):
            value = score(trained, self.held_out, metric)
            found = [epoch.score for epoch in history if epoch.best]
            new = better(metric, value, found[-1] if found else None)
            if new:
                trained.save(best)
        logs[metric] = value  # what other callbacks show
        loss, seconds = float(logs["loss"]), time.perf_counter() - self.start
        history.append(Epoch(len(history) + 1, loss, value, new, seconds))
        checkpoint.save(state, trained.model, history, self.data)
        self.say(
            f"epoch {len(history):3}  loss {loss:.4f}  {metric} "
            f"{value:.2f}{' *' if new else '  '} {seconds:.1f} s"
        )
        if not self._goes_on(history):
            trained.model.stop_training = True

    def _goes_on(self, history: list[Epoch]) -> bool:
        if len(history) >= self.how.epochs:
            return False
        best = max((epoch.epoch for epoch in history if epoch.best), default=0)
        return not self.how.patience or len(history) - best < self.how.patience

    def _rows(self, trained: TextToText) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Source and target ids of the pairs that are short enough."""
        sources, targets = zip(*self.pairs, strict=True)
        most = self.recipe.data.max_length
        rows = [
            (source, target)
            for source, target in zip(
                trained.encode(training_pairs.inputs(trained.input_names, sources)),
                encode(trained.target_tokenizer, targets),
                strict=True,
            )
            if max(len(source), len(target)) <= most
        ]
        if len(rows) < len(self.pairs):
            self.say(
                f"{len(self.pairs) - len(rows)} pairs are left out, longer than "
                f"data.max_length = {most} tokens"
            )
        if not rows:
            raise ValueError(f"no pair has at most data.max_length = {most} tokens")
        return [source for source, _ in rows], [target for _, target in rows]

    def _dataset(
        self, rows: tuple[list[np.ndarray], list[np.ndarray]], first: int
    ) -> tf.data.Dataset:
        return batches(
            *rows,
            batch_size=self.how.batch_size,
            tokens_per_batch=self.how.tokens_per_batch,
            seed=self.seed,
            first_pass=first,
        )


def _compile(model: keras.Model, how: Training, updates: int) -> None:
    warmup = min(how.warmup_steps, updates // 4)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(updates - warmup, 1),
        warmup_target=how.learning_rate,
        warmup_steps=warmup,
    )
    several = how.gradient_accumulation
    options = {
        "global_clipnorm": how.clip_norm,
        "gradient_accumulation_steps": several if several > 1 else None,
        "use_ema": how.ema_momentum > 0,
        "ema_momentum": how.ema_momentum or 0.99,
    }
    if how.weight_decay:
        optimizer = keras.optimizers.AdamW(
            schedule, weight_decay=how.weight_decay, **options
        )
    else:
        optimizer = keras.optimizers.Adam(schedule, **options)
    loss = ka.losses.MaskedCrossentropy(label_smoothing=how.label_smoothing)
    model.compile(optimizer, loss, steps_per_execution=_STEPS_PER_EXECUTION)
    model.optimizer.build(model.trainable_variables)


@contextlib.contextmanager
def _moving_average(model: keras.Model, how: Training) -> Iterator[None]:
    """The moving average in the place of the weights, for as long as this lasts."""
    if not how.ema_momentum:
        yield
        return
    own = [np.asarray(variable) for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own, strict=True):
            variable.assign(value)
