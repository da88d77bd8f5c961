"""TFRecord files: framed records with checksums.

Each record is its length (8 bytes), the length's checksum (4), the data, and the
data's checksum (4), little-endian. A checksum is CRC-32C (RFC 3720, B.4), rotated by 15
bits plus a constant, so that checksums of data that holds checksums stay good.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import grpc

from serving.server.refusal import Refusal

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_POLYNOMIAL = 0x82F63B78


def records(path: Path) -> Iterator[bytes]:
    """The records of a file.

    Args:
        path: It.

    Raises:
        Refusal: It cannot be read, is cut short or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refusal(
            grpc.StatusCode.FAILED_PRECONDITION, f"{path}: {error.strerror}"
        ) from error
    position = 0
    while position < len(data):
        length, after = _checked(data, position, _LENGTH.size, position)
        (size,) = _LENGTH.unpack(length)
        record, after = _checked(data, after, size, position)
        yield record
        position = after


def crc32c(data: bytes) -> int:
    """The checksum of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The checksum as it is stored."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _checked(data: bytes, start: int, size: int, record: int) -> tuple[bytes, int]:
    stop = start + size
    after = stop + _CHECKSUM.size
    if after > len(data):
        raise _lost(f"truncated record at {record}")
    found = data[start:stop]
    if _CHECKSUM.unpack_from(data, stop)[0] != masked_crc32c(found):
        raise _lost(f"corrupted record at {record}")
    return found, after


def _lost(message: str) -> Refusal:
    return Refusal(grpc.StatusCode.DATA_LOSS, message)


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(_entry(byte) for byte in range(256))
