"""What goes on in a process beside its requests: what every one of them hears, and what workers do."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from commands.fulfilment import fulfilment
from infrastructure.database import connect
from infrastructure.deadlines import keep_deadlines
from infrastructure.mail.mailing import mailing
from infrastructure.mail.post import Post, domain_of
from infrastructure.pruning import keep_pruned
from infrastructure.reactor import Reactor
from infrastructure.sealer import Sealer
from infrastructure.settings import SettingsRefused
from infrastructure.wakeups import listen
from infrastructure.watch import Watch

if TYPE_CHECKING:
    from api.wiring import Shop

STOP_AGAIN_S = 2.5

Work = Coroutine[Any, Any, None]

log = structlog.get_logger(__name__)


def of_everyone(shop: "Shop", direct_url: str) -> Sequence[Work]:
    """What others have committed is heard of, over a connection past any pooler."""
    heard = listen(lambda: connect(direct_url), shop.positions, shop.near, shop.vault)
    return [heard, shop.tail.run(), shop.sessions.keep_informed(), shop.accesses.keep_writing()]


def of_workers(shop: "Shop", post: Post | None, watch: Watch) -> Sequence[Work]:
    """Projections, policies and upkeep. Any number of workers share them out by leases. Raises SettingsRefused."""
    settings, pool, store, positions = shop.settings, shop.pool, shop.store, shop.positions
    if shop.gateway is None:
        raise SettingsRefused("in production mode DAYBOOK_GATEWAY_URL must say where payments are taken")
    letters = mailing(post, store, shop=settings.shop_name, domain=domain_of(settings.mail_from))
    reactors = [
        Reactor(pool, store, positions, shop.handler, policy, owner=shop.owner, watch=watch)
        for policy in (fulfilment(shop.gateway, settings.seller), letters)
    ]
    prunes = shop.sessions.prune, shop.mailed_tokens.prune, shop.accesses.prune
    work = [
        shop.projector.run(),
        *(each.run() for each in reactors),
        # One worker keeps the deadlines: the one that has the lease of the first policy.
        keep_deadlines(pool, shop.handler, lambda: reactors[0].works),
        keep_pruned(pool, settings.idempotency_key_days, *prunes),
        shop.mailed_tokens.keep_sending(),
    ]
    if shop.keyring.can_sign:
        within_s = settings.seal_within_seconds
        work.append(Sealer(pool, store, positions, shop.keyring, owner=shop.owner, within_s=within_s).run())
    else:
        log.warning("not_sealing", reason="SEALING_KEY is not set, so the past could be changed unnoticed")
    return work


@asynccontextmanager
async def under_way(work: Sequence[Work]) -> AsyncIterator[None]:
    """All of it side by side, until this is left."""
    running = {asyncio.create_task(each) for each in work}
    try:
        yield
    finally:
        while running:  # a library may lose a cancellation: ask until it is heard
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=STOP_AGAIN_S)
