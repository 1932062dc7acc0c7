"""`daybook catalog`: tables in and out from a terminal, and an import that is killed and run again."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest

from api.cli.opening import in_shop
from api.wiring import Shop
from commands.category import CreateCategory
from events.values import CategoryId
from infrastructure.embedded.lodging import dies_with_parent
from infrastructure.settings import Settings
from tests.e2e.shop_client import settings_for
from tests.kinds import EMBEDDED_ALONE
from tests.tool import environment, said, tell

pytestmark = EMBEDDED_ALONE

ROWS = 6_000


@pytest.fixture
def settings(own_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path) -> Settings:
    return settings_for(own_database_url, redis_url, key_prefix, tmp_path)


@pytest.fixture
def told(settings: Settings, own_database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of whoever calls it; there is a category."""

    async def category(shop: Shop) -> None:
        await shop.handler(CreateCategory(CategoryId("cat_01h455vb4pex5vsknk084sn02q"), "all", "All"))

    in_shop(category, settings)
    told = environment(own_database_url, redis_url, settings.data_dir, DAYBOOK_KEY_PREFIX=settings.key_prefix)
    tell(monkeypatch, told)
    return told


@pytest.fixture
def ran(told: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    return partial(said, capsys, "catalog")


def table(file: Path, rows: int, *more: str) -> Path:
    lines = [f"p-{n},P {n},all,active,S-{n},100,EUR" for n in range(rows)]
    file.write_text("\n".join(["slug,name,category,status,sku,price_minor,currency", *lines, *more]) + "\n")
    return file


def test_a_table_comes_in_and_goes_out(ran: Callable[..., str], settings: Settings, tmp_path: Path) -> None:
    file = table(tmp_path / "in.csv", 20, "bad,Bad,nowhere,,,,")
    told = ran("import", str(file), "--dry-run", code=1)
    assert "22\tcategory\tnot_found\tThere is no category nowhere." in told.splitlines()
    assert "20 would be created" in told
    report = json.loads(ran("import", str(file), "--json", code=1))
    assert (report["created"], report["failed"], report["errors"][0]["line"]) == (20, 1, 22)
    again = json.loads(ran("import", str(table(file, 20)), "--json"))
    assert (again["created"], again["unchanged"]) == (0, 20)

    async def projected(shop: Shop) -> None:
        await shop.projector.catch_up()

    in_shop(projected, settings)
    out = tmp_path / "out.csv"
    ran("export", str(out))
    with out.open() as written:
        assert sorted(row["sku"] for row in csv.DictReader(written)) == sorted(f"S-{n}" for n in range(20))
    lines = ran("export", "--format", "ndjson").splitlines()
    assert len(lines) == 20
    assert json.loads(lines[0])["price_minor"] == 100
    ran("import", str(tmp_path / "in.txt"), code=2)
    nameless = tmp_path / "table"
    nameless.write_text("slug\n")
    ran("import", str(nameless), code=2)


def test_an_import_that_is_killed_goes_on_where_it_stopped(
    told: dict[str, str], ran: Callable[..., str], own_database_url: str, tmp_path: Path
) -> None:
    file = table(tmp_path / "many.csv", ROWS)
    for kill_at in (500, 2_000):
        with subprocess.Popen(
            [sys.executable, "-m", "api.cli", "catalog", "import", str(file)],
            env={"PATH": os.environ["PATH"], "DAYBOOK_ENV_FILE": "/dev/null", **told},
            stderr=subprocess.DEVNULL,
            preexec_fn=dies_with_parent,
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
        report = json.loads(ran("import", str(file), "--json"))
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
