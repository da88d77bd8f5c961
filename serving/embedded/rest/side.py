"""The REST side of a server, put together if one is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from serving.embedded.calls import Observer
from serving.embedded.models import Models
from serving.embedded.rest.options import RestOptions
from serving.embedded.tls import Tls, ssl_context

if TYPE_CHECKING:  # it needs aiohttp
    from serving.embedded.metrics import Metrics
    from serving.embedded.rest.server import RestServer


def metrics_of(options: RestOptions | None, models: Models) -> Metrics | None:
    """What counts for the page of metrics, if there is to be one."""
    if options is None or options.metrics_path is None:
        return None
    from serving.embedded.metrics import Metrics

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
    from serving.embedded.rest.api import Api
    from serving.embedded.rest.server import RestServer

    page = None
    if metrics is not None:
        told.append(metrics.observe)
        page = metrics.page
    context = None if tls is None else ssl_context(tls)
    return RestServer(Api(models, tuple(told)), options, context, page), told
