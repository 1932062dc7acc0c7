"""`daybook keys`: the keys that a shop depends on."""

from typing import TYPE_CHECKING

import typer

from api.cli.opening import in_shop, run, tool_settings
from api.cli.output import AsJson, say, say_json

if TYPE_CHECKING:
    from api.wiring import Shop

app = typer.Typer(help="The keys that a shop depends on.", no_args_is_help=True)


@app.command()
def rotate(as_json: AsJson = False) -> None:
    """Make a new key that signs access tokens. It is published at once and signs in a minute; nobody is logged out.

    It comes from SECRET_KEY and a salt. If SECRET_KEY itself has become known, change that: access tokens end then, and
    clients get new ones with their refresh tokens."""
    from infrastructure.access_tokens import ANNOUNCED_S

    published = in_shop(_rotated, tool_settings())
    if as_json:
        say_json({"keys": published, "signs_in_s": ANNOUNCED_S})
    else:
        say(f"The key {published[-1]} signs in {ANNOUNCED_S} seconds; {len(published) - 1} before it stay good.")


async def _rotated(shop: "Shop") -> list[str]:
    await shop.sessions.rotate_keys()
    return [key["kid"] for key in shop.access_tokens.published()]


@app.command()
def rotate_master(as_json: AsJson = False) -> None:
    """Wrap all keys of persons under MASTER_KEY, which until now were wrapped by one of DAYBOOK_OTHER_MASTER_KEYS.

    The shop may go on meanwhile. With the rights of `daybook migrate`. The steps before and after: docs/privacy.md."""
    from api.wiring import direct, urls_of
    from infrastructure.database import open_pool
    from infrastructure.embedded import open_servers
    from infrastructure.rewrapping import rewrap

    settings = tool_settings()

    async def rotate() -> int:
        async with (
            open_servers(*urls_of(settings), settings.data_dir) as servers,
            open_pool(direct(settings, servers.database_url), 1) as pool,
        ):
            return await rewrap(pool, settings.master_keys())

    changed, key_id = run(rotate(), settings), settings.master_keys().current
    if as_json:
        say_json({"rewrapped": changed, "master_key_id": key_id})
    else:
        say(f"{changed:,} keys of persons are wrapped anew; all are by master key {key_id} now.")
