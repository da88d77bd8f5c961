"""The same model in torch: `nn.LSTM`, then a loop over `nn.LSTMCell`, eager."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import rnn

from benchmarks.problem import END, PAD, START, Arrays
from benchmarks.variants import Setting, Workload

LEARNING_RATE, EPSILON = 1e-4, 1e-7


class Translator(nn.Module):
    """Embeddings, bidirectional encoder, attention loop, output layer."""

    def __init__(self, weights: Arrays) -> None:
        super().__init__()
        units = weights["cell/recurrent_kernel"].shape[0]
        vocabulary, depth = weights["target_embedding"].shape
        self.source_embedding = nn.Embedding(
            weights["source_embedding"].shape[0], depth
        )
        self.target_embedding = nn.Embedding(vocabulary, depth)
        self.encoder = nn.LSTM(depth, units // 2, bidirectional=True, batch_first=True)
        self.bridge_h = nn.Linear(2 * units, units)
        self.bridge_c = nn.Linear(2 * units, units)
        self.query = nn.Linear(units, units, bias=False)
        self.key = nn.Linear(units, units, bias=False)
        self.v = nn.Parameter(torch.empty(units))
        self.cell = nn.LSTMCell(depth + units, units)
        self.output_layer = nn.Linear(2 * units, vocabulary)
        # What the loops call; a compiled one may take its place.
        self.run_step = self.step

    def encode(self, source: Any) -> Any:
        """Values, keys, mask and the decoder's first states."""
        mask = source != PAD  # [B, S]
        embedded = self.source_embedding(source)
        if bool(mask.all()):
            value, (h, c) = self.encoder(embedded)
        else:
            packed = rnn.pack_padded_sequence(
                embedded, mask.sum(1), batch_first=True, enforce_sorted=False
            )
            packed, (h, c) = self.encoder(packed)
            value, _ = rnn.pad_packed_sequence(
                packed, batch_first=True, total_length=source.shape[1]
            )
        joined = torch.cat([h[0], h[1], c[0], c[1]], -1)  # [B, 2U]
        states = torch.tanh(self.bridge_h(joined)), torch.tanh(self.bridge_c(joined))
        return value, self.key(value), mask, states

    def step(self, embedded: Any, states: Any, value: Any, keys: Any, mask: Any) -> Any:
        """Output `[B, 2U]`, weights `[B, S]`, states."""
        hidden = torch.tanh(self.query(states[0])[:, None] + keys)  # [B, S, U]
        energies = (hidden @ self.v).masked_fill(~mask, -1e9)  # [B, S]
        weights = torch.softmax(energies, -1)
        context = torch.bmm(weights[:, None], value)[:, 0]  # [B, U]
        states = self.cell(torch.cat([embedded, context], -1), states)
        return torch.cat([states[0], context], -1), weights, states

    def forward(self, source: Any, target: Any) -> Any:
        value, keys, mask, states = self.encode(source)
        outputs = []
        for embedded in self.target_embedding(target).unbind(1):
            output, _, states = self.run_step(embedded, states, value, keys, mask)
            outputs.append(output)
        return self.output_layer(torch.stack(outputs, 1))  # [B, T, V]


def build(
    weights: Arrays, setting: Setting, compiled: bool
) -> tuple[Translator, dict[str, nn.Parameter]]:
    """The model, and its trained parameters by the problem's names."""
    torch.set_num_threads(setting.threads)
    model = Translator(weights)
    parameters: dict[str, nn.Parameter] = {
        "source_embedding": model.source_embedding.weight,
        "target_embedding": model.target_embedding.weight,
        "attention/query": model.query.weight,
        "attention/key": model.key.weight,
        "attention/v": model.v,
    }
    for name, linear in (
        ("bridge_h", model.bridge_h),
        ("bridge_c", model.bridge_c),
        ("output", model.output_layer),
    ):
        parameters |= {f"{name}/kernel": linear.weight, f"{name}/bias": linear.bias}
    encoder, cell = model.encoder, model.cell
    second_biases = [encoder.bias_hh_l0, encoder.bias_hh_l0_reverse, cell.bias_hh]
    for name, recurrent, suffix in (
        ("forward", encoder, "_l0"),
        ("backward", encoder, "_l0_reverse"),
        ("cell", cell, ""),
    ):
        parameters[f"{name}/kernel"] = getattr(recurrent, f"weight_ih{suffix}")
        parameters[f"{name}/recurrent_kernel"] = getattr(
            recurrent, f"weight_hh{suffix}"
        )
        parameters[f"{name}/bias"] = getattr(recurrent, f"bias_ih{suffix}")
    if set(parameters) != set(weights):
        raise ValueError(
            f"Weights differ in name: {sorted(set(parameters) ^ set(weights))}"
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            value = torch.from_numpy(weights[name])
            transposed = value.ndim == 2 and "embedding" not in name
            parameter.copy_(value.T if transposed else value)
        for bias in second_biases:
            # Keras has one bias where torch has two: the second stays at zero.
            bias.zero_().requires_grad_(False)
    if compiled:
        model.run_step = torch.compile(model.step, dynamic=False)
    return model, parameters


def _versions() -> dict[str, str]:
    return {"torch": torch.__version__}


def _tensors(cases: dict[str, Arrays]) -> dict[str, dict[str, Any]]:
    return {
        case: {name: torch.from_numpy(ids).long() for name, ids in arrays.items()}
        for case, arrays in cases.items()
    }


def train_step(
    weights: Arrays, cases: dict[str, Arrays], setting: Setting, compiled: bool = False
) -> Workload:
    model, parameters = build(weights, setting, compiled)
    fed = _tensors(cases)
    trained = list(parameters.values())
    optimizer = torch.optim.Adam(trained, LEARNING_RATE, eps=EPSILON)

    def run(case: str) -> Any:
        optimizer.zero_grad(set_to_none=True)
        logits = model(fed[case]["source"], fed[case]["target"])
        loss = nn.functional.cross_entropy(
            logits.flatten(0, 1), fed[case]["labels"].flatten(), ignore_index=PAD
        )
        loss.backward()
        return loss

    def check(case: str) -> Arrays:
        outputs = {"loss": run(case).detach().numpy()}
        for name, parameter in parameters.items():
            gradient = parameter.grad.numpy().astype("float64")
            outputs[f"gradient norm of {name}"] = np.asarray(np.linalg.norm(gradient))
        return outputs

    def call(case: str) -> None:
        run(case)
        if setting.optimizer:
            optimizer.step()

    return Workload(check, call, _versions(), {"torch": torch.get_num_threads()})


@torch.inference_mode()
def greedy(model: Translator, source: Any, max_length: int) -> Any:
    """Source ids to ids, log-probabilities, lengths and weights."""
    value, keys, mask, states = model.encode(source)
    batch = source.shape[0]
    ids = torch.full((batch,), START)
    ended = torch.zeros(batch, dtype=torch.bool)
    log_probs, lengths = torch.zeros(batch), torch.zeros(batch, dtype=torch.long)
    written, attended = [], []
    for _ in range(max_length):
        embedded = model.target_embedding(ids)
        output, weights, states = model.run_step(embedded, states, value, keys, mask)
        logits = model.output_layer(output)  # [B, V]
        normaliser = torch.logsumexp(logits, -1)
        logits[:, PAD] = -torch.inf
        best, chosen = logits.max(-1)
        log_probs += torch.where(ended, 0.0, best - normaliser)
        ids = torch.where(ended, PAD, chosen)
        lengths += ~ended
        written.append(ids)
        attended.append(weights.masked_fill(ended[:, None], 0.0))
        ended |= chosen == END
        if bool(ended.all()):
            break
    return torch.stack(written, 1), log_probs, lengths, torch.stack(attended, 1)


def generate(
    weights: Arrays, cases: dict[str, Arrays], setting: Setting, compiled: bool = False
) -> Workload:
    model, _ = build(weights, setting, compiled)
    fed = _tensors(cases)

    def check(case: str) -> Arrays:
        source = fed[case]["source"]
        ids, log_probs, lengths, _ = greedy(model, source, setting.max_length)
        return {
            "ids": ids.numpy(),
            "lengths": lengths.numpy(),
            "log_probs": log_probs.numpy(),
        }

    def call(case: str) -> None:
        greedy(model, fed[case]["source"], setting.max_length)

    return Workload(check, call, _versions(), {"torch": torch.get_num_threads()})
