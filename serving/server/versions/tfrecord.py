"""TFRecord files: framed records with checksums.

Each record is its length (8 bytes), the length's checksum (4), the data, and the
data's checksum (4), little-endian. A checksum is CRC-32C (RFC 3720, B.4), rotated by 15
bits plus a constant, so that checksums of data that holds checksums stay good.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import grpc

from serving.server.refusal import Refusal

_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 4


def records(path: Path) -> Iterator[bytes]:
    """The records of a file; a Refusal if it is unreadable, cut short or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refusal(
            grpc.StatusCode.FAILED_PRECONDITION, f"{path}: {error.strerror}"
        ) from error
    position = 0
    while position < len(data):
        length, after = _checked(data, position, _LENGTH_BYTES, position)
        size = int.from_bytes(length, "little")
        record, after = _checked(data, after, size, position)
        yield record
        position = after


def masked_crc32c(data: bytes) -> int:
    """The checksum as it is stored."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _checked(data: bytes, start: int, size: int, record: int) -> tuple[bytes, int]:
    stop = start + size
    after = stop + _CHECKSUM_BYTES
    fault = None
    if after > len(data):
        fault = "truncated"
    elif int.from_bytes(data[stop:after], "little") != masked_crc32c(data[start:stop]):
        fault = "corrupted"
    if fault is not None:
        message = f"{fault} record at {record}"
        raise Refusal(grpc.StatusCode.DATA_LOSS, message)
    return data[start:stop], after
