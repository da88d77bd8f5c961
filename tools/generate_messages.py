"""Generator of the ``_pb2`` files of `serving/messages`, from its ``.proto`` files.

``python tools/generate_messages.py``, with
grpcio-tools 1.62 (protobuf 4.25): code from a generator that old loads under every
protobuf from 4.25 on, where newer generators refuse older runtimes.
"""

from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
MESSAGES = ROOT / "serving" / "messages"


def compile_protos(*outputs: str) -> None:
    """Runs protoc over every ``.proto`` there.

    Args:
        outputs: protoc's own output options, such as ``--python_out=DIR``.

    Raises:
        RuntimeError: protoc refused a file.
    """
    well_known = resources.files("grpc_tools") / "_proto"
    sources = sorted(str(path.relative_to(ROOT)) for path in MESSAGES.glob("*.proto"))
    arguments = ["protoc", f"-I{ROOT}", f"-I{well_known}", *outputs, *sources]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc failed: {' '.join(arguments)}")


def main() -> None:
    """Regenerates everything in place."""
    compile_protos(f"--python_out={ROOT}", f"--pyi_out={ROOT}")
    for path in MESSAGES.glob("*_pb2.pyi"):
        # Written by protoc in a style of its own.
        path.write_text("# ruff: noqa\n" + path.read_text())


if __name__ == "__main__":
    main()
