"""Generated tasks that cannot be done without looking at the source."""

import keras
import numpy as np

import keras_attention as ka

END, FIRST, SYMBOLS = 2, 3, 10
VOCABULARY = FIRST + SYMBOLS
# Too few for a sentence to pass through one vector, enough to attend.
UNITS, EPOCHS = 16, 10


def sentences(count, seed, shortest=3, longest=8):
    """Sources `[N, S]` of 3 to 8 symbols and the end, padded with 0."""
    random = np.random.default_rng(seed)
    ids = np.zeros((count, longest + 1), "int32")
    lengths = random.integers(shortest, longest + 1, size=count)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = random.integers(FIRST, VOCABULARY, size=length)
        row[length] = END
    return ids


def reverse(source):
    """The symbols in the opposite order, then the end."""
    target = np.zeros_like(source)
    for row, wanted in zip(source, target, strict=True):
        length = int(np.argmax(row == END))
        wanted[: length + 1] = [*row[:length][::-1], END]
    return target


def copy(source):
    return source


def shifted(target):
    """What the decoder is given: the start, then the target without its end."""
    given = np.concatenate([np.ones_like(target[:, :1]), target[:, :-1]], axis=1)
    return np.where(given == END, 0, given)


class UntilRight(keras.callbacks.Callback):
    """Stops when every sequence of a validation set has been right twice in a row."""

    def __init__(self, source, target):
        super().__init__()
        self.source, self.target = source, target
        self.times = 0

    def on_epoch_end(self, epoch, logs=None):
        right = accuracy(self.model, self.source, self.target)
        self.times = self.times + 1 if right == 1.0 else 0
        self.model.stop_training = self.times == 2


def accuracy(model, source, target):
    """Share of sequences that greedy search has right from the first id to the end."""
    ids = np.asarray(model.generate(source).ids)
    width = max(ids.shape[1], target.shape[1])
    ids, target = (np.pad(x, ((0, 0), (0, width - x.shape[1]))) for x in (ids, target))
    return float(np.mean((ids == target).all(axis=1)))


def learned(attention, task, seed=1, **decoder_options):
    """Accuracy on 500 sequences that training has not seen.

    The decoder starts from zeros: what it knows of the source came through attention.
    """
    keras.utils.set_random_seed(seed)
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(2 * UNITS), attention, bridge="zero", **decoder_options
    )
    encoder = ka.RecurrentEncoder(UNITS, "gru")
    model = ka.Seq2Seq(encoder, decoder, VOCABULARY, VOCABULARY, UNITS)
    source, held_out = sentences(12_000, seed), sentences(1_000, seed + 1)
    target, wanted = task(source), task(held_out)
    rate = keras.optimizers.schedules.CosineDecay(6e-3, EPOCHS * 120, 0.05)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0), ka.losses.MaskedCrossentropy()
    )
    model.fit(
        {"source_ids": source, "target_ids": shifted(target)},
        target,
        batch_size=100,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[UntilRight(held_out[500:], wanted[500:])],
    )
    return accuracy(model, held_out[:500], wanted[:500])
