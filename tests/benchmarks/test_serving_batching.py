"""The benchmark of request batching runs, and its figures add up."""

import json

import pytest

from benchmarks import serving_batching
from tests.serving.toys import save_upper

pytestmark = pytest.mark.tensorflow_only


@pytest.mark.slow
def test_every_way_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(serving_batching, "_words", lambda count: ["word"] * count)
    monkeypatch.setattr(serving_batching, "SIZES", (1, 2))
    save_upper(tmp_path / "upper" / "1")
    arguments = [f"--model={tmp_path / 'upper' / '1'}", "--seconds=0.02", "--rounds=1"]
    arguments += ["--in-flight=4", f"--results={tmp_path / 'figures.json'}"]
    status = serving_batching.main(arguments)
    stored = json.loads((tmp_path / "figures.json").read_text())
    rates = stored["words_per_second"]
    assert len(rates) == 10
    assert min(rates.values()) > 0
    for share, way in (("share", "batching"), ("share_over_grpc", "over gRPC")):
        expected = round(rates[way] / rates[stored["best"]], 3)
        assert stored[share] == pytest.approx(expected, abs=0.002)
    assert status == (0 if stored["share"] >= serving_batching.BAR else 1)
    assert f"4 in flight reach {stored['share']:.0%}" in capsys.readouterr().out


def test_a_missing_model_is_said(tmp_path, capsys):
    with pytest.raises(SystemExit):
        serving_batching.main([f"--model={tmp_path / 'none'}"])
    assert "which `make demo` writes; found none" in capsys.readouterr().err
