"""What the figures were measured on, in one line."""

import os
import platform
import tempfile
from pathlib import Path

import psutil

from benchmarks.ground import Ground
from infrastructure.database import connect

LOAD = "; load average before: "


async def described(ground: Ground) -> str:
    """`AMD EPYC, 2 cores, 23 GB; PostgreSQL 18.6, fsync on, ...; load average before: 0.10`"""
    connection = await connect(ground.database_url)
    try:
        version = str(await connection.fetchval("SHOW server_version")).split()[0]
        settings = [
            f"{name} {await connection.fetchval(f'SHOW {name}')}"
            for name in ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
        ]
    finally:
        await connection.close()
    memory_gb = psutil.virtual_memory().total / 2**30
    parts = "; ".join(
        [
            f"{_processor()}, {os.cpu_count()} cores, {memory_gb:.0f} GB",
            f"PostgreSQL {version} on the same machine, {', '.join(settings)}, {_file_system()}",
            f"Python {platform.python_version()} with uvloop",
        ]
    )
    return f"{parts}{LOAD}{os.getloadavg()[0]:.2f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _file_system() -> str:
    """Of the directory that holds the embedded server's data."""
    here = Path(tempfile.gettempdir()).resolve()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if here.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else "unknown file system"
