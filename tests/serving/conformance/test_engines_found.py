"""Says in the summary what the suite could not be run against."""

from __future__ import annotations

import pytest

from tests.serving import stock
from tests.serving.web import ask


@pytest.mark.skipif(stock.engine() is None, reason=stock.ABSENT)
@pytest.mark.parametrize("server", [stock.engine()], indirect=True)
def test_the_real_server_is_asked(server):
    """It does not have our page of health."""
    assert ask(server.rest_port, "GET", "/healthz").status == 404
