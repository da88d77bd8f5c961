"""Several models, policies, labels and other configurations while running."""

from __future__ import annotations

import logging
import shutil
import threading

import grpc
import pytest

from serving.errors import ModelLoadFailed
from serving.server import LoadPolicy
from serving.server.refusal import Refusal
from tests.serving.model_configs import (
    LABELS,
    UNAVAILABLE_LABEL,
    load,
    made,
    message_of,
    refused,
    served,
    spec,
)
from tests.serving.toys import without_index


@pytest.mark.parametrize(
    "more, numbers",
    [
        ("", [2]),
        ("model_version_policy { latest { num_versions: 2 } }", [1, 2]),
        ("model_version_policy { all {} }", [1, 2]),
        ("model_version_policy { specific { versions: 1 } }", [1]),
    ],
)
def test_policies_choose_among_the_folders(base, more, numbers):
    models = made(base, a=more, b="")
    assert served(models, "a") == numbers
    assert models.find(spec("a")).version == numbers[-1]
    assert models.find(spec("b")).version == 1


def test_a_policy_that_names_nothing_fails_the_start(base):
    with pytest.raises(ModelLoadFailed, match="none of the versions that its policy"):
        made(base, a="model_version_policy { specific { versions: 7 } }")


def test_another_policy_loads_before_it_unloads(base):
    models = made(base, a="")
    seen = []

    def watching(name, version, path):
        seen.append((version, served(models, "a")))
        return load(name, version, path)

    models._reconciler._load = watching
    models.reload(message_of(base, a="model_version_policy { specific {versions: 1}}"))
    models.refresh()
    assert seen == [(1, [2])]
    assert served(models, "a") == [1]


def test_a_policy_that_names_nothing_takes_nothing_away(base):
    models = made(base, a="")
    models.reload(message_of(base, a="model_version_policy { specific {versions: 7}}"))
    models.refresh()
    assert served(models, "a") == [2]


def test_models_come_and_go(base):
    models = made(base, a="")
    before = models.find(spec("a"))
    models.reload(message_of(base, a="", b=""))
    assert models.find(spec("a")) is before
    assert models.find(spec("b")).version == 1
    models.reload(message_of(base, b=""))
    with pytest.raises(Refusal, match=r"Latest\(a\)"):
        models.find(spec("a"))
    assert [line.state for line in models.status(spec("a"))] == [50]
    models.reload(message_of(base))
    assert models.served() == {}


def test_labels(base):
    models = made(base, a=LABELS, b="")
    assert models.find(spec("a", label="stable")).version == 2
    for name in ("a", "b", "nope"):
        with pytest.raises(Refusal) as caught:
            models.find(spec(name, label="canary"))
        assert caught.value.message == "Unrecognized servable version label: canary"
        assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    models.reload(message_of(base, a=""))
    with pytest.raises(Refusal, match="Unrecognized servable version label: stable"):
        models.find(spec("a", label="stable"))


def test_a_label_outlives_its_version(base):
    models = made(base, a=LABELS)
    shutil.copytree(base / "a" / "1", base / "a" / "3")
    models.refresh()
    with pytest.raises(Refusal) as caught:
        models.find(spec("a", label="stable"))
    assert caught.value.message == "Servable not found for request: Specific(a, 2)"


def test_labels_only_for_what_is_available(base):
    models = made(base, a=LABELS)
    wrong = message_of(base, a="version_labels { key: 'stable' value: 1 }", b="")
    refusal = refused(models, wrong)
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.message == UNAVAILABLE_LABEL.format(1, "a")
    # All of the old configuration is in force: labels, models, and what is polled.
    assert models.find(spec("a", label="stable")).version == 2
    assert models.served() == {"a": True}
    with pytest.raises(ModelLoadFailed, match="assign label to version 7 of model a"):
        made(base, a="version_labels { key: 'x' value: 7 }")


def test_unused_labels_for_what_is_not_available(base):
    models = made(base, LoadPolicy(labels_for_unavailable=True), a=LABELS)
    two = LABELS + "version_labels { key: 'next' value: 3 }"
    models.reload(message_of(base, a=two))
    with pytest.raises(Refusal, match=r"Specific\(a, 3\)"):
        models.find(spec("a", label="next"))
    moved = "version_labels { key: 'stable' value: 3 }"
    assert refused(models, message_of(base, a=moved)).message == (
        UNAVAILABLE_LABEL.format(3, "a")
    )


def test_a_new_model_may_bring_its_labels(base):
    models = made(base, b="")
    models.reload(message_of(base, a=LABELS, b=""))
    assert models.find(spec("a", label="stable")).version == 2


def test_a_new_model_that_does_not_load_changes_nothing(base):
    without_index(base / "a" / "1", base / "bad" / "1")
    models = made(base, a="", b="")
    before = models.find(spec("a"))
    refusal = refused(models, message_of(base, b="", bad=""))
    assert refusal.code is grpc.StatusCode.UNKNOWN
    assert refusal.message.startswith(
        "1 model(s) did not become available: {{{name: bad version: 1} due to error: "
        "NOT_FOUND: the graph has variables, but "
    )
    assert refusal.message.endswith("}, }")
    assert models.find(spec("a")) is before
    assert models.served() == {"a": True, "b": True}
    (line,) = models.status(spec("bad"))
    assert (line.state, line.status.error_code) == (line.END, 5)
    refusal = refused(models, message_of(base, nowhere=""))
    assert "base path" in refusal.message and "does not exist" in refusal.message


def test_models_beside_one_that_fails_are_not_kept(base):
    without_index(base / "a" / "1", base / "bad" / "1")
    models = made(base, a="")
    refused(models, message_of(base, a="", b="", bad=""))
    with pytest.raises(Refusal, match=r"Latest\(b\)"):
        models.find(spec("b"))


def test_one_missing_folder_does_not_stop_the_others(base, caplog):
    models = made(base, a="", b="")
    (base / "a").rename(base / "gone")
    shutil.copytree(base / "b" / "1", base / "b" / "2")
    with caplog.at_level(logging.WARNING, "serving"):
        models.refresh()
        models.refresh()
    assert served(models, "a") == [2]
    assert served(models, "b") == [2]
    assert caplog.text.count("model a: cannot look for versions") == 1


class Failing:
    """Fails so many times, then loads."""

    def __init__(self, times):
        self.left, self.calls = times, 0

    def __call__(self, name, version, path):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise Refusal(grpc.StatusCode.DATA_LOSS, "bits")
        return load(name, version, path)


def test_failed_loads_are_tried_again(base, caplog):
    policy = LoadPolicy(retries=2, retry_seconds=0.01)
    with caplog.at_level(logging.ERROR, "serving"):
        models = made(base, policy, Failing(2), b="")
    assert served(models, "b") == [1]
    assert caplog.text.count("model b: version 1 does not load: DATA_LOSS: bits") == 2


def test_retries_end(base):
    loader = Failing(3)
    with pytest.raises(ModelLoadFailed, match="version 1.*DATA_LOSS: bits"):
        made(base, LoadPolicy(retries=2, retry_seconds=0.01), loader, b="")
    assert loader.calls == 3


def test_while_retries_are_left_the_version_is_loading(base):
    loader = Failing(0)
    policy = LoadPolicy(retries=1, retry_seconds=1e6)
    models = made(base, policy, loader, b="")
    shutil.copytree(base / "b" / "1", base / "b" / "2")
    loader.left = 9
    models.refresh()
    models.refresh()  # not due for days
    assert loader.calls == 2
    line = models.status(spec("b", version=2))[0]
    assert (line.state, line.status.error_code) == (line.LOADING, 0)
    shutil.copytree(base / "b" / "1", base / "b" / "3")
    loader.left = 0
    models.refresh()
    assert [line.state for line in models.status(spec("b"))] == [30, 50, 50]
    assert models.status(spec("b", version=2))[0].status.error_message == "bits"


def test_an_error_of_another_kind_is_a_failed_load_too(base):
    def broken(name, version, path):
        raise RuntimeError("oh")

    with pytest.raises(ModelLoadFailed, match="INTERNAL: RuntimeError"):
        made(base, None, broken, b="")


def test_several_models_load_at_once(base):
    both = threading.Barrier(2, timeout=30)

    def together(name, version, path):
        both.wait()
        return load(name, version, path)

    models = made(base, LoadPolicy(threads=2), together, a="", b="")
    assert models.served() == {"a": True, "b": True}


def test_a_load_that_ends_after_its_model_has_gone_has_no_effect(base):
    begun, go = threading.Event(), threading.Event()
    models = made(base, b="")

    def slow(name, version, path):
        begun.set()
        assert go.wait(30)
        return load(name, version, path)

    models._reconciler._load = slow
    shutil.copytree(base / "b" / "1", base / "b" / "2")
    models.poll()
    assert begun.wait(30)
    models.reload(message_of(base))
    go.set()
    models._executor.shutdown(wait=True)
    assert served(models, "b") == []


def test_bad_policies_of_loading_are_refused():
    for wrong in ({"threads": -1}, {"retries": -1}, {"retry_seconds": -0.5}):
        with pytest.raises(ValueError, match="Expected: at least 0. Received: -"):
            LoadPolicy(**wrong)
