"""Which version a path means, and at which addresses the embedded engine listens."""

from __future__ import annotations

import dataclasses
import socket

import pytest

from serving.server import ConfigFile, Server
from tests.serving.conftest import LOOPBACK
from tests.serving.toys import save_upper
from tests.serving.web import ask


def test_versions_and_labels(toys, tmp_path):
    for version, mark in ((1, "one "), (2, "two "), (3, "three ")):
        save_upper(tmp_path / "upper" / str(version), mark)
    file = tmp_path / "models.config"
    file.write_text(
        'model_config_list { config { name: "upper" '
        f'base_path: "{tmp_path / "upper"}" model_platform: "tensorflow" '
        "model_version_policy { specific { versions: 1 versions: 2 } } "
        'version_labels { key: "stable" value: 1 } } }'
    )
    with Server(ConfigFile(file), LOOPBACK) as running:

        def asked(choice):
            path = f"/v1/models/upper{choice}:predict"
            return ask(running.rest_port, "POST", path, {"inputs": ["a"]})

        for choice, text in (
            ("", "two A"),
            ("/versions/1", "one A"),
            ("/versions/2", "two A"),
            ("/labels/stable", "one A"),
            ("/labels/%73table", "one A"),
        ):
            assert asked(choice).json()["outputs"]["text"] == [text]
        assert asked("/versions/3").status == 404
        path = "/v1/models/upper/labels/stable/metadata"
        found = ask(running.rest_port, "GET", path).json()
        assert found["model_spec"]["version"] == "1"
        states = ask(running.rest_port, "GET", "/v1/models/upper").json()
        versions = [line["version"] for line in states["model_version_status"]]
        assert versions == ["2", "1"]


def test_both_families_of_addresses(toys):
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    options = dataclasses.replace(LOOPBACK, host="[::]")
    with Server({"upper": toys / "upper"}, options) as running:
        for host in ("127.0.0.1", "::1"):
            try:
                probe = socket.create_connection((host, running.rest_port), 20)
            except OSError:
                assert host == "::1", "only IPv6 may be off"
                continue
            with probe:
                probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert probe.recv(100).startswith(b"HTTP/1.1 200 OK")
