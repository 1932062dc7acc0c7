"""Structured logs: JSON lines for machines, readable ones on a terminal, the request's id on each, no secret in any."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Literal

import structlog
from pydantic_core import to_json

REDACTED = "[redacted]"
QUIET_S = 60.0
SAID_MAX = 1_000

_NO_REQUEST: Mapping[str, str] = {}
_of_request: ContextVar[Mapping[str, str]] = ContextVar("of_request", default=_NO_REQUEST)

# Names that hold secrets, wherever they stand in a key: `password`, `new_password`, `x-cart-token`, `database_url`.
_SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|api[-_]?key|(signing|sealing)[-_]?key|cookie|credential|(database|redis)_url",
    re.IGNORECASE,
)
# Secrets inside a text: a password in a URL, a bearer token, a JWT.
_SECRET_TEXT = re.compile(
    r"(?P<url>://[^\s:/@]*:)[^\s@]+(?=@)|(?P<bearer>\bBearer\s+)[\w.~+/=-]+|\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)


def configure(level: str = "info", style: Literal["auto", "json", "console"] = "auto") -> None:
    """Send every log line of the process, the standard library's and uvicorn's too, to stderr in one format."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    # What is added after the blanking holds no secret.
    shared: list[structlog.typing.Processor] = [
        _with_request,
        structlog.stdlib.ExtraAdder(),
        *([] if console else [structlog.processors.format_exc_info]),
        redact,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: list[structlog.typing.Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
        if console
        else [structlog.processors.JSONRenderer(serializer=_json)]
    )
    # Our own lines go straight to stderr: through the standard library, each would cost twice as much.
    structlog.configure(
        processors=[
            Repeated(),
            *(each for each in shared if not isinstance(each, structlog.stdlib.ExtraAdder)),
            *rendered,
        ],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # The service writes one line of its own per request, with the request's id and time.
    logging.getLogger("uvicorn.access").disabled = True
    # Alembic tells of every plugin that it loads; what the service does it says itself, in one line each.
    for chatty in ("alembic", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # While the database is away asyncpg's pool shows a traceback for each try; whoever asks it says so in a line.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    logging.captureWarnings(True)


class Repeated:
    """A warning that says the same again is counted for `QUIET_S`, not written: while the database is away, every part
    of the service notices it many times a second. The next line that is written has the count as `repeated`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._said: dict[tuple[str, ...], tuple[float, int]] = {}

    def __call__(self, _: Any, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if level != "warning" or event.get("exc_info"):
            return event
        if len(self._said) >= SAID_MAX:
            self._said.clear()
        said, now = tuple(f"{name}={value}" for name, value in event.items()), self._now()
        at, repeated = self._said.get(said, (-QUIET_S, 0))
        if now - at < QUIET_S:
            self._said[said] = at, repeated + 1
            raise structlog.DropEvent
        self._said[said] = now, 0
        return {**event, "repeated": repeated} if repeated else event


def bind_request(request_id: str, trace_id: str = "") -> None:
    """From here on each line of this task, and of those it starts, says to which request it belongs."""
    _of_request.set({"request_id": request_id, "trace_id": trace_id} if trace_id else {"request_id": request_id})


def _with_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in _of_request.get().items():
        event.setdefault(name, value)
    return event


def _json(event: Any, **options: Any) -> str:
    try:
        return to_json(event, fallback=repr).decode()
    except Exception:  # a line is written whatever stands in it, half a character for one
        return json.dumps(event, **options)


class _Lines:
    """Writes whole lines to stderr, whichever that is at the time."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what is secret by its name, and secrets inside texts; the last step before a line is written."""
    for key, value in event.items():
        event[key] = REDACTED if _is_secret(key) else _redacted(value)
    return event


@lru_cache(maxsize=1_000)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return _SECRET_TEXT.sub(lambda m: f"{m['url'] or m['bearer'] or ''}{REDACTED}", value)
        case dict():
            return {k: REDACTED if _is_secret(str(k)) else _redacted(v) for k, v in value.items()}
        case list() | tuple():
            return [_redacted(item) for item in value]
        case _:
            return value
