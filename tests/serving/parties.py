"""Who holds which certificates."""

from __future__ import annotations

import dataclasses
import datetime
import json

import trustme


@dataclasses.dataclass
class Party:
    """An authority and a certificate that it signed."""

    authority: trustme.CA
    certificate: trustme.LeafCert

    @property
    def key(self) -> bytes:
        """Private key as PEM."""
        return self.certificate.private_key_pem.bytes()

    @property
    def chain(self) -> bytes:
        """The certificate as PEM, then those that lead to the authority."""
        return b"".join(pem.bytes() for pem in self.certificate.cert_chain_pems)

    @property
    def root(self) -> bytes:
        """The authority as PEM."""
        return self.authority.cert_pem.bytes()


def party(*names: str, **options) -> Party:
    """A new authority with one certificate for these names."""
    authority = trustme.CA()
    return Party(authority, authority.issue_cert(*names, **options))


def config_text(**fields: bytes | bool) -> str:
    """An SSLConfig as somebody would write it: PEM inline, line by line."""
    lines = []
    for name, value in fields.items():
        if isinstance(value, bytes):
            lines.append(f"{name}:")
            pem = value.decode().splitlines()
            lines += [f"  {json.dumps(part + chr(10))}" for part in pem]
        else:
            lines.append(f"{name}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


OURS = party("127.0.0.1", "localhost")
CLIENTS = party("client@example.org")
STRANGERS = party("client@example.org")
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
EXPIRED = Party(
    CLIENTS.authority,
    CLIENTS.authority.issue_cert("late@example.org", not_after=PAST),
)
EXPIRED_SERVER = Party(
    OURS.authority, OURS.authority.issue_cert("127.0.0.1", not_after=PAST)
)
GOOD = {"server_key": OURS.key, "server_cert": OURS.chain}
