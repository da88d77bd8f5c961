"""Several exports into one place at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from keras_attention.export.version_folders import publish, staging, versions

pytestmark = pytest.mark.tensorflow_only

EXPORTS = 8


def race(base, version):
    """Publish from as many threads as there are exports; what each one got."""
    ready = Barrier(EXPORTS, timeout=60)

    def export(number):
        with staging(base) as directory:
            (directory / "saved_model.pb").write_text(str(number))
            ready.wait()
            try:
                return publish(directory, base, version)
            except ValueError as error:
                return error

    with ThreadPoolExecutor(EXPORTS) as pool:
        return list(pool.map(export, range(EXPORTS)))


def test_each_export_has_a_version_of_its_own(tmp_path):
    paths = race(tmp_path, None)
    assert versions(tmp_path) == set(range(1, EXPORTS + 1))
    for number, path in enumerate(paths):
        assert (path / "saved_model.pb").read_text() == str(number)
    assert len([*tmp_path.iterdir()]) == EXPORTS, "nothing temporary is left"


def test_only_one_export_gets_a_given_version(tmp_path):
    results = race(tmp_path, 5)
    (number,) = [i for i, r in enumerate(results) if not isinstance(r, ValueError)]
    assert (tmp_path / "5" / "saved_model.pb").read_text() == str(number)
    assert sum("version=5" in str(result) for result in results) == EXPORTS - 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["5"]


def test_a_failed_export_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), staging(tmp_path):
        raise RuntimeError
    assert not [*tmp_path.iterdir()]


def test_versions_as_a_server_reads_them(tmp_path):
    for name in ("1", "007", "1a", "-3", ".export-x", "²"):
        (tmp_path / name).mkdir()
    assert versions(tmp_path) == {1, 7}
    assert versions(tmp_path / "missing") == set()
