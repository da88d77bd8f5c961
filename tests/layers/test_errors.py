"""Bad arguments: what was wrong, what was expected, what was received."""

import keras
import numpy as np
import pytest

import keras_attention as ka
from tests.layers import cases, decoder_cases

L = keras.layers
QUERY = np.ones((2, 3, 6), "float32")
VALUE = np.ones((2, 5, 6), "float32")


def _decoder(**options):
    return ka.AttentionDecoder(L.GRUCell(6), ka.LuongAttention("dot"), **options)


def _call(**options):
    return lambda: ka.LuongAttention("dot")(QUERY, VALUE, **options)


def _decode(**options):
    return lambda: _decoder()(QUERY, VALUE, **options)


# name -> (what is done, error, what the message must contain)
BAD = {
    "unknown score": (
        lambda: ka.Attention("dott"),
        ValueError,
        [*ka.scores.names(), "dott"],
    ),
    "unknown alignment": (
        lambda: ka.BahdanauAttention(4, alignment="sofmax"),
        ValueError,
        [*ka.alignments.names(), "sofmax"],
    ),
    "unknown Luong score": (
        lambda: ka.LuongAttention("additive"),
        ValueError,
        ["dot", "general", "concat", "additive"],
    ),
    "units with dot": (
        lambda: ka.LuongAttention("dot", units=4),
        ValueError,
        ["units", "concat", "4"],
    ),
    "units with general": (
        lambda: ka.LuongAttention("general", units=4),
        ValueError,
        ["units", "concat", "4"],
    ),
    "unknown scale": (
        lambda: ka.LuongAttention("dot", scale="root"),
        ValueError,
        ["scale", "sqrt", "learned", "root"],
    ),
    "no units": (lambda: ka.BahdanauAttention(0), ValueError, ["units", "0"]),
    "no heads": (
        lambda: ka.BahdanauAttention(4, num_heads=0),
        ValueError,
        ["num_heads", "0"],
    ),
    "dropout out of range": (
        lambda: ka.BahdanauAttention(4, dropout=1.5),
        ValueError,
        ["dropout", "1.5"],
    ),
    "heads do not divide units": (
        lambda: ka.BahdanauAttention(5, num_heads=2)(QUERY, VALUE),
        ValueError,
        ["num_heads", "5", "2"],
    ),
    "heads do not divide the query": (
        lambda: ka.LuongAttention("dot", num_heads=4)(QUERY, VALUE),
        ValueError,
        ["num_heads", "6", "4"],
    ),
    "heads do not divide the values": (
        lambda: ka.BahdanauAttention(8, num_heads=4)(QUERY, VALUE),
        ValueError,
        ["num_heads", "6", "4"],
    ),
    "depths differ under dot": (
        lambda: ka.LuongAttention("dot")(QUERY, VALUE[:, :, :4]),
        ValueError,
        ["6", "4"],
    ),
    "float value mask": (
        _call(value_mask=np.ones((2, 5), "float32")),
        TypeError,
        ["value_mask", "float32"],
    ),
    "float query mask": (
        _call(query_mask=np.ones((2, 3), "float32")),
        TypeError,
        ["query_mask", "float32"],
    ),
    "value mask of rank 3": (
        _call(value_mask=np.ones((2, 3, 5), bool)),
        ValueError,
        ["value_mask", "(2, 3, 5)"],
    ),
    "value mask of the wrong length": (
        _call(value_mask=np.ones((2, 4), bool)),
        ValueError,
        ["value_mask", "(2, 4)"],
    ),
    "value mask of the wrong batch": (
        _call(value_mask=np.ones((3, 5), bool)),
        ValueError,
        ["value_mask", "(3, 5)"],
    ),
    "query mask of the wrong length": (
        _call(query_mask=np.ones((2, 5), bool)),
        ValueError,
        ["query_mask", "(2, 5)"],
    ),
    "query of rank 4": (
        lambda: ka.LuongAttention("dot")(QUERY[None], VALUE),
        ValueError,
        ["query", "(1, 2, 3, 6)"],
    ),
    "value of rank 2": (
        lambda: ka.LuongAttention("dot")(QUERY, VALUE[:, 0]),
        ValueError,
        ["value", "(2, 6)"],
    ),
    "key of another length": (
        lambda: ka.LuongAttention("dot")(QUERY, VALUE, VALUE[:, :4]),
        ValueError,
        ["key", "(2, 4, 6)"],
    ),
    "unknown order": (
        lambda: _decoder(order="loung"),
        ValueError,
        ["order", "luong", "bahdanau", "conditional", "gnmt", "loung"],
    ),
    "unknown readout": (
        lambda: _decoder(readout="tanh"),
        ValueError,
        ["concat", "attentional", "maxout", "none", "tanh"],
    ),
    "unknown bridge": (
        lambda: _decoder(bridge="golden gate"),
        ValueError,
        ["dense", "copy", "mean_context", "zero", "golden gate"],
    ),
    "output units without a kernel": (
        lambda: _decoder(readout="concat", output_units=4),
        ValueError,
        ["output_units", "attentional", "maxout", "4"],
    ),
    "conditional with one cell": (
        lambda: _decoder(order="conditional"),
        ValueError,
        ["conditional", "StackedRNNCells", "two cells", "6"],
    ),
    "a cell that is none": (
        lambda: ka.AttentionDecoder(L.Dense(4), ka.LuongAttention("dot")),
        (ValueError, TypeError),
        ["cell", "Dense"],
    ),
    "an attention that is none": (
        lambda: ka.AttentionDecoder(L.GRUCell(6), L.Dense(4)),
        (ValueError, TypeError),
        ["attention", "Dense"],
    ),
    "decoder inputs of rank 2": (
        lambda: _decoder()(QUERY[:, 0], VALUE),
        ValueError,
        ["inputs", "(2, 6)"],
    ),
    "decoder float mask": (
        _decode(inputs_mask=np.ones((2, 3), "float32")),
        TypeError,
        ["inputs_mask", "float32"],
    ),
    "decoder mask of the wrong length": (
        _decode(inputs_mask=np.ones((2, 5), bool)),
        ValueError,
        ["inputs_mask", "(2, 5)"],
    ),
    "copy bridge with other depths": (
        lambda: _decoder(bridge="copy")(
            QUERY, VALUE, initial_state=[[QUERY[:, 0, :4]]]
        ),
        ValueError,
        ["4", "6"],
    ),
    "unknown encoder cell": (
        lambda: ka.RecurrentEncoder(4, cell="rnn"),
        ValueError,
        ["cell", "lstm", "gru", "rnn"],
    ),
    "no encoder layers": (
        lambda: ka.RecurrentEncoder(4, num_layers=0),
        ValueError,
        ["num_layers", "0"],
    ),
    "encoder float mask": (
        lambda: ka.RecurrentEncoder(4)(VALUE, mask=np.ones((2, 5), "float32")),
        TypeError,
        ["mask", "float32"],
    ),
    "max_length of zero": (
        lambda: ka.GenerationOptions(max_length=0),
        ValueError,
        ["max_length", "0"],
    ),
    "max_length that is no integer": (
        lambda: ka.GenerationOptions(max_length=2.5),
        TypeError,
        ["max_length", "2.5"],
    ),
    "max_length of one row": (
        lambda: ka.GenerationOptions(max_length=[3, -1]),
        ValueError,
        ["max_length", "-1"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    action, error, parts = BAD[name]
    with pytest.raises(error) as raised:
        action()
    message = str(raised.value)
    for part in parts:
        assert part in message, message


def test_step_and_precompute_need_a_built_attention():
    layer = ka.BahdanauAttention(4)
    with pytest.raises(ValueError, match="buil"):
        layer.precompute(VALUE)
    built = ka.BahdanauAttention(4)
    built(QUERY, VALUE)
    memory = built.precompute(VALUE)
    with pytest.raises(ValueError, match="buil"):
        layer.step(QUERY[:, 0], memory, built.initial_state(memory))


def test_step_and_precompute_need_a_built_decoder():
    built, data = decoder_cases.built("luong"), decoder_cases.inputs()
    memory = built.precompute(data["value"])
    state = built.initial_state(memory)
    decoder = decoder_cases.make("luong")
    with pytest.raises(ValueError, match="buil"):
        decoder.precompute(data["value"])
    with pytest.raises(ValueError, match="buil"):
        decoder.step(data["inputs"][:, 0], memory, state)


def test_symbolic_tensors_are_refused_outside_calls():
    layer, decoder = ka.LuongAttention("dot"), decoder_cases.built("luong")
    layer(QUERY, VALUE)
    memory = layer.precompute(VALUE)
    state = layer.initial_state(memory)
    with pytest.raises((ValueError, TypeError), match="symbolic"):
        layer.precompute(keras.Input((None, 6)))
    with pytest.raises((ValueError, TypeError), match="symbolic"):
        layer.step(keras.Input((6,)), memory, state)
    memory = decoder.precompute(decoder_cases.inputs()["value"])
    with pytest.raises((ValueError, TypeError), match="symbolic"):
        decoder.precompute(keras.Input((None, cases.DV)))
    with pytest.raises((ValueError, TypeError), match="symbolic"):
        decoder.step(keras.Input((3,)), memory, decoder.initial_state(memory))


def test_step_wants_one_query():
    layer = ka.LuongAttention("dot")
    layer(QUERY, VALUE)
    memory = layer.precompute(VALUE)
    with pytest.raises(ValueError, match="query"):
        layer.step(QUERY, memory, layer.initial_state(memory))


@pytest.mark.parametrize("shared", ["cell", "attention"])
def test_a_part_has_one_owner(shared):
    # An instance held by two layers saves but does not load.
    cell, attention = L.GRUCell(6), ka.LuongAttention("dot")
    owner = ka.AttentionDecoder(cell, attention)
    with pytest.raises(ValueError, match=shared) as raised:
        if shared == "cell":
            ka.AttentionDecoder(cell, ka.LuongAttention("dot"))
        else:
            ka.AttentionDecoder(L.GRUCell(6), attention)
    assert owner.name in str(raised.value)


def test_one_cell_object_twice_in_a_stack():
    cell = L.GRUCell(6)
    stack = L.StackedRNNCells([cell, cell])
    with pytest.raises(ValueError, match="cell"):
        ka.AttentionDecoder(stack, ka.LuongAttention("dot"))


def test_a_score_has_one_owner():
    score = ka.scores.get("general")
    owner = ka.Attention(score)
    with pytest.raises(ValueError, match="score") as raised:
        ka.Attention(score)
    assert owner.name in str(raised.value)


def test_encoder_and_decoder_of_a_model_have_one_owner():
    def model(encoder, decoder):
        return ka.Seq2Seq(encoder, decoder, 9, 8, 4)

    def parts():
        decoder = ka.AttentionDecoder(L.GRUCell(6), ka.BahdanauAttention(4))
        return ka.RecurrentEncoder(3, "gru"), decoder

    encoder, decoder = parts()
    owner = model(encoder, decoder)
    with pytest.raises(ValueError, match="encoder"):
        model(encoder, parts()[1])
    with pytest.raises(ValueError, match="decoder"):
        model(parts()[0], decoder)
    assert owner.built
