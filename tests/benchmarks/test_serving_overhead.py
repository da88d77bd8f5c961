"""The benchmark of what a call adds runs, and its figures add up."""

import json

import pytest

from benchmarks import serving_overhead
from tests.serving.toys import save_upper

pytestmark = pytest.mark.tensorflow_only


@pytest.mark.slow
def test_every_way_is_measured(tmp_path, capsys):
    save_upper(tmp_path / "upper" / "1")
    arguments = [f"--model={tmp_path / 'upper'}", "--calls=3", "--rounds=1"]
    status = serving_overhead.main([*arguments, f"--results={tmp_path / 'x.json'}"])
    stored = json.loads((tmp_path / "x.json").read_text())
    taken, added = stored["milliseconds"], stored["added_ms"]
    assert set(taken) == {"session", "signature", "client", "stub"}
    assert set(taken) == {"session", *added}
    assert len(stored["floor_ms"]) == 5
    assert stored["floor_ms"]["grpcio"] > 0
    for way, value in added.items():
        assert value == pytest.approx(taken[way] - taken["session"], abs=0.002)
    assert status == (0 if added["client"] <= serving_overhead.BAR_MS else 1)
    assert f"The bar is {serving_overhead.BAR_MS} ms" in capsys.readouterr().out


@pytest.mark.slow
def test_threads_are_those_of_both_sides(tmp_path):
    options = "--calls=1 --rounds=1 --intra-op=1".split()
    save_upper(tmp_path / "upper" / "1")
    options += [f"--model={tmp_path / 'upper'}", f"--results={tmp_path / 'x.json'}"]
    serving_overhead.main(options)
    stored = json.loads((tmp_path / "x.json").read_text())
    assert stored["server_flags"] == [
        "--xla_cpu_compilation_enabled=false",
        "--tensorflow_intra_op_parallelism=1",
    ]
    assert " --intra-op 1 " in stored["command"]


def test_a_missing_model_is_said(tmp_path, capsys):
    with pytest.raises(SystemExit):
        serving_overhead.main([f"--model={tmp_path / 'none'}"])
    assert "which `make demo` writes; found none" in capsys.readouterr().err
