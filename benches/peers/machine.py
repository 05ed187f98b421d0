"""What the figures were measured on."""

import os
import platform
import re
from pathlib import Path

IN_MEMORY = ("tmpfs", "ramfs")
KIB_IN_GIB = 1 << 20


def describe(folder):
    """The machine, by what each line is about."""
    kind, device = file_system(folder)
    return {
        "processors": f"{os.cpu_count()} × {processor()}",
        "memory": f"{memory_gib():.1f} GiB",
        "system": f"{system_name()}, {platform.system()} {platform.release()}",
        "file system": f"{kind} on {device}",
        "load before": f"{os.getloadavg()[0]:.2f} over a minute",
    }


def processor():
    found = re.search(r"^model name\s*: (.*)$", read("/proc/cpuinfo"), re.M)
    return found[1] if found else platform.machine()


def memory_gib():
    found = re.search(r"^MemTotal:\s*(\d+) kB", read("/proc/meminfo"), re.M)
    return int(found[1]) / KIB_IN_GIB if found else 0.0


def system_name():
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release"), re.M)
    return found[1] if found else "an unknown system"


def file_system(folder):
    """The kind of file system that a folder is on, and its device."""
    best = ("", "an unknown kind", "an unknown device")
    for line in read("/proc/mounts").splitlines():
        device, point, kind = line.split()[:3]
        inside = os.path.commonpath([point, os.path.realpath(folder)]) == point
        # Of two mounts on one point the later one is seen.
        if inside and len(point) >= len(best[0]):
            best = (point, kind, device)
    return best[1], best[2]


def read(path):
    """A file of the system; empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
