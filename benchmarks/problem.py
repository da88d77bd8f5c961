"""What every variant computes: sizes, weights and data, from one fixed seed."""

import dataclasses
from pathlib import Path

import numpy as np

PAD, START, END = 0, 1, 2
FIRST_SYMBOL = 3
# Square matrices large enough to keep every core at its arithmetic.
GEMM_SIDE = 2048
# How the decoder is wired: this package's default, and what a peer has.
MODELS = ("bahdanau", "yoyodyne", "addons")

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Shapes of a problem.

    Attributes:
        batch: B, for the training step (generation has its own list).
        source: S, longest source.
        target: T, target steps.
        units: U of the decoder; the encoder has U / 2 per direction, and the
            additive score U.
        embedding: Depth of both embeddings.
        source_vocabulary: Source symbols, special ones included.
        vocabulary: V, target symbols.
    """

    batch: int
    source: int
    target: int
    units: int
    embedding: int
    source_vocabulary: int
    vocabulary: int

    def __post_init__(self) -> None:
        if self.units % 2:
            raise ValueError(
                "`units` must be even, half for each direction of the encoder. "
                f"Received: units={self.units}"
            )
        smallest = min(self.source_vocabulary, self.vocabulary)
        if smallest <= FIRST_SYMBOL:
            raise ValueError(
                f"Vocabularies must be larger than {FIRST_SYMBOL}, the special "
                f"symbols. Received: {smallest}"
            )

    @property
    def gemm_flop(self) -> int:
        """Floating-point operations of a training step in matrix products."""
        b, s, t, u, e = (
            self.batch,
            self.source,
            self.target,
            self.units,
            self.embedding,
        )
        half = u // 2
        encoder = 2 * b * s * (e + half) * 4 * half
        keys = b * s * u * u
        decoder = b * t * ((e + u + u) * 4 * u + u * u + 2 * s * u)
        output = b * t * 2 * u * self.vocabulary
        # A multiplication and an addition; the backward pass is two products more.
        return 3 * 2 * (encoder + keys + decoder + output)


PRESETS = {
    "tiny": Sizes(4, 5, 4, 8, 6, 11, 13),
    "small": Sizes(128, 9, 8, 256, 64, 32, 43),
    "large": Sizes(64, 30, 30, 512, 512, 8192, 8192),
    "wide": Sizes(64, 30, 30, 512, 512, 32000, 32000),
}


def weights(sizes: Sizes, seed: int = 0, model: str = "bahdanau") -> Arrays:
    """Weights of the whole model, float32, in Keras' layouts (gates i, f, c, o).

    Args:
        sizes: Shapes.
        seed: Of all of them.
        model: One of `MODELS`. `yoyodyne` starts from zero states, without a bridge,
            and its output layer sees the state alone; `addons` attends with the new
            state, feeds the attentional vector back and has its output from that.
    """
    rng = np.random.default_rng(seed)
    units, depth = sizes.units, sizes.embedding
    half = units // 2

    def kernel(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype("float32")

    def bias(size: int) -> np.ndarray:
        return (0.1 * rng.standard_normal(size)).astype("float32")

    made = {
        "source_embedding": kernel(sizes.source_vocabulary, depth) * depth**0.5,
        "target_embedding": kernel(sizes.vocabulary, depth) * depth**0.5,
    }
    for direction in ("forward", "backward"):
        made[f"{direction}/kernel"] = kernel(depth, 4 * half)
        made[f"{direction}/recurrent_kernel"] = kernel(half, 4 * half)
        made[f"{direction}/bias"] = bias(4 * half)
    for state in ("h", "c") if model != "yoyodyne" else ():
        made[f"bridge_{state}/kernel"] = kernel(2 * units, units)
        made[f"bridge_{state}/bias"] = bias(units)
    made["attention/query"] = kernel(units, units)
    made["attention/key"] = kernel(units, units)
    made["attention/v"] = bias(units) * 10
    made["cell/kernel"] = kernel(depth + units, 4 * units)
    made["cell/recurrent_kernel"] = kernel(units, 4 * units)
    made["cell/bias"] = bias(4 * units)
    if model == "addons":
        made["readout/kernel"] = kernel(2 * units, units)
    seen = 2 * units if model == "bahdanau" else units
    # Wide logits: the best and the second best symbol must not be a rounding apart.
    made["output/kernel"] = 4 * kernel(seen, sizes.vocabulary)
    made["output/bias"] = bias(sizes.vocabulary)
    return made


def model_of(made: Arrays) -> str:
    """Which of `MODELS` these are weights of."""
    if "readout/kernel" in made:
        return "addons"
    return "bahdanau" if "bridge_h/kernel" in made else "yoyodyne"


def without_end(made: Arrays) -> Arrays:
    """The same weights with an end symbol that is never chosen, nor is padding.

    All variants then run the same number of steps, while each still does what it
    does about ends. Not every one of them forbids padding by itself.
    """
    bias = made["output/bias"].copy()
    bias[[PAD, END]] = -1e4
    return made | {"output/bias": bias}


def data(sizes: Sizes, batch: int, full: bool, seed: int = 1) -> Arrays:
    """Ids `source [B, S]`, `target [B, T]` (shifted) and `labels [B, T]`.

    Args:
        sizes: Shapes.
        batch: B.
        full: Every row as long as the longest; otherwise lengths from half of it
            on, at least one row full.
        seed: Of the ids and lengths.
    """
    rng = np.random.default_rng(seed)

    def lengths(longest: int) -> np.ndarray:
        drawn = rng.integers((longest + 1) // 2, longest + 1, batch)
        drawn[0] = longest
        return np.full(batch, longest) if full else drawn

    def ids(vocabulary: int, longest: int) -> np.ndarray:
        last = lengths(longest)[:, None] - 1
        columns = np.arange(longest)[None]
        drawn = rng.integers(FIRST_SYMBOL, vocabulary, (batch, longest))
        drawn = np.where(columns == last, END, drawn)
        return np.where(columns > last, PAD, drawn).astype("int32")

    source = ids(sizes.source_vocabulary, sizes.source)
    labels = ids(sizes.vocabulary, sizes.target)
    target = np.concatenate([np.full((batch, 1), START), labels[:, :-1]], axis=1)
    target = np.where(labels == PAD, PAD, target).astype("int32")
    return {"source": source, "target": target, "labels": labels}


def zipfian(sizes: Sizes, source: np.ndarray, seed: int = 2) -> np.ndarray:
    """The same sources, of symbols as frequent as words: p(r) proportional to 1/r."""
    rng = np.random.default_rng(seed)
    ranks = np.arange(1, sizes.source_vocabulary - FIRST_SYMBOL + 1)
    drawn = rng.choice(ranks, source.shape, p=1 / ranks / (1 / ranks).sum())
    symbols = (FIRST_SYMBOL - 1 + drawn).astype("int32")
    return np.where(source < FIRST_SYMBOL, source, symbols)


def lexicon(sizes: Sizes, candidates: int, frequent: int, seed: int = 3) -> Arrays:
    """`table [Vs, C]` and `frequent [F]`: targets about as frequent as the source."""
    rng = np.random.default_rng(seed)
    symbols = sizes.vocabulary - FIRST_SYMBOL
    ranks = np.arange(sizes.source_vocabulary)[:, None] - FIRST_SYMBOL + 1
    spread = np.exp(rng.standard_normal((sizes.source_vocabulary, candidates)))
    near = np.maximum(ranks, 1) * spread * sizes.vocabulary / sizes.source_vocabulary
    table = FIRST_SYMBOL + near.astype("int64") % symbols
    return {
        "table": table.astype("int32"),
        "frequent": np.arange(FIRST_SYMBOL, FIRST_SYMBOL + min(frequent, symbols)),
    }


def save(path: Path, made: Arrays, cases: dict[str, Arrays]) -> None:
    """Write weights and the data of every case into one `.npz`."""
    named = {f"weights:{name}": value for name, value in made.items()}
    for case, arrays in cases.items():
        named |= {f"case {case}:{name}": value for name, value in arrays.items()}
    np.savez(path, **named)


def load(path: Path) -> tuple[Arrays, dict[str, Arrays]]:
    """What `save` wrote."""
    made: Arrays = {}
    cases: dict[str, Arrays] = {}
    with np.load(path) as stored:
        for key in stored.files:
            place, name = key.split(":", 1)
            if place == "weights":
                made[name] = stored[key]
            else:
                cases.setdefault(place.removeprefix("case "), {})[name] = stored[key]
    return made, cases
