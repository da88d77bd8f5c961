"""The REST side of a server, put together if one is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from serving.server.observability.call_record import Observer
from serving.server.rest.options import RestOptions
from serving.server.tls import Tls, ssl_context
from serving.server.versions.model_manager import Models

if TYPE_CHECKING:  # it needs aiohttp
    from serving.server.observability.metrics import Metrics
    from serving.server.rest.server import RestServer


def metrics_of(options: RestOptions | None, models: Models) -> Metrics | None:
    """What counts for the page of metrics, if there is to be one."""
    if options is None or options.metrics_path is None:
        return None
    from serving.server.observability.metrics import Metrics

    return Metrics(models.served)


def rest_side(
    options: RestOptions | None,
    tls: Tls | None,
    models: Models,
    observers: Sequence[Observer],
    metrics: Metrics | None,
) -> tuple[RestServer | None, list[Observer]]:
    """The REST server, not started, and who is to be told of calls over gRPC too."""
    told = list(observers)
    if options is None:
        return None, told
    from serving.server.rest.api import Api
    from serving.server.rest.server import RestServer

    page = None
    if metrics is not None:
        told.append(metrics.observe)
        page = metrics.page
    context = None if tls is None else ssl_context(tls)
    return RestServer(Api(models, tuple(told)), options, context, page), told
