"""The REST side of a server, put together if one is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from serving.embedded.calls import Observer
from serving.embedded.models import Models
from serving.embedded.rest.options import RestOptions
from serving.embedded.tls import Tls, ssl_context

if TYPE_CHECKING:  # it needs aiohttp
    from serving.embedded.rest.server import RestServer


def rest_side(
    options: RestOptions | None,
    tls: Tls | None,
    models: Models,
    observers: Sequence[Observer],
) -> tuple[RestServer | None, list[Observer]]:
    """The REST server, not started, and who is to be told of calls over gRPC too."""
    told = list(observers)
    if options is None:
        return None, told
    from serving.embedded.rest.api import Api
    from serving.embedded.rest.server import RestServer

    page = None
    if options.metrics_path is not None:
        from serving.embedded.metrics import Metrics

        metrics = Metrics(models.served)
        told.append(metrics.observe)
        page = metrics.page
    context = None if tls is None else ssl_context(tls)
    return RestServer(Api(models, tuple(told)), options, context, page), told
