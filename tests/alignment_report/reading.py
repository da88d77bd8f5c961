"""What a report holds, read as its page does."""

import base64
import json
import re
import zlib

import numpy as np


def report_rows(path):
    page = path.read_text("utf-8")
    (found,) = re.findall(r'<script type="text/plain" id="data">([^<]*)<', page)
    data = zlib.decompress(base64.b64decode(found))
    start = 4 + int.from_bytes(data[:4], "little")
    rows = json.loads(data[4:start])["rows"]
    for row in rows:
        shape = len(row["tokens"]), len(row["source_tokens"])
        end = start + shape[0] * shape[1]
        row["weights"] = np.frombuffer(data[start:end], "uint8").reshape(shape)
        start = end
    assert start == len(data)
    return rows
