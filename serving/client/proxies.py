"""HTTP proxies of the environment: which targets never use one, and which one is used.

gRPC sends every connection through the proxy that the environment names, also those to
its own machine, where a proxy elsewhere finds nobody or, worse, another server.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from urllib.parse import unquote

#: In gRPC's order; it knows them in small letters only.
_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXCEPTIONS = ("no_grpc_proxy", "no_proxy")


def is_loopback(target: str) -> bool:
    """Whether all addresses of a gRPC target are on this machine.

    >>> is_loopback("ipv6:[::1]:8500,[::1]:8501"), is_loopback("dns:///models:8500")
    (True, False)
    """
    return all(_is_loopback(host) for host in _hosts(target))


def proxy_variable(target: str) -> str | None:
    """The environment variable whose proxy gRPC has for a target; None without.

    Exceptions written as networks (``10.0.0.0/8``) are not looked at.
    """
    named = next(filter(os.environ.get, _VARIABLES), None)
    if named is None or target.startswith("unix"):
        return None
    exceptions = os.environ.get(next(filter(os.environ.get, _EXCEPTIONS), ""), "")
    endings = tuple(filter(None, re.split(r"[,\s]+", exceptions)))
    return None if _hosts(target)[0].endswith(endings) else named


def _hosts(target: str) -> list[str]:
    """Names and addresses of a target, without scheme, authority and ports."""
    if re.match(r"(dns|ipv4|ipv6|passthrough):(?!\d+$)", target):
        target = target.partition(":")[2].rpartition("/")[2]
    return [_without_port(address) for address in unquote(target).split(",")]


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, separator, _ = address.rpartition(":")
    return host if separator and ":" not in host else address


def _is_loopback(host: str) -> bool:
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # Nothing but this machine is reached at 0.0.0.0 and [::].
    return address.is_loopback or address.is_unspecified
