"""Print the ops that TF Serving 2.20 can run, for `export/serving_ops.txt`.

TF Serving links TensorFlow's own ops and the ops of tensorflow-text's `ops_lib`,
which are those that the wheels of the same versions register. In an environment
of their own (Linux, Python 3.11):

    pip install tensorflow-cpu==2.20.0
    pip install --no-deps tensorflow-text==2.20.0
    python tools/list_serving_ops.py > keras_attention/export/serving_ops.txt
"""

import sys

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

EXPECTED = "2.20.0"


def registered() -> set[str]:
    """Names of all ops that this process knows."""
    buffer = pywrap_tf_session.TF_GetAllOpList()
    ops = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(buffer))
    return {op.name for op in ops.op}


def main() -> int:
    before = registered()
    # Importing it registers its ops.
    import tensorflow_text as tf_text

    for package, version in (
        ("tensorflow-cpu", tf.__version__),
        ("tensorflow-text", tf_text.__version__),
    ):
        if version != EXPECTED:
            print(f"expected {package} {EXPECTED}, found {version}", file=sys.stderr)
            return 1
    text = registered() - before
    print(f"# {len(before)} ops registered by tensorflow-cpu {EXPECTED} and")
    print(f"# {len(text)} more by tensorflow-text {EXPECTED}, the versions that")
    print("# TF Serving 2.20 links. Made by tools/list_serving_ops.py.")
    print("\n".join(sorted(before | text)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
