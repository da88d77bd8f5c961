"""Decoders: every order with every readout, cells, and the oracle that goes along."""

import dataclasses
from typing import Any

import keras
import numpy as np

import keras_attention as ka
from tests.layers.cases import ATTENTIONS, DV, B, D, S, T
from tests.layers.gradients import to_numpy
from tests.layers.weights import randomize, weight
from tests.reference import cells as cell_oracles
from tests.reference import decoders as oracles

L = keras.layers


@dataclasses.dataclass(frozen=True)
class DecoderCase:
    """A combination of order, readout and input feeding."""

    order: str
    readout: str
    input_feeding: bool = True

    @property
    def feed(self):
        """What the oracle feeds back."""
        if self.order != "luong" or not self.input_feeding:
            return None
        return "output" if self.readout == "attentional" else "context"


DECODERS = {
    "bahdanau": DecoderCase("bahdanau", "concat"),
    "bahdanau_attentional": DecoderCase("bahdanau", "attentional"),
    "bahdanau_none": DecoderCase("bahdanau", "none"),
    "luong": DecoderCase("luong", "attentional"),
    "luong_concat": DecoderCase("luong", "concat"),
    "luong_none": DecoderCase("luong", "none"),
    "luong_unfed": DecoderCase("luong", "attentional", input_feeding=False),
    "luong_unfed_concat": DecoderCase("luong", "concat", input_feeding=False),
    "bahdanau_maxout": DecoderCase("bahdanau", "maxout"),
    "conditional": DecoderCase("conditional", "concat"),
    "gnmt": DecoderCase("gnmt", "none"),
}
# One of each loop, for suites that multiply it with other choices.
LOOPS = ["bahdanau", "luong", "luong_unfed"]


def _stacked(**layer):
    return L.StackedRNNCells([L.LSTMCell(5, **layer), L.GRUCell(D, **layer)])


# cell -> (factory, sizes of its states: one list per layer)
CELLS = {
    "lstm": (lambda **k: L.LSTMCell(D, **k), [[D, D]]),
    "gru": (lambda **k: L.GRUCell(D, **k), [[D]]),
    "gru_before": (lambda **k: L.GRUCell(D, reset_after=False, **k), [[D]]),
    "simple_rnn": (lambda **k: L.SimpleRNNCell(D, **k), [[D]]),
    "stacked": (_stacked, [[5, 5], [D]]),
}


def make(case, attention="luong_general", cell="lstm", heads=1, **layer):
    """A decoder that takes its first state as it is given."""
    chosen, part = DECODERS[case], {}
    if "dtype" in layer:
        part["dtype"] = layer["dtype"]
    mechanism = ATTENTIONS[attention].make(num_heads=heads, **part)
    chosen_cell = CELLS[cell][0](**part)
    if chosen.order == "conditional":  # Two transitions of the state of one cell.
        chosen_cell = L.StackedRNNCells([chosen_cell, CELLS[cell][0](**part)])
    return ka.AttentionDecoder(
        chosen_cell,
        mechanism,
        order=chosen.order,
        readout=chosen.readout,
        input_feeding=chosen.input_feeding,
        bridge="copy",
        **layer,
    )


def built(case, attention="luong_general", cell="lstm", heads=1, **layer):
    """The same with all its weights made, and random."""
    decoder = make(case, attention, cell, heads, **layer)
    # Symbolic arguments build it without running anything.
    state = [[keras.Input((n,)) for n in sizes] for sizes in CELLS[cell][1]]
    decoder(keras.Input((None, 3)), keras.Input((None, DV)), initial_state=state)
    return randomize(decoder, scale=0.4)


def inputs(attention="luong_general", cell="lstm", dtype="float32", seed=7):
    """Arguments of the call; memory as deep as the query, so that dot works."""
    random = np.random.default_rng(seed)
    return {
        "inputs": random.normal(size=(B, T, 3)).astype(dtype),
        "value": random.normal(size=(B, S, DV)).astype(dtype),
        "initial_state": [
            [random.normal(size=(B, n)).astype(dtype) for n in sizes]
            for sizes in CELLS[cell][1]
        ],
    }


def masks():
    """Target rows that end early or begin late; memory with holes and an empty row."""
    inputs_mask = np.ones((B, T), bool)
    inputs_mask[0, -2:] = False
    inputs_mask[1, 1] = False
    value_mask = np.ones((B, S), bool)
    value_mask[0, -2:] = False
    value_mask[1, 0] = False
    value_mask[2] = False
    return {"inputs_mask": inputs_mask, "value_mask": value_mask}


def cell_oracle(cell: Any):
    """The NumPy cell with a Keras cell's weights."""
    if isinstance(cell, L.StackedRNNCells):
        return cell_oracles.stacked(*[cell_oracle(c) for c in cell.cells])
    arrays = [to_numpy(v) for v in cell.weights if "seed" not in v.path]
    if isinstance(cell, L.GRUCell):
        return cell_oracles.gru(*arrays, reset_after=cell.reset_after)
    if isinstance(cell, L.LSTMCell):
        return cell_oracles.lstm(*arrays)
    return cell_oracles.simple_rnn(*arrays)


def expected(case, attention, decoder, data, heads=1, masks=None):
    """Outputs ``[B, T, ...]``, weights ``[B, T, S]`` or ``[B, H, T, S]``, state."""
    chosen, masks = DECODERS[case], masks or {}
    value_mask = masks.get("value_mask")
    value = np.asarray(data["value"], "float64")

    def attend(query):
        context, weights = ATTENTIONS[attention].expected(
            decoder.attention, query[:, None], value, value, value_mask, None, heads
        )
        return context[:, 0], weights[:, :, 0]

    readout = {
        "concat": oracles.concat_readout,
        "none": oracles.no_readout,
        "attentional": lambda o, c, y=None: oracles.attentional_readout(
            weight(decoder.readout, "kernel")
        )(o, c),
        "maxout": lambda o, c, y: oracles.maxout_readout(
            weight(decoder.readout, "kernel"), weight(decoder.readout, "bias")
        )(o, c, y),
    }[chosen.readout]
    loop = getattr(oracles, chosen.order)
    options = {"feed": chosen.feed} if chosen.order == "luong" else {}
    state = [[np.asarray(x, "float64") for x in s] for s in data["initial_state"]]
    if len(state) == 1 and chosen.order != "gnmt":
        state = state[0]
    cell = cell_oracle(decoder.cell)
    if chosen.order in ("conditional", "gnmt"):
        parts = getattr(decoder.cell, "cells", [decoder.cell])
        cell = [cell_oracle(part) for part in parts]
    outputs, weights, state = loop(
        data["inputs"],
        state,
        cell,
        attend,
        readout,
        inputs_mask=masks.get("inputs_mask"),
        **options,
    )
    weights = np.moveaxis(weights, 1, 2)  # [B, T, H, S] -> [B, H, T, S]
    return outputs, weights[:, 0] if heads == 1 else weights, state
