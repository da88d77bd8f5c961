"""yoyodyne's attentive LSTM with the problem's weights, its symbols renamed.

Everything is its own code: what is left out of a training step is its logging, and of
a prediction the trainer around it.
"""

from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import nn
from yoyodyne import data, models, special
from yoyodyne.models import modules

from benchmarks.problem import END, PAD, START, Arrays
from benchmarks.variants import Setting, Workload
from benchmarks.variants.plain_torch import EPSILON, LEARNING_RATE

_VERSIONS = {"yoyodyne": metadata.version("yoyodyne"), "torch": torch.__version__}


def _renamed(vocabulary: int) -> np.ndarray:
    """`[V]`: what yoyodyne calls each symbol, the special ones being its own."""
    names = np.arange(vocabulary)
    names[[PAD, START, END]] = special.PAD_IDX, special.START_IDX, special.END_IDX
    names[special.END_IDX] = special.UNK_IDX
    return names


def _build(
    weights: Arrays, setting: Setting
) -> tuple[models.SoftAttentionLSTMModel, dict[str, Any]]:
    """The model, and its parameters, or where they stand in one, by problem's name."""
    torch.set_num_threads(setting.threads)
    vocabulary, depth = weights["target_embedding"].shape
    sources = weights["source_embedding"].shape[0]
    units = weights["cell/recurrent_kernel"].shape[0]
    model = models.SoftAttentionLSTMModel(
        source_encoder=modules.LSTMEncoder(
            hidden_size=units // 2, dropout=0.0, embedding_size=depth
        ),
        decoder_hidden_size=units,
        decoder_dropout=0.0,
        embedding_size=depth,
        max_target_length=setting.max_length,
        target_vocab_size=vocabulary,
        vocab_size=vocabulary + sources,
        compute_accuracy=False,
    )
    names = torch.from_numpy(_renamed(vocabulary))
    encoder, decoder = model.source_encoder.module, model.decoder
    attention = decoder.attention
    places = {
        # One table for both sides: the target's rows come first.
        "target_embedding": (model.embeddings.weight, names),
        "source_embedding": (
            model.embeddings.weight,
            vocabulary + torch.arange(sources),
        ),
        # One matrix for the memory and the query.
        "attention/key": (attention.M.weight, (slice(None), slice(units))),
        "attention/query": (attention.M.weight, (slice(None), slice(units, None))),
        "attention/v": (attention.V.weight, 0),
        "output/kernel": (model.classifier.weight, names),
        "output/bias": (model.classifier.bias, names),
    }
    for name, recurrent, suffix in (
        ("forward", encoder, "_l0"),
        ("backward", encoder, "_l0_reverse"),
        ("cell", decoder.module, "_l0"),
    ):
        for part, own in (
            ("kernel", "weight_ih"),
            ("recurrent_kernel", "weight_hh"),
            ("bias", "bias_ih"),
        ):
            places[f"{name}/{part}"] = (getattr(recurrent, own + suffix), slice(None))
    if set(places) != set(weights):
        raise ValueError(f"Weights differ in name: {set(places) ^ set(weights)}")
    with torch.no_grad():
        for parameter in model.parameters():
            # First states, second biases and those of the attention: zero.
            parameter.zero_()
        for name, (parameter, place) in places.items():
            value = torch.from_numpy(weights[name])
            parameter[place] = value if "embedding" in name else value.T
    return model, places


def _sources(arrays: Arrays, vocabulary: int) -> torch.Tensor:
    source = arrays["source"].astype("int64")
    return torch.from_numpy(
        np.where(source == PAD, special.PAD_IDX, source + vocabulary)
    )


def train_step(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    model, places = _build(weights, setting)
    model.train()
    vocabulary = len(weights["output/bias"])
    names = _renamed(vocabulary)
    fed = {
        case: data.Batch(
            data.PaddedTensor.from_tensor(_sources(arrays, vocabulary)),
            target=data.PaddedTensor.from_tensor(
                torch.from_numpy(names[arrays["labels"]])
            ),
        )
        for case, arrays in cases.items()
    }
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, eps=EPSILON)

    def run(case: str) -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss_func(model(fed[case]), fed[case].target.tensor)
        loss.backward()
        return loss

    def check(case: str) -> Arrays:
        outputs = {"loss": run(case).detach().numpy()}
        for name, (parameter, place) in places.items():
            gradient = parameter.grad[place].numpy().astype("float64")
            outputs[f"gradient norm of {name}"] = np.asarray(np.linalg.norm(gradient))
        return outputs

    def call(case: str) -> None:
        run(case)
        if setting.optimizer:
            optimizer.step()

    return Workload(check, call, _VERSIONS, {"torch": torch.get_num_threads()})


def generate(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    model, _ = _build(weights, setting)
    model.eval()
    vocabulary = len(weights["output/bias"])
    names = torch.from_numpy(_renamed(vocabulary))
    fed = {
        case: data.PaddedTensor.from_tensor(_sources(arrays, vocabulary))
        for case, arrays in cases.items()
    }

    @torch.inference_mode()
    def logits(case: str) -> torch.Tensor:
        source = fed[case]
        memory = model.source_encoder(source, model.embeddings)
        return model.greedy_decode_predict_test(memory, source.mask)  # [B, V, T]

    def check(case: str) -> Arrays:
        found = logits(case)[:, names]
        best, ids = nn.functional.log_softmax(found, 1).max(1)  # [B, T]
        lengths = np.full(len(ids), ids.shape[1])
        return {
            "ids": ids.numpy(),
            "lengths": lengths,
            "log_probs": best.sum(1).numpy(),
        }

    def call(case: str) -> None:
        logits(case).argmax(1)

    return Workload(check, call, _VERSIONS, {"torch": torch.get_num_threads()})
