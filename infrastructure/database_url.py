"""PostgreSQL URLs as people write them and as asyncpg takes them."""

import ssl
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

# libpq's own, which asyncpg would send to the server as settings of the session; hosted databases put them into URLs.
_NOT_FOR_ASYNCPG = {
    "channel_binding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "require_auth",
    "sslcertmode",
    "sslcompression",
    "sslnegotiation",
    "sslsni",
    "tcp_user_timeout",
}
SYSTEM = "system"
"""As `sslrootcert` it stands for the authorities that this machine trusts, with `sslmode=verify-full` (libpq 16)."""


class WrongUrl(ValueError):
    """It is not the URL of a PostgreSQL database; the message does not repeat it, since it may hold a password."""


def asyncpg_dsn(url: str) -> str:
    """Take `postgres://` and `postgresql://`, also SQLAlchemy's `postgresql+driver://`, with unix sockets and sslmode.

    Raises:
        WrongUrl: the scheme is another one, or `sslrootcert` names no file.
    """
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise WrongUrl("a database URL begins with postgresql://")
    parts = urlsplit(f"postgresql://{rest}")
    options = {name: value for name, value in parse_qsl(parts.query) if name not in _NOT_FOR_ASYNCPG}
    authorities = options.get("sslrootcert")
    if authorities == SYSTEM:
        options |= {"sslmode": "require"}  # what `tls` gives takes its place
        del options["sslrootcert"]
    elif authorities is not None and not Path(authorities).is_file():
        raise WrongUrl(f"sslrootcert: there is no file {authorities}")
    query = urlencode(options, safe="/,:", quote_via=quote)
    bare = f"postgresql://{parts.netloc}{parts.path}"
    return f"{bare}?{query}" if query else bare


def tls(url: str) -> ssl.SSLContext | None:
    """Beside the DSN, what it has no words for: the authorities of this machine."""
    authorities = dict(parse_qsl(urlsplit(url).query)).get("sslrootcert")
    return ssl.create_default_context() if authorities == SYSTEM else None
