"""`torch.nn.LSTM`, eager."""

from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.problem import Arrays
from benchmarks.variants import Setting, Workload


def lstm_layer(weights: Arrays, cases: dict[str, Arrays], setting: Setting) -> Workload:
    torch.set_num_threads(setting.threads)
    layers = {case: _layer(weights, case) for case in cases}
    fed = {
        case: torch.tensor(arrays["x"], requires_grad=True)
        for case, arrays in cases.items()
    }

    def step(case: str) -> Any:
        layer, x = layers[case], fed[case]
        values = [x, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0]
        loss = layer(x)[0].square().sum()
        return loss, torch.autograd.grad(loss, values)

    def check(case: str) -> Arrays:
        loss, gradients = step(case)
        found = zip(("x", "kernel", "recurrent", "bias"), gradients, strict=True)
        outputs = {f"gradient norm of {name}": g.norm() for name, g in found}
        return {n: x.detach().numpy() for n, x in (outputs | {"loss": loss}).items()}

    return Workload(
        check,
        step,
        {"torch": torch.__version__},
        {"intra_op": torch.get_num_threads()},
    )


def _layer(weights: Arrays, case: str) -> nn.LSTM:
    kernel, recurrent, bias = (
        weights[f"{case}/{name}"] for name in ("kernel", "recurrent_kernel", "bias")
    )
    layer = nn.LSTM(kernel.shape[0], recurrent.shape[0], batch_first=True)
    with torch.no_grad():
        # Gates in the same order; two biases, which are added.
        layer.weight_ih_l0.copy_(torch.from_numpy(np.ascontiguousarray(kernel.T)))
        layer.weight_hh_l0.copy_(torch.from_numpy(np.ascontiguousarray(recurrent.T)))
        layer.bias_ih_l0.copy_(torch.from_numpy(bias))
        layer.bias_hh_l0.zero_()
    return layer
