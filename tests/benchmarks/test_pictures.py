"""Pictures of cost, the sweeps they are made of, and the benchmark for GPUs."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import pictures, sweep

pytestmark = pytest.mark.tensorflow_only


def _stored(**cases):
    return {
        "cases": {
            case.replace("_", " ").replace("eq", "="): {
                name: {"min_ms": value, "min_us_per_step": 2 * value, "extra_mb": value}
                for name, value in rows.items()
            }
            for case, rows in cases.items()
        }
    }


def test_curves_are_by_the_size_that_differs():
    stored = _stored(Teq16_Beq2={"ours": 3.0}, Teq8_Beq2={"ours": 1.0, "other": 2.0})
    assert pictures.curves(stored, "min_us_per_step") == (
        "T",
        {"ours": [(8, 2.0), (16, 6.0)], "other": [(8, 4.0)]},
    )
    # A source as long as the target is one size, not two.
    stored = _stored(Teq8_Seq8={"ours": 1.0}, Teq16_Seq16={"ours": 1.0})
    assert pictures.curves(stored, "min_ms")[0] == "T"
    assert pictures.curves(stored, "what no row has")[1] == {}


@pytest.mark.parametrize(
    "cases", [{"Beq1": {}}, {"Beq1_Veq2": {}, "Beq2_Veq3": {}}, {"step": {}}]
)
def test_other_cases_are_refused(cases):
    with pytest.raises(ValueError, match="differ in one size"):
        pictures.curves(_stored(**cases), "min_ms")


def test_every_result_is_drawn_and_drawn_the_same(tmp_path):
    sweeps = tmp_path / "results" / "sweeps"
    sweeps.mkdir(parents=True)
    stored = _stored(Beq1={"ours": 1.0, "torch": 2.0}, Beq8={"ours": 3.0, "torch": 9.0})
    long = _stored(Teq64={"ours": 1.0, "keras": 9.0}, Teq2000={"ours": 20.0})
    for name, value in (
        ("generate-B-small", stored),
        ("generate-B-large", stored),
        ("train_step-B-small", stored),
        ("additive_attention", long),
    ):
        (sweeps / f"{name}.json").write_text(json.dumps(value))
    drawn = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        given = [f"--results={tmp_path / 'results'}", f"--folder={folder}"]
        assert pictures.main(given) == 0
        drawn.append({path.name: path.read_text() for path in folder.iterdir()})
    assert drawn[0] == drawn[1]
    assert sorted(drawn[0]) == [
        "additive_attention.svg",
        "generate-large.svg",
        "generate-small.svg",
        "train_step-small.svg",
    ]
    assert ">torch<" in drawn[0]["generate-small.svg"]
    assert ">2,000<" in drawn[0]["additive_attention.svg"]


@pytest.mark.slow
def test_a_sweep_is_stored_and_can_be_drawn(tmp_path):
    given = ["--preset=tiny", "--rounds=1", "--calls=1", "--threads=1"]
    given += ["--variants=ours,keras-careful", f"--results={tmp_path}"]
    for task, axis, points in (("generate", "V", "8,16"), ("train_step", "T", "2,4")):
        assert sweep.main([task, axis, f"--points={points}", *given]) == 0
        path = tmp_path / "sweeps" / f"{task}-{axis}-tiny.json"
        letter, found = pictures.curves(json.loads(path.read_text()), "min_ms")
        assert letter == axis
        for curve in found.values():
            assert [size for size, _ in curve] == [int(x) for x in points.split(",")]


def test_an_axis_that_a_task_has_not_is_refused(capsys):
    with pytest.raises(SystemExit):
        sweep.main(["train_step", "S"])
    assert "expected an axis" in capsys.readouterr().err


def _gpu(*given, backend="jax"):
    environment = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *given],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_without_a_gpu_nothing_is_measured():
    done = _gpu()
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected a GPU for jax. Found none" in done.stderr
    done = _gpu(backend="tensorflow")
    assert done.returncode == 1 and "Received: tensorflow" in done.stderr


@pytest.mark.slow
def test_layers_on_a_gpu_agree_with_the_formula_anywhere():
    sizes = ["--sizes", "2", "5", "8", "--rounds=1"]
    done = _gpu("--anywhere", *sizes)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("of medians") == 3
