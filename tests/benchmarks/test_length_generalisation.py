"""The benchmark of lengths runs, goes on where it was, and makes the table."""

import dataclasses
import json

import numpy as np
import pytest

from benchmarks import length_generalisation
from benchmarks.copying import Copies, Setting, shares

pytestmark = pytest.mark.tensorflow_only

SETTING = Setting(3, (3, 7), 4, units=4, embedding=3, batch=8, updates=2, epochs=1)
FLAGS = [
    *("--in-process", "--longest=3", "--lengths=3,7", "--count=4", "--units=4"),
    *("--embedding=3", "--batch=8", "--updates=2", "--epochs=1"),
]


def stored(name, tokens=0.5):
    row = {"sequences": 0.25, "tokens": tokens, "before": 1.5}
    machine = {"cpu": "A processor", "cores": 2, "system": "Linux"}
    return {
        "name": name,
        "date": "2026-11-21",
        "machine": machine,
        "versions": {"keras": "3"},
        "setting": dataclasses.asdict(SETTING),
        "epochs": 1,
        "processor_seconds": 5.4,
        "others_share": 0.12,
        "lengths": {"3": row, "7": row},
    }


def keep(folder, name, **figures):
    (folder / f"{name}.json").write_text(json.dumps(stored(name, **figures)))


@pytest.mark.slow
def test_a_mechanism_is_measured_at_every_length(tmp_path):
    arguments = [*FLAGS, f"--results={tmp_path}", "--only=local_m"]
    assert length_generalisation.main(arguments) == 0
    found = length_generalisation.stored_figures(SETTING, tmp_path)
    assert list(found) == ["local_m"]
    figures = found["local_m"]
    assert set(stored("local_m")) <= set(figures)
    assert figures["epochs"] == 1 and len(figures["loss"]) == 1
    assert list(figures["lengths"]) == ["3", "7"]
    for length, row in figures["lengths"].items():
        assert 0 <= row["sequences"] <= row["tokens"] <= 1
        assert 0 <= row["before"] <= int(length) + 1


def test_figures_of_all_make_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"Above\n{length_generalisation.BEGIN}old\n")
    for number, name in enumerate(length_generalisation.NAMES):
        keep(tmp_path, name, tokens=number / 100)
    write = [*FLAGS, f"--results={tmp_path}", "--write-docs", f"--docs={page}"]
    with pytest.raises(ValueError, match="expected the lines"):
        length_generalisation.main(write)
    page.write_text(f"{page.read_text()}{length_generalisation.END}Below\n")
    # All are there already: nothing is trained.
    assert length_generalisation.main(write) == 0
    text = page.read_text()
    assert text.startswith("Above\n") and text.endswith("Below\n")
    assert "old" not in text
    assert "2026-11-21: A processor, one of 2 cores, Linux, keras 3.\n" in text
    for number, name in enumerate(length_generalisation.NAMES):
        cells = f"25.0 / {number}.0 | 25.0 / {number}.0"
        assert f"| `{name}` | 1 | 5 | {cells} | 2 |\n" in text


def test_a_mechanism_without_figures_reads_not_measured(tmp_path):
    keep(tmp_path, "local_m")
    page = tmp_path / "page.md"
    page.write_text(f"{length_generalisation.BEGIN}{length_generalisation.END}")
    arguments = [*FLAGS, f"--results={tmp_path}", "--only=local_m", "--write-docs"]
    assert length_generalisation.main([*arguments, f"--docs={page}"]) == 0
    text = page.read_text()
    assert "| `bahdanau` | not measured | | | | |\n" in text
    assert "| `local_m` | 1 | 5 |" in text


def test_figures_of_another_setting_are_not_done(tmp_path):
    keep(tmp_path, "local_m")
    found = length_generalisation.stored_figures
    assert list(found(SETTING, tmp_path)) == ["local_m"]
    assert not found(dataclasses.replace(SETTING, lengths=(3, 8)), tmp_path)


def test_unknown_names_are_refused(capsys):
    with pytest.raises(SystemExit):
        length_generalisation.main(["--only=dot,nothing"])
    assert "Received: ['nothing']" in capsys.readouterr().err


def test_what_counts_as_right():
    wanted = np.array([[5, 6, 7, 2]] * 4)
    ids = np.array([[5, 6, 7, 2, 0], [5, 6, 6, 7, 2], [5, 6, 2, 0, 0], [6, 6, 7, 2, 0]])
    right = shares(ids, wanted)
    assert right == {"sequences": 1 / 4, "tokens": 11 / 16, "before": 8 / 4}
    assert shares(ids[2:3, :3], wanted[:1])["tokens"] == 2 / 4


def test_data_has_every_length_and_never_repeats():
    data = Copies(Setting(longest=4, batch=50, updates=2))
    inputs, target = data[0]
    assert target.shape == (50, 5)
    ends = (target == 2).argmax(axis=1)
    assert set(ends) == {1, 2, 3, 4}
    places = np.arange(5)
    assert np.array_equal(target == 2, places == ends[:, None])
    assert np.array_equal(target == 0, places > ends[:, None])
    assert np.array_equal(inputs["source_ids"], target)
    given = inputs["target_ids"]
    assert (given[:, 0] == 1).all()
    shifted = np.where(target == 2, 0, target)[:, :-1]
    assert np.array_equal(given[:, 1:], shifted)
    assert np.array_equal(target, data[0][1])
    assert not np.array_equal(target, data[1][1])
    data.on_epoch_end()
    assert not np.array_equal(target, data[0][1])
