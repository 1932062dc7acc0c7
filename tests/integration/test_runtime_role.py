"""A service under a database role of its own does all its work, and cannot change the past nor list the keys."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from infrastructure.database import connect, open_pool
from infrastructure.rebuild import NotTheOwner, rebuild
from infrastructure.runtime_role import RoleRefused, grant
from infrastructure.verification.book import verify
from projections.stock_level import stock_level
from tests.e2e.shop_client import ShopClient, open_client, settings_for
from tests.integration.book import open_store

HOME = {"name": "Ada", "line1": "7 Row", "city": "London", "postal_code": "E1", "country": "GB"}


@pytest_asyncio.fixture
async def role_url(own_database_url: str) -> AsyncIterator[str]:
    """Of a role that may sign in, and nothing else yet."""
    async with a_role(own_database_url) as role_url:
        yield role_url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service_url(database_url: str) -> AsyncIterator[str]:
    """Of a service's role, for all who are refused: what is refused leaves nothing behind."""
    async with a_role(database_url) as role_url:
        await grant(database_url, named(role_url))
        yield role_url


@asynccontextmanager
async def a_role(database_url: str) -> AsyncIterator[str]:
    role, password = f"Daybook test-{secrets.token_hex(4)}", secrets.token_hex(8)
    owner = await connect(database_url)
    await owner.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{password}'")
    parts = urlsplit(database_url)
    where = parts.netloc.rpartition("@")[2]
    yield urlunsplit(parts._replace(netloc=f"{role.replace(' ', '%20')}:{password}@{where}"))
    await owner.execute(f'DROP OWNED BY "{role}"')
    await owner.execute(f'DROP ROLE "{role}"')
    await owner.close()


def named(url: str) -> str:
    return str(urlsplit(url).username).replace("%20", " ")


async def an_order(client: ShopClient) -> str:
    product, ada = await client.product(stock=5), await client.sign_up()
    await ada.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
    order = (await ada.post("/v1/orders", {"ship_to": HOME})).json()["order_id"]
    await client.pay(ada, order)
    staff = await client.staff()
    for step in ("ship", "complete"):
        assert (await staff.post(f"/v1/orders/{order}/{step}")).status_code == 200
    assert (await ada.get("/v1/me/export")).status_code == 200
    assert (await ada.request("DELETE", "/v1/me")).status_code == 200
    assert (await staff.get(f"/v1/orders/{order}")).json()["ship_to"] is None
    return str(order)


async def test_a_service_does_all_its_work_under_it(
    own_database_url: str, role_url: str, redis_url: str, key_prefix: str, tmp_path: Path
) -> None:
    owner = await connect(own_database_url)
    await owner.execute("UPDATE head SET room_per_table = 2 * room_to - 10")  # so that appends have to make room
    await grant(own_database_url, named(role_url))
    async with open_client(settings_for(role_url, redis_url, key_prefix, tmp_path)) as client:
        await an_order(client)
        shop, admin = client.shop, await client.admin()
        assert (await verify(shop.pool, shop.keyring)).sound
        assert (await admin.get("/v1/events")).status_code == 200
        assert (await admin.get("/v1/audit/verify")).status_code == 200
        assert (await admin.get("/v1/audit/accesses")).json()["data"]
        await shop.accesses.prune()
        assert (await admin.get("/v1/reports/summary", as_of="2026-01-01T00:00:00Z")).status_code == 200
        refused = await admin.post("/v1/admin/projections/stock_level/rebuild")
        assert refused.status_code == 409 and "daybook migrate" in refused.json()["detail"]
        with pytest.raises(NotTheOwner):
            await rebuild(shop.pool, shop.store, stock_level, owner="test")
        # The owner puts another table in its place, and the service goes on with that.
        async with open_pool(own_database_url, 2) as pool, open_store(own_database_url) as store:
            await rebuild(pool, store, stock_level, owner="test")
        await an_order(client)
    partitions = await owner.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'facts'::regclass")
    assert partitions == 2
    await owner.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET body = '{}'",
        "DELETE FROM facts",
        "TRUNCATE facts",
        "INSERT INTO facts SELECT * FROM facts",
        "UPDATE facts_from_1 SET body = '{}'",
        "DELETE FROM facts_from_1",
        "INSERT INTO facts_from_1 SELECT * FROM facts",
        "ALTER TABLE facts DISABLE TRIGGER ALL",
        "DROP TABLE facts",
        "UPDATE streams SET version = 0",
        "INSERT INTO streams VALUES ('order-x', 1)",
        "UPDATE head SET position = 0",
        "UPDATE seals SET root = ''",
        "DELETE FROM seals",
        "INSERT INTO archives SELECT * FROM archives",
        "UPDATE accesses SET actor = ''",
        "DELETE FROM accesses",
        "SELECT wrapped FROM person_keys",
        "UPDATE person_keys SET wrapped = ''",
        "DELETE FROM person_keys",
        "SELECT * FROM person_keys_but('', '', 10)",
        "SELECT person_keys_rewrapped('{}', '{}', '{}', '')",
        "SELECT add_partition()",
        "UPDATE alembic_version SET version_num = '0001'",
        "UPDATE idempotency_keys SET answer = ''",
        "CREATE TABLE mine (a int)",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "SET ROLE pg_write_all_data",
    ],
)
async def test_it_cannot_change_the_past_nor_list_the_keys(service_url: str, statement: str) -> None:
    service = await asyncpg.connect(service_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(statement)
    await service.close()


async def test_a_role_that_may_do_more_is_refused(own_database_url: str, role_url: str) -> None:
    owner = await connect(own_database_url)
    with pytest.raises(RoleRefused, match="no role"):
        await grant(own_database_url, "nobody of this name")
    with pytest.raises(RoleRefused, match="superuser"):
        await grant(own_database_url, await owner.fetchval("SELECT current_user"))
    await owner.execute(f'GRANT CREATE ON SCHEMA public TO "{named(role_url)}"')
    with pytest.raises(RoleRefused, match="may create"):
        await grant(own_database_url, named(role_url))
    await owner.close()


async def test_what_it_was_given_too_much_is_taken_again(own_database_url: str, role_url: str) -> None:
    owner, service = await connect(own_database_url), await asyncpg.connect(role_url)
    await owner.execute(f'GRANT ALL ON person_keys, facts TO "{named(role_url)}"')
    await service.execute("SELECT wrapped FROM person_keys")
    await grant(own_database_url, named(role_url))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute("SELECT wrapped FROM person_keys")
    await service.close()
    await owner.close()
