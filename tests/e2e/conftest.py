"""A shop of each module's own behind its HTTP API, workers included, and people who call it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from infrastructure import sessions
from infrastructure.settings import Settings
from tests.e2e.mailbox import Mailbox
from tests.e2e.service import Service, serving
from tests.e2e.shop_client import ShopClient, open_client, settings_for
from tests.waiting import PATIENCE_S


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share its event loop, since they share its open shop."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="session", autouse=True)
def hears_late() -> Iterator[None]:
    """A busy machine may hear late of what was revoked; staff would be turned away then."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sessions, "DEAF_AFTER_S", PATIENCE_S)
        yield


@pytest.fixture(scope="module")
def settings(database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """For the module's own database and key prefix; `model_copy(update=...)` makes others."""
    return settings_for(database_url, redis_url, key_prefix, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def environment(
    database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What services of the module are told, each in a process of its own."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DAYBOOK_KEY_PREFIX": key_prefix,
        "DAYBOOK_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }


@pytest.fixture(scope="module")
def services(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """Two processes of one shop; workers run in both."""
    logs = tmp_path_factory.mktemp("logs")
    with serving(logs=logs, **environment) as one, serving(logs=logs, **environment) as two:
        yield one, two


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop_client(settings: Settings) -> AsyncIterator[ShopClient]:
    """The whole service in this process. Tests of a module share what is in it, so they make what they talk about."""
    async with open_client(settings) as client:
        yield client


@pytest.fixture
def mailbox(shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """The letters that the module's shop sends to accounts during the test."""
    box = Mailbox()
    monkeypatch.setattr(shop_client.shop.mailed_tokens, "_post", box)
    return box
