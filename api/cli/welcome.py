"""What `daybook serve --dev` says once everything is up: what to open, who to sign in as, what to try first."""

import sys
from collections.abc import Sequence

from api.cli.output import console, say
from api.demo_shop import DemoUser
from commands.user import CUSTOMER
from infrastructure.settings import Settings


def welcome(settings: Settings, url: str, users: Sequence[DemoUser]) -> None:
    """Between two rules and without a frame, so that what it shows can be copied as it is."""
    _rule("[bold]Daybook is open[/]")
    _row("API", f"{url}/v1")
    _row("docs", f"{url}/docs  {url}/redoc")
    _row("health", f"{url}/health/ready")
    _row("data", _where(settings))
    if settings.smtp_url is None:
        _row("mail", f"{settings.data_dir / 'mailbox'}")
    if users:
        say("\nSign in as", "bold")
    width = max((len(user.email) for user in users), default=0)
    for user in users:
        _row(user.role, f"{user.email:<{width}}  {user.password}")
    say("\nTry", "bold")
    say(f"  curl -s '{url}/v1/products?limit=3'")
    for user in users:
        if user.role == CUSTOMER:
            say(f"  curl -s {url}/v1/auth/login -d username={user.email} -d password={user.password}")
    say("\nCtrl-C stops it. Everything is kept: the next start goes on from here.")
    _rule()
    sys.stdout.flush()


def _rule(title: str = "") -> None:
    if sys.stdout.isatty():
        console().rule(title, style="dim", align="left")
    elif title:
        console().print(title)


def _row(label: str, text: str) -> None:
    say(f"  {label:<9} {text}")


def _where(settings: Settings) -> str:
    embedded = [
        name
        for name, configured in (("PostgreSQL", settings.database_url), ("Valkey", settings.redis_url))
        if configured is None
    ]
    return f"{settings.data_dir} (embedded {' and '.join(embedded)})" if embedded else "DATABASE_URL and REDIS_URL"
