"""A model with one mechanism learns to copy, and is asked for longer copies.

The decoder starts from zeros: what it knows of the source came through attention.
"""

import dataclasses
import datetime
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_attention as ka
from benchmarks import machine
from benchmarks.mechanisms import MECHANISMS

_END, _FIRST, _SYMBOLS = 2, 3, 10
_VOCABULARY = _FIRST + _SYMBOLS
_UNSEEN = 1_000_000  # No epoch has this number.


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all mechanisms share.

    Attributes:
        longest: Symbols of the longest sequences of the training, the shortest have 1.
        lengths: Symbols of the sequences that are asked about.
        count: Sequences of each such length.
        units: Of each direction of the encoder; the decoder has twice as many.
        embedding: Depth of the embeddings.
        batch: Sequences of an update.
        updates: Updates of an epoch.
        epochs: How many of them.
        rate: First learning rate, in thousandths; it goes down to a twentieth.
        seed: Of weights and data.
    """

    longest: int = 20
    lengths: tuple[int, ...] = (20, 40, 80, 160)
    count: int = 200
    units: int = 32
    embedding: int = 16
    batch: int = 64
    updates: int = 200
    epochs: int = 10
    rate: int = 5
    seed: int = 1


def sentences(random: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Random symbols and the end, `[count, length + 1]`."""
    ids = random.integers(_FIRST, _VOCABULARY, (count, length + 1), "int32")
    ids[:, -1] = _END
    return ids


class Copies(keras.utils.PyDataset):
    """New sequences for every update, of every length, padded to the same width.

    One shape means one compilation: XLA trains these small models several times as
    fast as a graph does.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting, self.epoch = setting, 0

    def __len__(self) -> int:
        return self.setting.updates

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        count, longest = self.setting.batch, self.setting.longest
        random = np.random.default_rng([self.setting.seed, self.epoch, index])
        target = sentences(random, count, longest)  # [B, T]
        lengths = random.integers(1, longest + 1, (count, 1))
        places = np.arange(longest + 1)
        target = np.where(places == lengths, _END, target)
        target = np.where(places > lengths, 0, target)
        given = np.concatenate([np.ones_like(target[:, :1]), target[:, :-1]], axis=1)
        given = np.where(given == _END, 0, given)
        return {"source_ids": target, "target_ids": given}, target

    def on_epoch_end(self) -> None:
        self.epoch += 1


def shares(ids: Any, wanted: np.ndarray) -> dict[str, float]:
    """How much of `wanted [N, T]`, which all ends in its last column, is in `ids`.

    Returns:
        The share of `sequences` that are right to the end; that of `tokens` which are
        right where they stand, the end among them; and how many tokens stand `before`
        the first wrong one, on average.
    """
    ids, length = np.asarray(ids), wanted.shape[1]
    ids = np.pad(ids, ((0, 0), (0, max(0, length - ids.shape[1]))))
    right = ids[:, :length] == wanted  # [N, T]
    return {
        "sequences": float(right.all(axis=1).mean()),
        "tokens": float(right.mean()),
        "before": float(np.cumprod(right, axis=1).sum(axis=1).mean()),
    }


def model_with(name: str, setting: Setting) -> ka.Seq2Seq:
    """A compiled model with this mechanism, or with none where it has another name."""
    make = MECHANISMS.get(name)
    decoder = ka.AttentionDecoder(
        keras.layers.GRUCell(2 * setting.units),
        make(max(setting.longest, *setting.lengths) + 1) if make else None,
        bridge="zero",
    )
    encoder = ka.RecurrentEncoder(setting.units, "gru")
    model = ka.Seq2Seq(encoder, decoder, _VOCABULARY, _VOCABULARY, setting.embedding)
    updates = setting.epochs * setting.updates
    rate = keras.optimizers.schedules.CosineDecay(1e-3 * setting.rate, updates, 0.05)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=1.0)
    model.compile(optimizer, ka.losses.MaskedCrossentropy(), jit_compile=True)
    return model


def measure(name: str, setting: Setting) -> dict[str, Any]:
    """Train, and ask for copies of every length: figures, and what they took."""
    keras.utils.set_random_seed(setting.seed)
    model = model_with(name, setting)
    busy, own, start = machine.BusyTime(), time.process_time(), time.perf_counter()
    history = model.fit(Copies(setting), epochs=setting.epochs, verbose=0)
    seconds, own = time.perf_counter() - start, time.process_time() - own
    unseen = np.random.default_rng([setting.seed, _UNSEEN])
    asked = {n: sentences(unseen, setting.count, n) for n in setting.lengths}
    return {
        "epochs": len(history.epoch),
        "processor_seconds": round(own, 1),
        "seconds": round(seconds, 1),
        "others_share": round(busy.share_of_others(own), 3),
        "loss": [round(loss, 5) for loss in history.history["loss"]],
        "parameters": model.count_params(),
        "lengths": {
            str(n): shares(model.generate(ids).ids, ids) for n, ids in asked.items()
        },
    }


def keep(name: str, setting: Setting, results: Path) -> None:
    """Measure one mechanism, and store what comes out as `<results>/<name>.json`."""
    about, backend = machine.describe(), keras.backend.backend()
    stored = {
        "name": name,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": about,
        "versions": {
            "Python": about["python"],
            backend: version(backend),
            "keras": keras.version(),
        },
        "setting": dataclasses.asdict(setting),
        **measure(name, setting),
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(stored, indent=1) + "\n")
