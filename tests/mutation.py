"""Mutation testing: breaks deciders, append and checkpoint code in every small way, and counts what no test notices.

Run by `make mutate`. mutmut makes the breaks, and `tests/breaks.py` tries them; `[tool.mutmut]` in pyproject.toml says
what is broken and which tests look at it. The last result and what survived for good reason are in docs/testing.md.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter, defaultdict
from importlib import import_module
from multiprocessing import set_start_method
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from infrastructure import migrations
from infrastructure.embedded import Servers, throwaway_servers
from tests.breaks import NO_TEST, SURVIVED, all_breaks, told

UNDER = Path("mutants")
TEMPLATE = "daybook_mutated"
TESTING = [
    "-p",
    "tests.breaks",
    "--tb=native",
    "--rootdir=.",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-k",
    "not embedded",
]
# A break that keeps somebody waiting must end some time. Thread: nothing can catch that.
PATIENCE = ["--timeout", "45", "--timeout-method", "thread"]


def main() -> None:
    tests = broken_copy()
    # One pair of servers and one migrated database for all: made for each, they would take longer than the tests.
    with throwaway_servers() as servers:
        run = [sys.executable, "-m", "pytest", *TESTING, *PATIENCE, *tests]
        subprocess.run(run, cwd=UNDER, env={**os.environ, **prepared(servers)}, check=True)
    say_score()


def broken_copy() -> list[str]:
    """Under `mutants`, with every break in it and none in force; the tests that are to look at them."""
    os.environ["MUTANT_UNDER_TEST"] = "mutant_generation"
    set_start_method("fork")
    mutmut, files = import_module("mutmut.__main__"), import_module("mutmut.utils.file_utils")
    UNDER.mkdir(exist_ok=True)
    files.copy_src_dir()
    files.copy_also_copy_files()
    mutmut.create_mutants(1)
    os.environ["MUTANT_UNDER_TEST"] = ""
    tests: list[str] = import_module("mutmut.configuration").config().pytest_add_cli_args_test_selection
    return tests


def prepared(servers: Servers) -> dict[str, str]:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # thousands of databases are made and dropped here
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    asyncio.run(migrations.upgrade(urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{TEMPLATE}"))))
    return {
        "TEST_DATABASE_URL": servers.database_url,
        "TEST_REDIS_URL": servers.redis_url,
        "TEST_TEMPLATE": TEMPLATE,
        "PY_IGNORE_IMPORTMISMATCH": "1",
    }


def say_score() -> None:
    known, score = told(UNDER), defaultdict[str, Counter[str]](Counter)
    for each in all_breaks(UNDER):
        counts = score[each.module]
        counts["breaks"] += 1
        if each in known:
            counts["tried"] += 1
            counts["noticed"] += known[each] not in (SURVIVED, NO_TEST)
            if known[each] in (SURVIVED, NO_TEST):
                sys.stdout.write(f"{known[each] or 'survived'}: {each.name}\n")
    for module, counts in score.items():
        sys.stdout.write(f"{module}: {counts['breaks']} breaks, {counts['tried']} tried, {counts['noticed']} noticed\n")


if __name__ == "__main__":
    main()
