"""Labels of versions: which may be assigned."""

from __future__ import annotations

from collections.abc import Iterable

import grpc

from serving.server.config.model_config import ModelConfig
from serving.server.refusal import Refusal
from serving.server.versions.version_registry import Registry


def labels_of(
    entries: Iterable[ModelConfig], registry: Registry, allow_unavailable: bool
) -> dict[str, dict[str, int]]:
    """The labels of models, checked.

    Args:
        entries: The models.
        registry: Which versions are available, and the labels so far.
        allow_unavailable: Whether a label that is not used yet may name a version
            that is not available.

    Returns:
        Version by label by model.

    Raises:
        Refusal: A label may not be assigned, with TF Serving's code and message.
    """
    current = registry.labels()
    for entry in entries:
        available = registry.available(entry.name)
        for label, number in entry.labels.items():
            if number in available:
                continue
            used = current.get(entry.name, {}).get(label, number)
            if not (allow_unavailable and used == number):
                raise Refusal(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"Request to assign label to version {number} of model "
                    f"{entry.name}, which is not currently available for inference",
                )
    return {entry.name: dict(entry.labels) for entry in entries}
