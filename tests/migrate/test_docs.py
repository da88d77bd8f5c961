"""The pages for those who come from elsewhere run, and leave no name out."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.tensorflow_only

ROOT = Path(__file__).parents[2]
# `tfa.seq2seq` of 0.23.
NAMES = """
    AttentionMechanism AttentionWrapper AttentionWrapperState BahdanauAttention
    BahdanauMonotonicAttention LuongAttention LuongMonotonicAttention hardmax
    monotonic_attention safe_cumprod BasicDecoder BasicDecoderOutput BeamSearchDecoder
    BeamSearchDecoderOutput BeamSearchDecoderState FinalBeamSearchDecoderOutput
    gather_tree gather_tree_from_array tile_batch BaseDecoder Decoder dynamic_decode
    SequenceLoss sequence_loss CustomSampler GreedyEmbeddingSampler InferenceSampler
    SampleEmbeddingSampler Sampler ScheduledEmbeddingTrainingSampler
    ScheduledOutputTrainingSampler TrainingSampler
""".split()


def _run(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    scope = {"__name__": "page"}
    exec("".join(blocks), scope)
    return text, scope


def test_from_tensorflow_addons(monkeypatch, capsys):
    text, _ = _run("from_tensorflow_addons.md", monkeypatch)
    printed = capsys.readouterr().out
    assert "decoder/cell/_attention_layers/0/kernel" in printed
    shown = re.search(r"^    The weights do not fit.*?\n\n", text, re.DOTALL | re.M)[0]
    for line in shown.splitlines()[1:-1]:
        assert line[4:] in printed
    (table,) = re.findall(r"\| `tfa.seq2seq` \|.*?\n\n", text, re.DOTALL)
    first = "".join(row.split("|")[1] for row in table.splitlines()[2:] if row)
    assert sorted(re.findall(r"`(\w+)`", first)) == sorted(NAMES)


def test_coming_from(monkeypatch):
    _, scope = _run("coming_from.md", monkeypatch)
    assert tuple(scope["vector"].shape) == (2, 3)
