"""Configurations of several models, and the models that they make."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from serving.messages import config_pb2, model_pb2
from serving.server.config.model_config import of_message
from serving.server.refusal import Refusal
from serving.server.runtime.session import SavedModelSession
from serving.server.versions.model_manager import ModelManager
from serving.server.versions.servable import Servable

UNAVAILABLE_LABEL = (
    "Request to assign label to version {} of model {}, which is not currently "
    "available for inference"
)
LABELS = "version_labels { key: 'stable' value: 2 }"


def load(name, version, path):
    session = SavedModelSession(path)
    return Servable(name, version, session.signatures, session)


def text_of(base, **models):
    """A configuration as text: further fields by model name."""
    lines = [
        f'config {{ name: "{name}" base_path: "{base / name}" '
        f'model_platform: "tensorflow" {more} }}'
        for name, more in models.items()
    ]
    return f"model_config_list {{ {' '.join(lines)} }}"


def message_of(base, **models):
    kind = config_pb2.ModelServerConfig
    return text_format.Parse(text_of(base, **models), kind())


def made(base, policy=None, load=load, **models):
    started = ModelManager(of_message(message_of(base, **models), {}), load, policy)
    started.start()
    return started


def spec(name, **choice):
    found = model_pb2.ModelSpec(name=name)
    if "label" in choice:
        found.version_label = choice["label"]
    if "version" in choice:
        found.version.value = choice["version"]
    return found


def served(models, name):
    states = models.status(spec(name))
    return sorted(line.version for line in states if line.state == line.AVAILABLE)


def refused(models, message):
    with pytest.raises(Refusal) as caught:
        models.reload(message)
    return caught.value
