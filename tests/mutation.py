"""Mutation testing: breaks deciders, append and checkpoint code in every small way, and counts what no test notices.

Run by `make mutate`; `[tool.mutmut]` in pyproject.toml says what is broken and which tests look at it. The last result
and what survived for good reason are in docs/testing.md.
"""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import psycopg

from infrastructure.embedded import throwaway_servers

# One pair of servers for all mutants: a pair for each would take longer than the tests.
NAMES = sys.argv[1:]
BREAKING = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *NAMES]
SURVIVED, NOT_TESTED = 0, 33


def main() -> None:
    with throwaway_servers() as servers:
        outside = {"TEST_DATABASE_URL": servers.database_url, "TEST_REDIS_URL": servers.redis_url}
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # thousands of databases are made and dropped here
            connection.execute("SELECT pg_reload_conf()")
        subprocess.run(BREAKING, env={**os.environ, **outside}, check=False)
    score = defaultdict[str, Counter[str]](Counter)
    for meta in sorted(Path("mutants").rglob("*.py.meta")):
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
            told = {SURVIVED: "survived", NOT_TESTED: "not tested", None: "not run"}.get(code, "killed")
            score[str(meta.relative_to("mutants")).removesuffix(".meta")][told] += 1
            if told in ("survived", "not tested"):
                sys.stdout.write(f"{told}: {name}\n")
    for module, counts in score.items():
        looked_at = sum(counts.values()) - counts["not run"]
        if looked_at:
            sys.stdout.write(f"{module}: {counts['killed']} of {looked_at} killed\n")


if __name__ == "__main__":
    main()
