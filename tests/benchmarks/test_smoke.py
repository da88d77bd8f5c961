"""Both benchmarks run, their variants agree, and what they store can be read."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import (
    generate,
    harness,
    lstm_layer,
    monotonic,
    problem,
    report,
    served_generation,
    shortlist,
    train_step,
)
from benchmarks.variants import Setting

pytestmark = pytest.mark.tensorflow_only


def _run(benchmark, variants, folder, *more):
    arguments = [*more, "--preset=tiny", "--rounds=1", "--calls=1", "--threads=1"]
    arguments += [f"--variants={variants}", f"--results={folder}"]
    arguments += ["--write-docs", f"--docs={folder / 'page.md'}"]
    assert benchmark.main(arguments) == 0
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text()), (folder / "page.md").read_text()


def test_the_page_is_that_of_the_stored_results():
    assert report.PAGE.read_text() == report.page()


@pytest.mark.slow
def test_training_steps_agree_and_are_timed(tmp_path):
    variants = "ours,keras-careful,keras-naive,gemm"
    stored, page = _run(train_step, variants, tmp_path, "--optimizer")
    rows = stored["cases"]["step"]
    assert list(rows) == ["ours", "keras-careful", "keras-naive"]
    assert rows["ours"]["relative_min"] == 1.0
    assert all(row["calls"] == 1 and row["min_ms"] > 0 for row in rows.values())
    differences = stored["largest_relative_difference"]
    assert set(differences) == {"keras-careful", "keras-naive"}
    assert max(differences.values()) <= harness.TOLERANCE
    assert stored["gemm_floor"]["gflop_per_second"] > 0
    assert stored["command"] in page
    assert f"| step | keras-naive | {rows['keras-naive']['min_ms']:.1f} |" in page


@pytest.mark.slow
def test_layers_agree_and_are_timed(tmp_path):
    arguments = ["--units", "4", "6", "--rounds=1", "--calls=1", "--threads=1"]
    arguments += [f"--results={tmp_path}", "--write-docs"]
    assert lstm_layer.main([*arguments, f"--docs={tmp_path / 'page.md'}"]) == 0
    stored = json.loads((tmp_path / "lstm_layer.json").read_text())
    assert list(stored["cases"]) == ["4 units", "6 units"]
    for rows in stored["cases"].values():
        assert {"lstm", "keras-lstm", "keras-lstm-xla"} <= set(rows)
        assert all(row["min_ms"] > 0 for row in rows.values())
    assert max(stored["largest_relative_difference"].values()) <= harness.TOLERANCE
    assert "## lstm_layer" in (tmp_path / "page.md").read_text()


@pytest.mark.slow
def test_generations_agree_and_are_timed(tmp_path):
    stored, page = _run(generate, "ours,keras-careful", tmp_path)
    assert list(stored["cases"]) == ["B=1", "B=8", "B=64"]
    for rows in stored["cases"].values():
        assert all(row["min_us_per_step"] > 0 for row in rows.values())
    assert "## generate-tiny" in page


@pytest.mark.slow
def test_an_export_answers_the_same_however_it_is_asked(tmp_path):
    variants = "served-compiled,served-plain,served-text-compiled"
    stored, _ = _run(served_generation, variants, tmp_path, "--batches=1,3")
    assert {*stored["largest_relative_difference"]} == {*variants.split(",")[1:]}
    assert stored["cases"]["B=3"]["served-compiled"]["min_us_per_step"] > 0


@pytest.mark.slow
def test_generations_with_and_without_a_shortlist(tmp_path):
    arguments = ["--preset=tiny", "--rounds=1", "--calls=1", "--threads=1"]
    arguments += ["--candidates=2", "--frequent=1", "--batches=1,3", "--beams=1,2"]
    arguments += [f"--results={tmp_path}", "--write-docs"]
    assert shortlist.main([*arguments, f"--docs={tmp_path / 'page.md'}"]) == 0
    stored = json.loads((tmp_path / "shortlist-tiny.json").read_text())
    names = [case.split(", M=")[0] for case in stored["cases"]]
    assert names == ["B=1, K=1", "B=1, K=2", "B=3, K=1", "B=3, K=2"]
    sizes = problem.PRESETS["tiny"]
    assert all(
        3 < int(case.split("M=")[1]) <= sizes.vocabulary for case in stored["cases"]
    )
    for rows in stored["cases"].values():
        assert list(rows) == ["shortlist", "whole"]
    # Their answers are the same, and so are the sums.
    assert stored["largest_relative_difference"]["whole"] <= harness.TOLERANCE
    assert "## shortlist-tiny" in (tmp_path / "page.md").read_text()


@pytest.mark.slow
def test_energies_of_a_walk_are_fewer():
    walked, whole = monotonic.measure(length=9, units=8, rounds=1)
    assert (walked[0], whole[0]) == ("`generate_monotonic`", "`generate`")
    assert int(walked[1]) <= 9 + 9 and int(whole[1]) == 9 * 9


@pytest.mark.slow
def test_torch_agrees(tmp_path):
    pytest.importorskip("torch")
    for benchmark in (train_step, generate):
        folder = tmp_path / benchmark.__name__
        stored, _ = _run(benchmark, "torch,ours", folder)
        assert set(stored["largest_relative_difference"]) == {"ours"}


@pytest.mark.slow
def test_other_outputs_are_refused(tmp_path):
    sizes = problem.PRESETS["tiny"]
    cases = {str(seed): problem.data(sizes, 4, False, seed) for seed in (1, 2)}
    stored = tmp_path / "problem.npz"
    problem.save(stored, problem.weights(sizes), cases)
    with harness.running("train_step", ["ours"], stored, Setting(1)) as (worker,):
        first, again, other = (
            worker.ask("check", case=case)["outputs"]["loss"] for case in "112"
        )
    assert harness.relative_difference("loss", again, first) == 0.0
    with pytest.raises(harness.BenchmarkError, match="loss: expected .* within 0.0001"):
        harness.relative_difference("loss", other, first)


@pytest.mark.slow
def test_a_failing_variant_says_why(tmp_path):
    stored = tmp_path / "problem.npz"
    problem.save(stored, {}, {})
    with pytest.raises(harness.BenchmarkError, match="Variant ours failed: KeyError"):
        with harness.running("train_step", ["ours"], stored, Setting(1)):
            pass


def test_difference_is_relative_and_integers_are_exact():
    assert harness.relative_difference("x", [100.0], [100.001]) < 1.1e-5
    with pytest.raises(harness.BenchmarkError, match="apart"):
        harness.relative_difference("x", [1.0], [1.001])
    with pytest.raises(harness.BenchmarkError, match="apart"):
        harness.relative_difference("x", [math.nan], [1.0])
    with pytest.raises(harness.BenchmarkError, match="1 rows differ, first 1"):
        harness.relative_difference("ids", [[1, 2], [3, 4]], [[1, 2], [3, 5]])
    with pytest.raises(harness.BenchmarkError, match="expected shape"):
        harness.relative_difference("ids", [[1, 2]], [[1, 2, 3]])


def test_data_is_what_the_model_expects():
    sizes = problem.PRESETS["tiny"]
    arrays = problem.data(sizes, 50, full=False)
    assert (arrays["source"].shape, arrays["labels"].shape) == ((50, 5), (50, 4))
    assert np.array_equal(arrays["target"][:, 0], np.full(50, problem.START))
    for ids in (arrays["source"], arrays["labels"]):
        assert np.array_equal((ids == problem.END).sum(1), np.ones(50))
        ends = (ids == problem.END).argmax(1)
        padding = np.arange(ids.shape[1])[None] > ends[:, None]
        assert np.array_equal(ids == problem.PAD, padding)
    assert np.array_equal(arrays["target"] == problem.PAD, arrays["labels"] == 0)
    assert len(set((arrays["labels"] == problem.END).argmax(1))) > 1
    full = problem.data(sizes, 50, full=True)
    assert not (full["source"] == problem.PAD).any()


@pytest.mark.parametrize(
    "arguments",
    [["--variants=gemm"], ["--variants=ours,nothing"], ["--rounds=0"]],
)
def test_bad_arguments_end_with_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        train_step.main(arguments)
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err.lower()


@pytest.mark.slow
def test_selections_choose_alike():
    arguments = ["--batches=2", "--vocabulary=1100", "--depth=4", "--repeats=1"]
    out = _printed("beam_selection", *arguments, "--rounds=1")
    assert out.count("B=2, K=5, V=1100, ") == 3


@pytest.mark.slow
def test_generations_that_leave_rows_out_answer_alike():
    arguments = ["--preset=tiny", "--rows=33", "--beams=1,2", "--batches=1"]
    out = _printed("compaction", *arguments, "--rounds=1")
    assert out.count("tokens/s against") == 4


def _printed(module, *arguments):
    """What a benchmark prints in a process of its own, whose threads it sets."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
