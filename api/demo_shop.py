"""What a development shop starts with: some weeks of a grocer's sales, and users with passwords made on the spot."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from api.demo_terms import DEMO_TERMS
from api.importing import fill_demo_shop
from api.wiring import Shop
from commands.user import ADMIN, CUSTOMER, STAFF, GrantRole, RegisterUser, VerifyEmail, users
from events.store import Metadata
from events.values import UserId
from infrastructure.ids import new_id


class _Person(NamedTuple):
    email: str
    name: str
    role: str


ADMINISTRATOR = _Person("admin@example.com", "Grace", ADMIN)
CLERK = _Person("staff@example.com", "Linus", STAFF)
SHOPPER = _Person("customer@example.com", "Carol", CUSTOMER)


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Someone to sign in as."""

    user_id: UserId
    email: str
    role: str
    password: str


async def fill_if_empty(shop: Shop, *, on_filling: Callable[[], None] = lambda: None) -> bool:
    """Fill an empty store, or go on where filling was cut short; any other store is left alone. Whether it did."""
    if await shop.store.head() > 0 and not await _cut_short(shop):
        return False
    on_filling()
    await _add(ADMINISTRATOR, shop)
    await shop.handler(*DEMO_TERMS, metadata=Metadata(actor="demo", command="SetTaxes"))
    await fill_demo_shop(shop.handler)
    await _add(CLERK, shop)
    await _add(SHOPPER, shop)
    return True


async def demo_users(shop: Shop) -> Sequence[DemoUser]:
    """The demo users of this store, as far as their passwords are known here."""
    kept = _kept(_file(shop))
    found = [(await shop.accounts.find(person.email), person) for person in (ADMINISTRATOR, CLERK, SHOPPER)]
    return [DemoUser(UserId(user), who.email, who.role, kept[user]) for user, who in found if user in kept]


async def _cut_short(shop: Shop) -> bool:
    """The administrator comes first and the shopper last, so the two tell how far an earlier filling has come."""
    begun = any(user.email == ADMINISTRATOR.email for user in await demo_users(shop))
    shopper = await shop.accounts.find(SHOPPER.email)
    return begun and (shopper is None or not (await shop.handler.read(users(shopper))).registered)


async def _add(person: _Person, shop: Shop) -> None:
    user_id = await shop.accounts.find(person.email)
    if user_id is None:
        user_id, password = new_id("usr"), secrets.token_hex(6)
        _keep(_file(shop), user_id, password)
        await shop.accounts.add(user_id, person.email, password)
    user = UserId(user_id)
    who = RegisterUser(user, person.email, person.name), VerifyEmail(user, person.email)
    await shop.handler(*who, GrantRole(user, person.role), metadata=Metadata(actor="demo", command="RegisterUser"))


def _file(shop: Shop) -> Path:
    return shop.settings.data_dir / "demo_users.json"


def _kept(file: Path) -> dict[str, str]:
    """Passwords by user: a file may hold those of several stores, when DATABASE_URL has changed meanwhile."""
    try:
        kept: dict[str, str] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return kept


def _keep(file: Path, user_id: str, password: str) -> None:
    """Before the account is made, so that no password is ever lost."""
    kept = _kept(file) | {user_id: password}
    written = file.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(json.dumps(kept, indent=2))
    written.replace(file)
