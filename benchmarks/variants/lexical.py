"""`ka.Seq2Seq` with a shortlist, and without one."""

from typing import Any

import numpy as np
import tensorflow as tf

import keras_attention as ka
from benchmarks.problem import END, PAD, START, Arrays
from benchmarks.variants import Setting, Workload
from benchmarks.variants.ours import build
from benchmarks.variants.tensorflow_graph import (
    generation_outputs,
    use_threads,
    versions,
)


def generate(
    weights: Arrays,
    cases: dict[str, Arrays],
    setting: Setting,
    restricted: bool = False,
) -> Workload:
    """Generation from candidates, or from the whole vocabulary.

    The whole vocabulary answers otherwise, so what is checked of it is its search with
    everything but each row's candidates at minus infinity; what is timed is the search
    as one would run it, of the same number of steps.
    """
    threads = use_threads(setting)
    table, frequent = weights.pop("table"), weights.pop("frequent")
    model, _ = build(weights)
    short = ka.Shortlist(table, frequent, model.target_vocabulary_size).restrict(model)
    fed = {case: tf.constant(arrays["source"]) for case, arrays in cases.items()}
    options = {
        case: ka.GenerationOptions(
            beam_size=int(arrays["beam_size"]), max_length=setting.max_length
        )
        for case, arrays in cases.items()
    }
    timed = short if restricted else model

    def check(case: str) -> Arrays:
        if restricted:
            found = short.generate(fed[case], options[case])
        else:
            mask = _masks(cases[case]["source"], table, frequent, model)
            found = _among(model, fed[case], mask, options[case])
        return generation_outputs(found.ids, found.log_probs, found.lengths)

    def call(case: str) -> None:
        timed.generate(fed[case], options[case]).ids.numpy()

    return Workload(check, call, versions(), threads)


def _masks(source: Any, table: Any, frequent: Any, model: Any) -> np.ndarray:
    """`[B, V]`: the candidates of each row."""
    mask = np.zeros((len(source), model.target_vocabulary_size), bool)
    mask[:, [PAD, START, END, *frequent]] = True
    for row, ids in enumerate(source):
        mask[row, table[ids[ids != PAD]].ravel()] = True
    return mask


def _among(model: Any, source: Any, mask: Any, options: Any) -> Any:
    beams = options.beam_size
    tiled = tf.constant(np.repeat(mask, beams, axis=0))  # [B * K, V]

    @tf.function(autograph=False)
    def run() -> Any:
        memory, state, source_mask = model.encode(source)
        step = model.stepper(memory, beams)

        def step_fn(ids: Any, state: Any) -> Any:
            logits, weights, state = step(ids, state)
            return tf.where(tiled, logits, -np.inf), weights, state

        return ka.generate(step_fn, state, options, source_mask=source_mask)

    return run()
