"""What `daybook projections rebuild` says of an earlier rebuild that was interrupted."""

import json
from pathlib import Path

import pytest

from api.cli.opening import in_shop
from api.wiring import Shop
from infrastructure.leases import Leases
from infrastructure.shadow_table import make_shadow
from infrastructure.source_hash import source_of
from projections.order_summary import order_summary
from tests.e2e.shop_client import settings_for
from tests.integration.divided import ORDERS, write_orders
from tests.kinds import EMBEDDED_ALONE
from tests.tool import environment, said, tell

pytestmark = EMBEDDED_ALONE

SHADOW = "order_summary__new"
SHARE = "INSERT INTO projections (name, epoch) SELECT $1 || '_' || n || 'of3', $2 FROM generate_series(1, 3) AS n"


async def interrupted(shop: Shop) -> None:
    """It was divided among three processes, none of which has come to write anything."""
    leases = Leases(shop.pool, [SHADOW], "an earlier one")
    await leases.prepare()
    await leases.take()
    lease = leases.held[SHADOW]
    await make_shadow(shop.pool, order_summary.name, lease, source_of(order_summary))
    await shop.pool.execute(SHARE, SHADOW, lease.epoch)
    await leases.release()


async def filled(shop: Shop) -> None:
    await write_orders(shop.store)
    await Leases(shop.pool, [order_summary.name], "a worker").prepare()


async def orders(shop: Shop) -> int:
    return int(await shop.pool.fetchval("SELECT count(*) FROM order_summary"))


def test_it_says_how_it_goes_on_and_why_it_begins_anew(
    own_database_url: str,
    redis_url: str,
    key_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = settings_for(own_database_url, redis_url, key_prefix, tmp_path)
    tell(monkeypatch, environment(own_database_url, redis_url, tmp_path, DAYBOOK_KEY_PREFIX=key_prefix))
    in_shop(filled, settings)
    in_shop(interrupted, settings)
    capsys.readouterr()
    on = said(capsys, "projections", "rebuild", order_summary.name, "--processes", "2")
    assert "and this one went on with as many processes: 3." in on
    assert "anew" not in on
    assert in_shop(orders, settings) == ORDERS

    in_shop(interrupted, settings)
    capsys.readouterr()
    anew = said(capsys, "projections", "rebuild", order_summary.name, "--processes", "1")
    assert "and this one began anew: it was divided among 3 processes, and this one is not." in anew
    assert in_shop(orders, settings) == ORDERS

    again = json.loads(said(capsys, "projections", "rebuild", order_summary.name, "--json"))
    assert (again["begun_anew"], again["processes"]) == (None, None)
