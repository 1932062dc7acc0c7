"""Whether any locked package has a known hole: pip-audit over the locks, as far as PyPI's advisories can be reached.

`make check` must work where there is no network: then this says so, and is content. A hole that is known is an error.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
LOCK = PROJECT / "requirements.lock"
TIMEOUT_S, ALL_TIMEOUT_S = 5, 120


def main() -> int:
    packages = locked(LOCK.read_text())
    # One package first: where nothing can be asked, nobody waits for all of them.
    reached = audited(packages[:1])
    report = audited(packages) if reached is not None and asked(reached) else None
    status, words = judged(report, len(packages))
    sys.stdout.write(f"{words}\n")
    return status


def locked(text: str) -> list[str]:
    """`name==version` of each package of a lock, without markers and hashes."""
    lines = (line.partition(";")[0].rstrip(" \\") for line in text.splitlines())
    return [line for line in lines if "==" in line and not line.startswith((" ", "#"))]


def audited(packages: Sequence[str]) -> dict[str, Any] | None:
    """pip-audit's report; None if there is none."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", str(TIMEOUT_S), "--requirement", "/dev/stdin"]
    try:
        ran = subprocess.run(
            command, input="\n".join(packages), capture_output=True, text=True, timeout=ALL_TIMEOUT_S, check=False
        )
        report: dict[str, Any] = json.loads(ran.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return report


def asked(report: dict[str, Any]) -> list[str]:
    """The packages that the source of advisories had something to say of."""
    return [each["name"] for each in report["dependencies"] if "skip_reason" not in each]


def judged(report: dict[str, Any] | None, packages: int) -> tuple[int, str]:
    """The exit code, and what to say."""
    if report is None or not asked(report):
        return 0, "pip-audit: PyPI's advisories cannot be reached from here, so nobody has looked for known holes"
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none yet'}"
        for each in report["dependencies"]
        for hole in each.get("vulns", ())
    ]
    if holes:
        return 1, "pip-audit: known holes in what is locked:\n" + "\n".join(holes)
    return 0, f"pip-audit: {len(asked(report))} of {packages} locked packages looked up, no known holes"


if __name__ == "__main__":
    sys.exit(main())
