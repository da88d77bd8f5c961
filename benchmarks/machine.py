"""What the numbers were measured on."""

import os
import platform
import time
from pathlib import Path
from typing import Any

# Instruction sets that change which matrix kernels a framework picks.
_NOTABLE_FLAGS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "asimd",
    "sve",
)
_SETTINGS = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS")


def describe() -> dict[str, Any]:
    """Processor, cores, load and the environment that changes speed."""
    model, flags = _processor()
    return {
        "cpu": model,
        "cpu_flags": [flag for flag in _NOTABLE_FLAGS if flag in flags],
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "environment": {name: os.environ.get(name, "") for name in _SETTINGS},
    }


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class BusyTime:
    """How much of the machine others used while something was measured.

    The load average counts the benchmark itself and remembers minutes; this
    counts processor time between two moments.
    """

    def __init__(self) -> None:
        self._start, self._busy = time.monotonic(), _busy_seconds()

    def share_of_others(self, own_seconds: float) -> float:
        """Share, 0 to 1, of all processor time that was not idle and not ours.

        Args:
            own_seconds: Processor time of the benchmark's own processes.
        """
        available = (time.monotonic() - self._start) * (os.cpu_count() or 1)
        others = _busy_seconds() - self._busy - own_seconds
        return min(1.0, max(0.0, others / available))


def _busy_seconds() -> float:
    """Processor time since boot that was not idle, 0 where Linux is not."""
    statistics = Path("/proc/stat")
    if not statistics.exists():
        return 0.0
    # user nice system idle iowait irq softirq steal ...
    ticks = [int(field) for field in statistics.read_text().split("\n")[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _processor() -> tuple[str, set[str]]:
    model, flags = platform.processor() or platform.machine(), set[str]()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                model = value.strip()
            elif name.strip() in ("flags", "Features"):
                flags = set(value.split())
                break
    return model, flags
