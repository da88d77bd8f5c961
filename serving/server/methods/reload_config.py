"""HandleReloadConfigRequest: another list of models while running."""

from __future__ import annotations

import logging

from serving.messages import error_codes_pb2, management_pb2
from serving.server.refusal import Refusal, invalid
from serving.server.versions.model_manager import ModelManager

_LOG = logging.getLogger(__name__)


def handle_reload_config(
    models: ModelManager, request: management_pb2.ReloadConfigRequest, timeout_ms: int
) -> management_pb2.ReloadConfigResponse:
    """Puts the configuration of a request into force; ``metric_names`` is ignored.

    After a Refusal what was served before still is.
    """
    if request.config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
            "ModelConfigList is currently supported"
        )
    try:
        models.reload(request.config)
    except Refusal as refusal:
        _LOG.error("the configuration in force stays: %s", refusal)
        raise
    response = management_pb2.ReloadConfigResponse()
    response.status.error_code = error_codes_pb2.OK
    return response
