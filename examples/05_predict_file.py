"""Predict a file of texts on several workers: Apache Beam over an exported model.

    pip install '.[offline]'
    python examples/05_predict_file.py models/1 texts answers --direct_num_workers=2

The answers have the order of the texts, a line each. Other arguments are Beam's:
workers are processes here, and with `--runner` those of a cluster.
"""

import argparse
import itertools
import uuid

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

ROWS = 64  # of one call of the model
SHARD = 5000  # lines, which one worker sorts and writes


class TextModel(ModelHandler):
    """What `TextToText.export` wrote: numbered texts to numbered answers, as bytes."""

    def __init__(self, version):
        super().__init__(min_batch_size=16 * ROWS, max_batch_size=16 * ROWS)
        self.version = version

    def load_model(self):
        import tensorflow as tf
        import tensorflow_text  # noqa: F401 (has ops of the tokenizers)

        # A worker for each core, and no threads that wait for each other.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        return tf.saved_model.load(self.version).signatures["serving_default"]

    def run_inference(self, batch, model, inference_args=None):
        import tensorflow as tf

        # A call takes as many steps as its longest answer: like lengths together.
        batch = sorted(batch, key=lambda numbered: len(numbered[1]))
        for first in range(0, len(batch), ROWS):
            numbers, texts = zip(*batch[first : first + ROWS], strict=True)
            answers = model(text=tf.constant(texts, tf.string))["text"].numpy()
            yield from zip(numbers, answers.tolist(), strict=True)


def numbered_lines(path):
    with FileSystems.open(path) as file:
        for number, line in enumerate(file):
            yield number, line.rstrip(b"\r\n")


def shard_path(shards, number):
    return f"{shards}-{number:08}"


def write_shard(numbered, shards):
    number, answers = numbered
    with FileSystems.create(shard_path(shards, number)) as file:
        file.write(b"".join(answer + b"\n" for _, answer in sorted(answers)))


def join(shards, output):
    paths = (shard_path(shards, number) for number in itertools.count())
    written = list(itertools.takewhile(FileSystems.exists, paths))
    with FileSystems.create(output) as whole:
        for path in written:
            with FileSystems.open(path) as file:
                whole.write(file.read())
    FileSystems.delete(written)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="folder of one version: <model>/<number>")
    parser.add_argument("texts", help="file with a text a line")
    parser.add_argument("output", help="file that the answers are written to")
    arguments, others = parser.parse_known_args()
    local = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing"]
    shards = f"{arguments.output}-{uuid.uuid4().hex}"  # another run may have left some
    with beam.Pipeline(options=PipelineOptions(local + others)) as pipeline:
        (
            pipeline
            | beam.Create([arguments.texts])
            | beam.FlatMap(numbered_lines)
            | beam.Reshuffle()  # over the workers
            | RunInference(TextModel(arguments.version))
            | beam.Map(lambda answer: (answer[0] // SHARD, answer))
            | beam.GroupByKey()
            | beam.Map(write_shard, shards)
        )
    join(shards, arguments.output)


if __name__ == "__main__":
    main()
