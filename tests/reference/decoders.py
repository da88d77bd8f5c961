"""The orders in which a decoder attends and steps.

``cell`` is a function of tests.reference.cells, ``attend`` maps a query ``[B, Dq]``
to ``(context [B, Dv], weights)``, and ``readout`` maps ``(cell output, context)``
to what leaves. All loops return ``(outputs [B, T, ...], weights [B, T, ...],
state)``; at a masked step outputs and weights are zero and the state stays.
"""

import numpy as np

from tests.reference.cells import map_state, top_query


def concat_readout(output, context, y=None):
    """``[s_t; c_t]``."""
    return np.concatenate([output, context], axis=-1)


def no_readout(output, context, y=None):
    """The cell's output as it is."""
    return output


def attentional_readout(kernel, activation=np.tanh):
    """Luong et al. 2015, eq. 5: ``h~_t = tanh(W_c [c_t; h_t])``, no bias."""

    def readout(output, context, y=None):
        return activation(np.concatenate([context, output], axis=-1) @ kernel)

    return readout


def maxout_readout(kernel, bias):
    """Bahdanau et al. 2014, A.2.2, with s_t: the larger of units 2j - 1 and 2j."""

    def readout(output, context, y):
        t = np.concatenate([output, y, context], axis=-1) @ kernel + bias
        return np.maximum(t[:, ::2], t[:, 1::2])

    return readout


def conditional(inputs, state, cells, attend, readout, inputs_mask=None):
    """The conditional GRU of Sennrich et al. 2017, section 2, for any two cells.

    ``s'_t = f_1(y_t, s_{t-1})``; ``c_t = attend(s'_t)``; ``s_t = f_2(c_t, s'_t)``.
    """
    first, second = cells

    def step(y, carry):
        query, carry = first(y, carry)
        context, weights = attend(query)
        output, carry = second(context, carry)
        return readout(output, context, y), weights, carry

    return _loop(step, inputs, state, inputs_mask)


def gnmt(inputs, state, cells, attend, readout, inputs_mask=None):
    """Wu et al. 2016, section 3: ``c_t = attend(s^1_{t-1})``, fed to every layer."""

    def step(y, carry):
        context, weights = attend(carry[0][0])
        output, new = y, []
        for cell, own in zip(cells, carry, strict=True):
            output, own = cell(np.concatenate([output, context], axis=-1), own)
            new.append(own)
        return readout(output, context, y), weights, new

    return _loop(step, inputs, state, inputs_mask)


def bahdanau(inputs, state, cell, attend, readout=concat_readout, inputs_mask=None):
    """Bahdanau et al. 2014, appendix A.2.2.

    ``c_t = attend(s_{t-1})``; ``s_t = f(s_{t-1}, [y_t; c_t])``. The query is the
    first state tensor of the top cell.
    """

    def step(y, carry):
        context, weights = attend(top_query(carry))
        output, carry = cell(np.concatenate([y, context], axis=-1), carry)
        return readout(output, context, y), weights, carry

    return _loop(step, inputs, state, inputs_mask)


def luong(
    inputs,
    state,
    cell,
    attend,
    readout,
    feed=None,
    inputs_mask=None,
):
    """Luong et al. 2015, sections 3 and 3.3.

    ``h_t = f(h_{t-1}, y_t)``; ``c_t = attend(h_t)``; ``h~_t = readout(h_t, c_t)``.
    Input feeding: the cell takes ``[y_t; x_{t-1}]`` with x_0 = 0. ``feed`` is None
    (off), "output" (x is h~, what the attentional readout returns) or "context"
    (x is c, where no attentional vector is formed).
    """
    batch = len(inputs)
    if feed is not None:
        # The width of what is fed is known only once something has been computed.
        width = _fed_width(state, attend, readout, feed)
        state = [state, np.zeros((batch, width))]
    else:
        state = [state, np.zeros((batch, 0))]

    def step(y, carry):
        inner, fed = carry
        output, inner = cell(np.concatenate([y, fed], axis=-1), inner)
        context, weights = attend(output)
        leaving = readout(output, context, y)
        if feed is not None:
            fed = leaving if feed == "output" else context
        return leaving, weights, [inner, fed]

    outputs, weights, carry = _loop(step, inputs, state, inputs_mask)
    return outputs, weights, carry[0]


def _fed_width(state, attend, readout, feed):
    output = top_query(state)
    context, _ = attend(output)
    fed = readout(output, context) if feed == "output" else context
    return fed.shape[-1]


def _loop(step, inputs, state, mask):
    inputs = np.asarray(inputs, "float64")
    mask = np.ones(inputs.shape[:2], bool) if mask is None else np.asarray(mask, bool)
    all_outputs, all_weights = [], []
    for t in range(inputs.shape[1]):
        keep = mask[:, t]
        safe = np.where(keep[:, None], inputs[:, t], 0.0)
        output, weights, new = step(safe, state)
        all_outputs.append(_keep(keep, output, 0.0))
        all_weights.append(_keep(keep, weights, 0.0))
        state = map_state(lambda a, b, k=keep: _keep(k, a, b), new, state)
    return np.stack(all_outputs, axis=1), np.stack(all_weights, axis=1), state


def _keep(mask, new, old):
    return np.where(mask.reshape((-1,) + (1,) * (np.ndim(new) - 1)), new, old)
