"""Environments of peers that do not fit into this one, in `build/peers`.

`python -m benchmarks.peers` makes them all, a benchmark those that its variants need.
"""

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

PLACE = Path(__file__).resolve().parent.parent / "build" / "peers"
# What pip is asked for, a call each.
PACKAGES: dict[str, tuple[tuple[str, ...], ...]] = {
    "onnx": (("onnx==1.23.2", "onnxruntime==1.32.0"),),
    # Its other requirements are never imported by a model.
    "yoyodyne": (
        ("lightning==2.6.6", "maxwell==0.2.6", "omegaconf==2.4.0", "wandb==0.31.0")
        + ("jsonargparse[signatures]==4.53.0", "torchmetrics==1.9.0"),
        ("--no-deps", "yoyodyne==0.5.27"),
    ),
    # The last release, for the last TensorFlow with Keras 2: Python 3.11 at most.
    "addons": (("tensorflow-addons==0.23.0", "tensorflow-cpu==2.15.1"),),
}


def python(environment: str | None, place: Path = PLACE) -> str:
    """The interpreter of an environment, which is made unless it is there.

    Args:
        environment: Of `PACKAGES`; None is the one that this runs in.
        place: Where environments are.

    Raises:
        SystemExit: It cannot be made; the message says why.
    """
    if environment is None:
        return sys.executable
    folder = place / environment
    found, stamp = folder / "bin" / "python", folder / "installed"
    packages = PACKAGES[environment]
    if not (stamp.exists() and stamp.read_text() == repr(packages)):
        print(f"Making {folder} ...", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        if environment == "yoyodyne":
            _lend_torch(folder)
        for wanted in packages:
            _install(found, wanted)
        stamp.write_text(repr(packages))
    return str(found)


def _lend_torch(folder: Path) -> None:
    """Let an environment see this one's packages: torch is large, and it is here."""
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        raise SystemExit("yoyodyne needs torch in this environment: pip install torch")
    (packages,) = folder.glob("lib/python*/site-packages")
    lent = Path(torch.origin).parent.parent
    (packages / "lent.pth").write_text(f"{lent}\n")


def _install(interpreter: Path, wanted: tuple[str, ...]) -> None:
    command = [str(interpreter), "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(wanted)} cannot be installed: {done.stderr}")


def main() -> int:
    for environment in PACKAGES:
        print(python(environment))
    return 0


if __name__ == "__main__":
    sys.exit(main())
