"""A shop that tells its customers by mail: whatever is away meanwhile, each fact is told of once."""

import asyncio
import email
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiosmtpd.smtp import Envelope

from api.wiring import Shop, open_shop
from commands.order_life import CancelOrder
from commands.user import RegisterUser
from events.values import OrderId, UserId
from infrastructure.ids import new_id
from infrastructure.settings import Mode, Settings
from tests.integration.mail_server import MailServer, mail_server
from tests.integration.test_reactor import placed
from tests.keys import MASTER_KEY
from tests.kinds import EMBEDDED_ALONE
from tests.till import Till
from tests.waiting import PATIENCE_S

pytestmark = EMBEDDED_ALONE

TOLD = ["Tea House: we have your order", "Tea House: your order is cancelled"]
OpenShop = Callable[[str], AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opened(database_url: str, redis_url: str, key_prefix: str) -> OpenShop:
    @asynccontextmanager
    async def opened(smtp_url: str) -> AsyncIterator[Shop]:
        settings = Settings(
            mode=Mode.PRODUCTION,
            database_url=database_url,
            redis_url=redis_url,
            secret_key="k" * 32,
            master_key=MASTER_KEY,
            key_prefix=key_prefix,
            smtp_url=smtp_url,
            mail_from="Tea House <tea@example.org>",
            shop_name="Tea House",
        )
        async with open_shop(settings, workers=True, gateway=Till()) as shop:
            yield shop

    return opened


async def _cancelled(shop: Shop) -> tuple[OrderId, str]:
    """An order that was placed and cancelled, and the address of its customer."""
    customer, address = UserId(new_id("usr")), f"{new_id('t')}@example.org"
    await shop.handler(RegisterUser(customer, address))
    order, _ = await placed(shop, customer=customer)
    await shop.handler(CancelOrder(order, "changed my mind"))
    return order, address


def _content(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


def _subjects(server: MailServer, address: str) -> list[str]:
    letters = [email.message_from_bytes(_content(each)) for each in server.envelopes if each.rcpt_tos == [address]]
    return sorted(str(letter["Subject"]) for letter in letters)


async def _arrived(server: MailServer, address: str, letters: int) -> list[str]:
    async with asyncio.timeout(PATIENCE_S):
        while len(_subjects(server, address)) < letters:
            await asyncio.sleep(0.05)
    return _subjects(server, address)


async def _has_refused(server: MailServer) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not server.refused:
            await asyncio.sleep(0.01)


async def test_letters_wait_for_a_mail_server_that_is_away(opened: OpenShop) -> None:
    async with mail_server() as server:
        server.to_data = "451 Try again"
        async with opened(server.url) as shop:
            _, address = await _cancelled(shop)
            await _has_refused(server)
            assert _subjects(server, address) == []
            server.to_data = "250 OK"
            assert await _arrived(server, address, 2) == TOLD


async def test_a_shop_that_comes_back_goes_on_with_its_letters_and_repeats_none(opened: OpenShop) -> None:
    async with mail_server() as server:
        server.to_data = "451 Try again"
        async with opened(server.url) as shop:
            order, address = await _cancelled(shop)
            await _has_refused(server)
        server.to_data = "250 OK"
        async with opened(server.url) as shop:
            await _arrived(server, address, 2)
            async with asyncio.timeout(PATIENCE_S):
                while len(await shop.store.read([f"mail-{order}"])) < 2:
                    await asyncio.sleep(0.05)
        async with opened(server.url) as shop:
            _, other_address = await _cancelled(shop)
            assert await _arrived(server, other_address, 2) == TOLD
        assert _subjects(server, address) == TOLD
