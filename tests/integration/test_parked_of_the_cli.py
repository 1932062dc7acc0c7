"""`daybook parked`: what waits, tried again, and left out with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli import call, parked
from api.cli.opening import in_shop
from api.cli.outcome import ExitCode
from api.wiring import Shop
from events.stock import StockReceived
from events.store import Append
from events.values import Sku
from infrastructure.projector import Projector
from projections.stock_level import stock_level
from tests.e2e.shop_client import settings_for
from tests.tool import environment, tell

TOO_MANY = 2**62


async def _overflow(shop: Shop) -> None:
    """The first receipt fits into the table; a second one does not, so a third waits behind it."""
    projector = Projector(shop.pool, shop.store, shop.positions, [stock_level], owner="test")
    for quantities in ([TOO_MANY], [TOO_MANY, 1]):
        for quantity in quantities:
            await shop.store.append(Append([StockReceived(Sku("MUG"), quantity)]))
        await projector.catch_up()


async def _mended(shop: Shop) -> None:
    await shop.pool.execute("ALTER TABLE facts DISABLE TRIGGER USER")
    fit = "UPDATE facts SET body = replace(body::text, $1, '1')::json WHERE position IN (SELECT position FROM parked)"
    await shop.pool.execute(fit, str(TOO_MANY))


def test_a_parked_fact_is_listed_tried_again_and_skipped(
    own_database_url: str,
    redis_url: str,
    key_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(monkeypatch, environment(own_database_url, redis_url, tmp_path))
    in_shop(_overflow, settings_for(own_database_url, redis_url, key_prefix, tmp_path))

    def said(*arguments: str, code: ExitCode, of: str = "parked") -> str:
        capsys.readouterr()
        assert call([of, *arguments]) == code, capsys.readouterr()
        return capsys.readouterr().out

    def waiting() -> Any:
        return json.loads(said("list", "--json", code=ExitCode.REFUSED))["data"]

    listed = waiting()
    assert [(fact["projection"], fact["error"] is None) for fact in listed] == [
        ("stock_level", False),
        ("stock_level", True),
    ]
    assert "waits behind an earlier one" in said("list", code=ExitCode.REFUSED)
    monkeypatch.setattr(parked, "PAGE_FACTS", 1)
    assert waiting() == listed
    first = str(listed[0]["id"])
    assert "3 facts are parked" in said("rebuild", "stock_level", code=ExitCode.OK, of="projections")
    assert [fact["id"] for fact in waiting()] != [fact["id"] for fact in listed]
    assert "2 facts are parked" in said("rollback", "stock_level", code=ExitCode.OK, of="projections")
    assert waiting() == listed
    said("retry", code=ExitCode.USAGE)
    said("retry", first, "--all", code=ExitCode.USAGE)
    assert json.loads(said("retry", "--all", "--json", code=ExitCode.REFUSED)) == {"waiting": 2}
    tried = waiting()
    assert [fact["attempts"] for fact in tried] == [2, 1], "a queue is tried once, however many wait in it"
    assert said("retry", first, code=ExitCode.REFUSED) == "2 still wait.\n"
    assert json.loads(said("retry", first, "--json", code=ExitCode.REFUSED)) == {"waiting": 2}
    assert json.loads(said("skip", first, "--reason", "typing error", "--json", code=ExitCode.OK)) == {"waiting": 0}
    assert json.loads(said("list", "--json", code=ExitCode.OK)) == {"data": []}
    in_shop(_overflow, settings_for(own_database_url, redis_url, key_prefix, tmp_path))
    in_shop(_mended, settings_for(own_database_url, redis_url, key_prefix, tmp_path))
    assert json.loads(said("retry", "--all", "--json", code=ExitCode.OK)) == {"waiting": 0}
