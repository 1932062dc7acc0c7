"""`daybook catalog`: tables in and out from a terminal, and an import that is killed and run again."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest

from api.cli.opening import in_shop
from api.wiring import Shop
from commands.category import CreateCategory
from events.values import CategoryId
from infrastructure.embedded.lodging import dies_with_parent
from infrastructure.settings import Settings
from tests.e2e.shop_client import SECRET_KEY, settings_for
from tests.keys import MASTER_KEY

pytestmark = pytest.mark.usefixtures("logs_as_they_were")

ROWS = 6_000


@pytest.fixture
def settings(own_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path) -> Settings:
    return settings_for(own_database_url, redis_url, key_prefix, tmp_path)


@pytest.fixture
def environment(settings: Settings, own_database_url: str, redis_url: str) -> Mapping[str, str]:
    async def category(shop: Shop) -> None:
        await shop.handler(CreateCategory(CategoryId("cat_01h455vb4pex5vsknk084sn02q"), "all", "All"))

    in_shop(category, settings)
    return {
        "PATH": os.environ["PATH"],
        "DAYBOOK_ENV_FILE": "/dev/null",
        "DATABASE_URL": own_database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
        "MASTER_KEY": MASTER_KEY,
        "DAYBOOK_MODE": "production",
        "DAYBOOK_KEY_PREFIX": settings.key_prefix,
        "DAYBOOK_DATA_DIR": str(settings.data_dir),
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "api.cli", "catalog", *arguments]


def ran(environment: Mapping[str, str], *arguments: str, code: int = 0) -> str:
    done = subprocess.run(command(*arguments), env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stdout


def table(file: Path, rows: int, *more: str) -> Path:
    lines = [f"p-{n},P {n},all,active,S-{n},100,EUR" for n in range(rows)]
    file.write_text("\n".join(["slug,name,category,status,sku,price_minor,currency", *lines, *more]) + "\n")
    return file


def test_a_table_comes_in_and_goes_out(environment: Mapping[str, str], settings: Settings, tmp_path: Path) -> None:
    file = table(tmp_path / "in.csv", 20, "bad,Bad,nowhere,,,,")
    told = ran(environment, "import", str(file), "--dry-run", code=1)
    assert "22\tcategory\tnot_found\tThere is no category nowhere." in told.splitlines()
    assert "20 would be created" in told
    report = json.loads(ran(environment, "import", str(file), "--json", code=1))
    assert (report["created"], report["failed"], report["errors"][0]["line"]) == (20, 1, 22)
    again = json.loads(ran(environment, "import", str(table(file, 20)), "--json"))
    assert (again["created"], again["unchanged"]) == (0, 20)

    async def projected(shop: Shop) -> None:
        await shop.projector.catch_up()

    in_shop(projected, settings)
    out = tmp_path / "out.csv"
    ran(environment, "export", str(out))
    with out.open() as written:
        assert sorted(row["sku"] for row in csv.DictReader(written)) == sorted(f"S-{n}" for n in range(20))
    lines = ran(environment, "export", "--format", "ndjson").splitlines()
    assert len(lines) == 20
    assert json.loads(lines[0])["price_minor"] == 100
    ran(environment, "import", str(tmp_path / "in.txt"), code=2)
    nameless = tmp_path / "table"
    nameless.write_text("slug\n")
    ran(environment, "import", str(nameless), code=2)


def test_an_import_that_is_killed_goes_on_where_it_stopped(
    environment: Mapping[str, str], own_database_url: str, tmp_path: Path
) -> None:
    file = table(tmp_path / "many.csv", ROWS)
    for kill_at in (500, 2_000):
        with subprocess.Popen(
            command("import", str(file)), env=environment, stderr=subprocess.DEVNULL, preexec_fn=dies_with_parent
        ) as process:
            with psycopg.connect(own_database_url, autocommit=True) as connection:
                deadline = time.monotonic() + 120
                while _products(connection) < kill_at and process.poll() is None:
                    assert time.monotonic() < deadline
                    time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    with psycopg.connect(own_database_url, autocommit=True) as connection:
        there = _products(connection)
        assert 2_000 <= there < ROWS
        report = json.loads(ran(environment, "import", str(file), "--json"))
        assert (report["created"], report["changed"], report["unchanged"]) == (ROWS - there, 0, there)
        assert _products(connection) == ROWS
        counted = connection.execute("SELECT type, count(*) FROM facts GROUP BY type ORDER BY type").fetchall()
        assert dict(counted) == {
            "CategoryCreated": 1,
            "NameClaimed": 1 + 2 * ROWS,
            "ProductCreated": ROWS,
            "ProductPublished": ROWS,
            "VariantAdded": ROWS,
        }


def _products(connection: psycopg.Connection[tuple[int, ...]]) -> int:
    row = connection.execute("SELECT count(*) FROM facts WHERE type = 'ProductCreated'").fetchone()
    assert row is not None
    return int(row[0])
