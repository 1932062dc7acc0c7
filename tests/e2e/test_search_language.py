"""Products are found by the words of the shop's language, and by those of another one from the moment it is changed."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from api.cli import call
from api.cli.outcome import ExitCode
from api.wiring import open_shop
from infrastructure import search_language
from infrastructure.leases import Leases
from infrastructure.rebuild import rebuild, roll_back
from infrastructure.search_language import LanguageRefused
from infrastructure.settings import Settings
from projections.listing import listing
from tests.e2e.shop_client import ShopClient, created, open_client
from tests.tool import environment, tell
from tests.waiting import eventually

NAMES = {"Des Hauses": "g", "Alte Häuser": "h", "Run": "r", "Running": "s"}
"""What is found exactly is not looked for by similarity, so of each word there is one that is as it is asked for."""


@pytest.fixture
def settings(own_database_url: str, settings: Settings) -> Settings:
    return settings.model_copy(update={"database_url": SecretStr(own_database_url)})


@pytest_asyncio.fixture(loop_scope="module")
async def client(settings: Settings) -> AsyncIterator[ShopClient]:
    async with open_client(settings) as opened:
        staff, category_id = await opened.staff(), await opened.category()
        for name, letter in NAMES.items():
            product = {"slug": f"p-{letter}", "name": name, "category_id": category_id}
            product_id = created(await staff.post("/v1/products", product))
            await staff.post(f"/v1/products/{product_id}/variants", {"sku": letter, "price": _PRICE})
            assert (await staff.post(f"/v1/products/{product_id}/publish")).status_code == 200
        yield opened


_PRICE = {"amount": 1, "currency": "USD"}


async def _found(client: ShopClient) -> tuple[str, ...]:
    """By a German and an English word, each at once and from the cache."""
    found = []
    for q in ("HAUSES", "running", "häuser"):
        answers = [(await client.guest().get("/v1/products", q=q)).json()["data"] for _ in range(2)]
        assert answers[0] == answers[1]
        found.append("".join(sorted(NAMES[each["name"]] for each in answers[0])))
    return tuple(found)


async def _heard(client: ShopClient, known: int) -> None:
    """Wait until the shop knows that its tables are others than those of this generation."""

    async def heard() -> bool:
        return client.shop.near.generation > known

    await eventually(heard)


ENGLISH, GERMAN, SIMPLE = ("g", "rs", "h"), ("gh", "s", "gh"), ("g", "s", "h")


async def test_each_language_finds_its_words_also_from_the_cache_and_after_a_rebuild(
    client: ShopClient, own_database_url: str
) -> None:
    assert await _found(client) == ENGLISH
    for language, found in (("german", GERMAN), ("simple", SIMPLE), ("german", GERMAN), ("english", ENGLISH)):
        known = client.shop.near.generation
        assert await search_language.speak(own_database_url, language)
        await _heard(client, known)
        assert await _found(client) == found
        assert not await search_language.speak(own_database_url, language)
    await rebuild(client.shop.pool, client.shop.store, listing, owner="a test")
    assert await search_language.speak(own_database_url, "german")
    known = client.shop.near.generation
    await roll_back(client.shop.pool, client.shop.store, listing)
    await _heard(client, known)
    assert await _found(client) == GERMAN


async def test_a_rebuild_that_was_begun_in_another_language_begins_anew(
    client: ShopClient, own_database_url: str
) -> None:
    await client.guest().get("/v1/products")
    leases = Leases(client.shop.pool, ["listing__new"], "one who was interrupted")
    await leases.prepare()
    await client.shop.pool.execute(
        "UPDATE projections SET position = 1, source = (SELECT source FROM projections WHERE name = 'listing')"
        " WHERE name = 'listing__new'"
    )
    await client.shop.pool.execute("CREATE TABLE listing__new (LIKE listing INCLUDING ALL)")
    await search_language.speak(own_database_url, "german")
    known = client.shop.near.generation
    rebuilt = await rebuild(client.shop.pool, client.shop.store, listing, owner="a test")
    assert rebuilt.begun_anew
    await _heard(client, known)
    assert await _found(client) == GERMAN


async def test_a_shop_opens_in_the_language_that_its_database_speaks(settings: Settings, own_database_url: str) -> None:
    german = settings.model_copy(update={"search_language": "german"})
    with pytest.raises(LanguageRefused, match="run `daybook migrate`"):
        async with open_shop(german):
            raise AssertionError
    await search_language.speak(own_database_url, "german")
    async with open_shop(german):
        pass
    with pytest.raises(LanguageRefused, match="not searched in english yet"):
        async with open_shop(settings):
            raise AssertionError
    with pytest.raises(LanguageRefused, match=r"knows no klingon, but .*german"):
        await search_language.speak(own_database_url, "klingon")


async def test_migrating_takes_the_language_over(
    settings: Settings, own_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.redis_url is not None
    redis_url = settings.redis_url.get_secret_value()
    french = environment(own_database_url, redis_url, settings.data_dir, DAYBOOK_SEARCH_LANGUAGE="french")
    tell(monkeypatch, french)
    assert await asyncio.to_thread(call, ["projections", "status"]) == ExitCode.REFUSED
    assert "not searched in french yet: run `daybook migrate`" in capsys.readouterr().err
    assert await asyncio.to_thread(call, ["migrate"]) == ExitCode.OK
    assert "Products are searched in french now." in capsys.readouterr().out
    assert await asyncio.to_thread(call, ["projections", "status"]) == ExitCode.OK
    assert await asyncio.to_thread(call, ["migrate"]) == ExitCode.OK
    assert "french" not in capsys.readouterr().out
    monkeypatch.setenv("DAYBOOK_SEARCH_LANGUAGE", "klingon")
    assert await asyncio.to_thread(call, ["migrate"]) == ExitCode.REFUSED


async def test_every_language_of_the_database_may_be_spoken(own_database_url: str) -> None:
    connection = await asyncpg.connect(own_database_url)
    known = [row[0] for row in await connection.fetch(search_language._KNOWN)]
    assert {"english", "german", "french", "simple"} <= set(known)
    for language in known:
        await search_language.speak(own_database_url, language)
        await search_language.check(own_database_url, language)
        assert await connection.fetchval("SELECT to_tsvector('shop', $1::text)::text", "Çéñ") == "'cen':1"
    await connection.close()
