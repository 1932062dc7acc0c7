"""PostgreSQL URLs as people write them and as asyncpg takes them."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

# libpq's own, which asyncpg would send to the server as settings of the session; hosted databases put them into URLs.
_NOT_FOR_ASYNCPG = {
    "channel_binding",
    "sslnegotiation",
    "gssencmode",
    "keepalives",
    "keepalives_idle",
    "connect_timeout",
}


class WrongUrl(ValueError):
    """It is not the URL of a PostgreSQL database; the message does not repeat it, since it may hold a password."""


def asyncpg_dsn(url: str) -> str:
    """Take `postgres://` and `postgresql://`, also SQLAlchemy's `postgresql+driver://`, with unix sockets and sslmode.

    Raises:
        WrongUrl: the scheme is another one.
    """
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise WrongUrl("a database URL begins with postgresql://")
    parts = urlsplit(f"postgresql://{rest}")
    options = [(name, value) for name, value in parse_qsl(parts.query) if name not in _NOT_FOR_ASYNCPG]
    query = urlencode(options, safe="/,:", quote_via=quote)
    bare = f"postgresql://{parts.netloc}{parts.path}"
    return f"{bare}?{query}" if query else bare
