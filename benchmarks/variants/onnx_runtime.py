"""The same model in ONNX Runtime: a step in a Python loop, or the loop in its graph."""

from typing import Any

import numpy as np
import onnxruntime

from benchmarks.problem import START, Arrays
from benchmarks.variants import Setting, Workload, onnx_graph


def generate(
    weights: Arrays, cases: dict[str, Arrays], setting: Setting, loop: bool = False
) -> Workload:
    # Pools of a session each would wait in spinning loops, and so against each other.
    onnxruntime.set_global_thread_pool_sizes(setting.threads, 1)
    options = onnxruntime.SessionOptions()
    options.use_per_session_threads = False

    def session(model: bytes) -> Any:
        return onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    if loop:
        whole = session(onnx_graph.greedy_model(weights, setting.max_length))
    else:
        encoder = session(onnx_graph.encoder_model(weights))
        step = session(onnx_graph.step_model(weights))
    fed = {case: arrays["source"].astype("int64") for case, arrays in cases.items()}

    def by_steps(source: np.ndarray) -> tuple[np.ndarray, ...]:
        value, keys, mask, h, c = encoder.run(
            [*onnx_graph.MEMORY, "h", "c"], {"source": source}
        )
        batch = len(source)
        memory = {"value": value, "keys": keys, "mask": mask}
        carried = {
            "ids": np.full(batch, START),
            "h": h,
            "c": c,
            "ended": np.zeros(batch, bool),
            "log_probs": np.zeros(batch, "float32"),
            "lengths": np.zeros(batch, "int64"),
        }
        written, attended = [], []
        for _ in range(setting.max_length):
            *found, weights_now, going_on = step.run(None, carried | memory)
            carried = dict(zip(onnx_graph.CARRIED, found, strict=True))
            written.append(carried["ids"])
            attended.append(weights_now)
            if not going_on:
                break
        stacked = np.stack(written, 1), np.stack(attended, 1)
        return *stacked, carried["log_probs"], carried["lengths"]

    def at_once(source: np.ndarray) -> tuple[np.ndarray, ...]:
        ids, attended, log_probs, lengths = whole.run(None, {"source": source})
        return ids.T, attended.swapaxes(0, 1), log_probs, lengths

    run = at_once if loop else by_steps

    def check(case: str) -> Arrays:
        ids, _, log_probs, lengths = run(fed[case])
        return {"ids": ids, "lengths": lengths, "log_probs": log_probs}

    def call(case: str) -> None:
        run(fed[case])

    versions = {"onnxruntime": onnxruntime.__version__}
    return Workload(check, call, versions, {"intra_op": setting.threads})
