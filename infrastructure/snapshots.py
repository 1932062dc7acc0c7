"""States of long streams, kept so that a stream of 100,000 facts is read like one of a hundred.

A snapshot is a cache. Whatever is wrong with one, the facts are read instead; whatever hinders the keeping of one is
logged and hurts nobody. Only committed states come here.
"""

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, get_type_hints

import msgspec
import structlog

from commands import FOLDS
from commands.decider import Fold, Ref
from commands.states import NOTHING, Known
from events import BEGINS_ANEW
from events.evolution import Evolution
from infrastructure.archive.catalog import missing_before
from infrastructure.codec import FactTranscoder
from infrastructure.database import Pool
from infrastructure.fold_key import fold_key, may_be_kept
from infrastructure.stream_reader import StreamReader
from infrastructure.vault import Vault

REPLAYED_MAX = 200
"""A reading that had to fold more facts than this keeps what it came to, and the next one is spared them."""
KEPT_EVERY = 1_000
"""Versions of a stream that stays in memory: what a new process has to fold at most after a hot day."""
WRITE_AFTER_S = 1.0
"""Meanwhile a newer state of the same stream takes the place of one that waits."""
WAITING_MAX = 1_000

# The snapshot first, then the facts after it: in one statement they are of one moment. LIMIT keeps the planner from
# joining whole tables; one that is ahead of its stream is of another book than this one.
READ = """SELECT wanted.stream, step.* FROM unnest($1::text[]) AS wanted (stream)
    LEFT JOIN LATERAL (
        SELECT version, state, digest FROM snapshots
         WHERE stream = wanted.stream AND fold = ANY ($2::bytea[])
           AND version <= (SELECT version FROM streams WHERE stream = wanted.stream)
         LIMIT 1) AS kept ON true
    CROSS JOIN LATERAL (
        SELECT kept.version, NULL AS type, NULL::smallint AS schema_version, kept.state AS body, kept.digest
         WHERE kept.version IS NOT NULL
        UNION ALL
        (SELECT version, type, schema_version, body, NULL FROM facts
          WHERE stream = wanted.stream AND version > coalesce(kept.version, 0) ORDER BY version)) AS step"""
# What others have added to streams that this process knows already.
TAILS = """SELECT wanted.stream, tail.* FROM unnest($1::text[], $2::integer[]) AS wanted (stream, version)
    CROSS JOIN LATERAL (SELECT version, type, schema_version, body, NULL FROM facts
        WHERE stream = wanted.stream AND version > wanted.version ORDER BY version) AS tail"""
# The last to write wins, even with an older state: that is still true, and one that is wrong gets replaced.
KEEP = """INSERT INTO snapshots (stream, fold, version, state, digest)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::integer[], $4::json[], $5::bytea[])
        ON CONFLICT (stream, fold) DO UPDATE SET version = excluded.version, state = excluded.state,
           digest = excluded.digest, kept_at = excluded.kept_at"""

log = structlog.get_logger(__name__)


class Damaged(Exception):
    """A snapshot cannot be believed."""


class _Gap(Exception):
    """The fact before this version is not there."""

    def __init__(self, version: int) -> None:
        self.version = version


class Snapshot(NamedTuple):
    """A row of the table."""

    stream: str
    fold: bytes
    version: int
    state: str
    digest: bytes


class StateCodec:
    """The states of one kind of stream, to snapshots and back. `key` is that of the fold."""

    def __init__(self, fold: Fold[Any], key: bytes) -> None:
        self.key = key
        self._decoder = msgspec.json.Decoder(get_type_hints(fold.evolve)["return"])

    def encode(self, stream: str, known: Known) -> Snapshot:
        """Raises TypeError, ValueError or OverflowError for a state that cannot be written down."""
        state = msgspec.json.encode(known.state).decode()
        return Snapshot(stream, self.key, known.version, state, self._digest(stream, known.version, state))

    def decode(self, stream: str, version: int, state: str, digest: bytes) -> Known:
        """Raises Damaged."""
        if digest != self._digest(stream, version, state):
            raise Damaged("it is not what was kept")
        try:
            return Known(version, self._decoder.decode(state))
        except msgspec.MsgspecError as error:
            raise Damaged(str(error)) from error

    def _digest(self, stream: str, version: int, state: str) -> bytes:
        return hashlib.sha256(b"\0".join([self.key, stream.encode(), str(version).encode(), state.encode()])).digest()


def codecs(folds: Iterable[Fold[Any]], evolution: Evolution) -> dict[Fold[Any], StateCodec]:
    """Of the folds whose states may be kept."""
    found = {}
    for fold in folds:
        if not may_be_kept(fold.category):
            continue
        try:
            found[fold] = StateCodec(fold, fold_key(fold, evolution))
        except OSError as error:  # installed without its source: then nobody knows what a kept state means
            log.warning("no_snapshots", category=fold.category, error=str(error))
    return found


class Snapshots:
    """The `States` port: reads snapshots and facts in one round trip, and keeps new snapshots in the background.

    `folds` are one for each category. Belongs to one event loop."""

    def __init__(self, pool: Pool, folds: Collection[Fold[Any]] = FOLDS.values(), vault: Vault | None = None) -> None:
        self._pool, self._transcoder = pool, FactTranscoder(vault=vault)
        self._codecs = codecs(folds, self._transcoder.evolution)
        self._reader = StreamReader(pool, READ, [codec.key for codec in self._codecs.values()])
        self._waiting: dict[str, Snapshot] = {}
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    async def read(self, refs: Sequence[Ref[Any]], since: Mapping[str, Known] = NOTHING) -> Mapping[str, Known]:
        """Raises UnknownFact, Undecodable, StreamArchived or asyncpg's errors."""
        gone_on = {ref.stream: ref for ref in refs if ref.stream in since}
        known = await self._since(gone_on, since) if gone_on else {}
        return known | await self._read({ref.stream: ref for ref in refs if ref.stream not in gone_on})

    async def _since(self, by_stream: Mapping[str, Ref[Any]], since: Mapping[str, Known]) -> dict[str, Known]:
        found = await self._pool.fetch(TAILS, list(by_stream), [since[stream].version for stream in by_stream])
        await self._learn(found)
        rows = {stream: list(own) for stream, own in groupby(found, itemgetter("stream"))}
        known = {}
        for stream, ref in by_stream.items():
            try:
                known[stream] = self._gone_on(ref, since[stream], rows.get(stream, ()))
            except _Gap as gap:
                raise await missing_before(self._pool, stream, gap.version) from None
        return known

    async def _read(self, by_stream: Mapping[str, Ref[Any]]) -> dict[str, Known]:
        if not by_stream:
            return {}
        found = await self._reader.rows(by_stream)
        await self._learn(found)
        rows = {stream: list(own) for stream, own in groupby(found, itemgetter("stream"))}
        known = {}
        for stream, ref in by_stream.items():
            try:
                known[stream] = self._folded(ref, rows.get(stream, ()))
            except Damaged as damage:
                log.warning("snapshot_damaged", stream=stream, error=str(damage))
                known[stream] = self._folded(ref, await self._pool.fetch(READ, [stream], []))
                self._keep(ref, known[stream])
            except _Gap as gap:
                raise await missing_before(self._pool, stream, gap.version) from None
        return known

    async def _learn(self, rows: Sequence[Any]) -> None:
        """The keys that these facts are encrypted under."""
        if persons := self._transcoder.divider.persons((row["type"], row["body"]) for row in rows):
            await self._transcoder.vault.learn(self._pool, persons)

    def moved(self, ref: Ref[Any], before: int, now: Known) -> None:
        """Of all processes that lead a stream on, one gets it across each mark."""
        if before // KEPT_EVERY != now.version // KEPT_EVERY:
            self._keep(ref, now)

    async def close(self) -> None:
        """What waits to be kept is not: the next process will see to it."""
        self._closed = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])

    def _folded(self, ref: Ref[Any], rows: Sequence[Any]) -> Known:
        """Raises Damaged or _Gap."""
        start, facts = Known(0, ref.fold.initial), rows
        if rows and rows[0]["type"] is None:
            _, version, _, _, state, digest = rows[0]
            start, facts = self._codecs[ref.fold].decode(ref.stream, version, state, digest), rows[1:]
        return self._gone_on(ref, start, facts)

    def _gone_on(self, ref: Ref[Any], start: Known, facts: Sequence[Any]) -> Known:
        """Raises _Gap."""
        version, state = start
        for _, next_version, type_name, schema_version, body, _ in facts:
            event = self._transcoder.decode_fact(type_name, schema_version, body)
            if next_version != version + 1:
                if type(event) not in BEGINS_ANEW:
                    raise _Gap(next_version)
                state = ref.fold.initial
            version, state = next_version, ref.fold.evolve(state, event)
        known = Known(version, state)
        if len(facts) > REPLAYED_MAX:
            self._keep(ref, known)
        return known

    def _keep(self, ref: Ref[Any], known: Known) -> None:
        codec = self._codecs.get(ref.fold)
        is_full = len(self._waiting) >= WAITING_MAX and ref.stream not in self._waiting
        if codec is None or is_full or self._closed:
            return
        try:
            self._waiting[ref.stream] = codec.encode(ref.stream, known)
        except (TypeError, ValueError, OverflowError) as error:
            log.warning("snapshot_not_kept", stream=ref.stream, error=repr(error))
            return
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(WRITE_AFTER_S)
            waiting, self._waiting = self._waiting, {}
            try:
                # In one order everywhere: two processes that keep the same streams do not lock each other out.
                await self._pool.execute(KEEP, *zip(*sorted(waiting.values()), strict=True))
            except Exception as error:  # whatever it is, it costs a replay
                log.warning("snapshots_not_kept", streams=len(waiting), error=repr(error))
        self._writing = None
