"""Dates as people write them in six languages, to ISO 8601.

    dimanche 7 mars 2004   ->   2004-03-07

Run it with ``python examples/02_dates.py``. The pairs are made by Babel, the model is
Luong's: the query is the cell's output, and the attentional vector is fed back.
"""

import argparse
import datetime
import os
import random

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from babel.dates import format_date

import keras_attention as ka
from keras_attention.metrics.error_rates import sequence_error_rate, token_error_rate
from keras_attention.text import CharacterTokenizer

# No two dates are written alike: "1/2/04" would be January or February.
LOCALES = ["en_US", "de", "fr", "es", "it", "nl"]
FORMATS = ["medium", "long", "full", "d MMM yy", "EEE d MMMM y"]
# A hundred years, so that two digits tell the year.
FIRST_DAY = datetime.date(1950, 1, 1)
LAST_DAY = datetime.date(2049, 12, 31)

# The recipe.
TRAIN_PAIRS = 10_000
TEST_PAIRS = 1_000
UNITS = 64
EMBEDDING = 32
BATCH = 64
EPOCHS = 6
LEARNING_RATE = 5e-3

TINY = {"train": 200, "test": 20, "epochs": 1, "units": 16}


def main():
    options = parse_arguments()
    keras.utils.set_random_seed(1)
    pairs = date_pairs(options.train + options.test)
    train, test = pairs[: options.train], pairs[options.train :]

    pipeline = build(train, options.units)
    fit(pipeline, train, options.epochs)

    predictions = pipeline.predict([written for written, _ in test])
    texts = [prediction.text for prediction in predictions]
    references = [[iso] for _, iso in test]
    print(f"\nOf {len(test)} dates that are not in the training set")
    print(f"  right dates           {1 - sequence_error_rate(references, texts):6.1%}")
    print(f"  character error rate  {token_error_rate(references, texts):6.1%}\n")
    for (written, iso), text in list(zip(test, texts, strict=True))[:12]:
        verdict = "" if text == iso else f"   wrong: it is {iso}"
        print(f"  {written:30} {text}{verdict}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--units", type=int, default=UNITS)
    parser.add_argument("--tiny", action="store_true", help="see only that it runs")
    parser.set_defaults(train=TRAIN_PAIRS, test=TEST_PAIRS)
    options = parser.parse_args()
    if options.tiny:
        vars(options).update(TINY)
    return options


def date_pairs(number):
    """Different written dates with their ISO form, at random but always the same."""
    generator = random.Random(1)
    days = (LAST_DAY - FIRST_DAY).days
    pairs = {}
    while len(pairs) < number:
        date = FIRST_DAY + datetime.timedelta(generator.randint(0, days))
        written = format_date(
            date, generator.choice(FORMATS), locale=generator.choice(LOCALES)
        )
        pairs[written] = date.isoformat()
    return list(pairs.items())


def build(train, units):
    written = CharacterTokenizer.from_texts(source for source, _ in train)
    iso = CharacterTokenizer.from_texts(target for _, target in train)
    model = ka.Seq2Seq(
        ka.RecurrentEncoder(units, cell="gru"),
        ka.AttentionDecoder(
            keras.layers.GRUCell(2 * units), ka.LuongAttention(score="general")
        ),
        source_vocabulary_size=written.vocabulary_size,
        target_vocabulary_size=iso.vocabulary_size,
        embedding_dim=EMBEDDING,
    )
    return ka.TextToText(model, written, iso)


def fit(pipeline, train, epochs):
    dataset = pipeline.dataset(train, batch_size=BATCH)
    steps = epochs * int(dataset.cardinality())
    pipeline.model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps),
            global_clipnorm=1.0,
        ),
        loss=ka.losses.MaskedCrossentropy(),
        metrics=[ka.metrics.TokenAccuracy()],
    )
    pipeline.model.fit(dataset, epochs=epochs, shuffle=False)


if __name__ == "__main__":
    main()
