"""Who may advance what: a lease with an epoch on each checkpoint row, so that two workers never both advance one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from infrastructure.database import Connection, Pool

LEASE_S = 5.0
RENEW_EVERY_S = 1.5

LOCK = "SELECT name FROM projections WHERE name = ANY ($1::text[]) ORDER BY name FOR UPDATE"
_ADD = "INSERT INTO projections (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"
_TAKE = """UPDATE projections p SET owner = $2, epoch = p.epoch + 1,
        lease_until = clock_timestamp() + make_interval(secs => $3)
    FROM unnest($1::text[], $4::bigint[]) AS wanted (name, epoch)
    WHERE p.name = wanted.name AND (p.lease_until < clock_timestamp() OR p.epoch = wanted.epoch)
    RETURNING p.name, p.position, p.epoch"""
_RENEW = """UPDATE projections p SET lease_until = clock_timestamp() + make_interval(secs => $3)
    FROM unnest($1::text[], $2::bigint[], $4::bigint[]) AS mine (name, epoch, position)
    WHERE p.name = mine.name AND p.epoch = mine.epoch AND p.position = mine.position RETURNING p.name"""
_RELEASE = """UPDATE projections SET lease_until = '-infinity', owner = NULL
    WHERE name = ANY ($1::text[]) AND owner = $2"""
_ADVANCE = """WITH advanced AS (
        UPDATE projections p SET position = $3, last_error = NULL, updated_at = clock_timestamp(),
            facts_per_s = $6,
            lease_until = clock_timestamp() + make_interval(secs => $5)
        FROM unnest($1::text[], $2::bigint[]) AS mine (name, epoch)
        WHERE p.name = mine.name AND p.epoch = mine.epoch AND p.position = $4 RETURNING p.name
    ) SELECT (SELECT count(*) FROM advanced), (SELECT count(pg_notify('daybook', news)) FROM unnest($7::text[]) news),
        CASE WHEN $8 THEN set_config('synchronous_commit', 'off', true) END"""
_INTERRUPT = "UPDATE projections SET epoch = epoch + 1, lease_until = '-infinity' WHERE name = $1"
_STANDING = "SELECT position, lease_until > clock_timestamp() FROM projections WHERE name = $1"
_FAILED = """UPDATE projections SET last_error = $3, updated_at = clock_timestamp()
    WHERE name = $1 AND epoch = $2"""


class LeaseLost(Exception):
    """Another worker has taken over: what this one was about to write must not be written."""


@dataclass(slots=True)
class Lease:
    """The right to advance one projection from `position`, as long as its epoch is the present one."""

    name: str
    position: int
    epoch: int
    parked_keys: set[str] | None = None
    """Kept by whoever needs it: nobody else parks or retries without a new epoch. None: not looked up yet."""
    rows: dict[Any, Any] = field(default_factory=dict)
    """By their keys, as they are in the table at `position`; None where there is none. Kept for the same reason."""


async def interrupt(connection: Connection, name: str) -> None:
    """Hold a projection still until the caller's transaction ends. What is under way for it then is not written, but
    done again on what this transaction has left."""
    await connection.execute(_INTERRUPT, name)


async def standing(pool: Pool, name: str) -> tuple[int, bool]:
    """Where it stands, and whether anyone holds it; at 0 and held by nobody what nobody has begun."""
    row = await pool.fetchrow(_STANDING, name)
    return (0, False) if row is None else (row[0], row[1])


class Leases:
    """The checkpoint rows of `names`, as one worker sees them."""

    def __init__(self, pool: Pool, names: Sequence[str], owner: str) -> None:
        self._pool = pool
        self._names = list(names)
        self._owner = owner
        self.held: dict[str, Lease] = {}
        self._given_up: dict[str, int] = {}

    async def prepare(self) -> None:
        await self._pool.execute(_ADD, self._names)

    async def take(self) -> None:
        """Take what nobody holds; renew what this worker holds, and give up what it has lost.

        One that is ours and stands elsewhere than we left it, after a crash of the server, is taken anew from there."""
        if self.held:
            mine, stand = self._mine(self.held.values()), [lease.position for lease in self.held.values()]
            kept = {row["name"] for row in await self._pool.returning(_RENEW, *mine, LEASE_S, stand)}
            self._given_up |= {name: lease.epoch for name, lease in self.held.items() if name not in kept}
            self.held = {name: lease for name, lease in self.held.items() if name in kept}
        free = [name for name in self._names if name not in self.held]
        if free:
            epochs = [self._given_up.get(name) for name in free]
            for row in await self._pool.returning(_TAKE, free, self._owner, LEASE_S, epochs):
                self.held[row["name"]] = Lease(row["name"], row["position"], row["epoch"])

    def give_up(self) -> None:
        """Hold nothing any more, since what has become of the last page is not known.

        What nobody takes meanwhile `take` takes again at once, where it then stands, and with a new epoch."""
        self._given_up |= {name: lease.epoch for name, lease in self.held.items()}
        self.held = {}

    async def release(self) -> None:
        """Also what `take` was about to get when it was cancelled: nobody should have to wait for it to run out."""
        await self._pool.execute(_RELEASE, self._names, self._owner)
        self.held = {}

    async def advance(
        self,
        connection: Connection,
        leases: Sequence[Lease],
        position: int,
        facts_per_s: float = 0.0,
        news: Sequence[str] = (),
        *,
        repeatable: bool = False,
    ) -> None:
        """Move checkpoints that stand together to `position`, inside the caller's transaction; `news` are told with its
        commit. Nobody else can move or `interrupt` them from here to there.

        If all of the transaction is `repeatable`, its commit does not wait for the disk: a crash of the server may undo
        it as a whole.

        Raises LeaseLost if any of them is another worker's by now; the transaction must then be rolled back."""
        advanced = await connection.fetchval(
            _ADVANCE, *self._mine(leases), position, leases[0].position, LEASE_S, facts_per_s, news, repeatable
        )
        if advanced != len(leases):
            raise LeaseLost(", ".join(lease.name for lease in leases))

    async def failed(self, lease: Lease, error: str) -> None:
        """Say on the checkpoint row why it does not move."""
        await self._pool.execute(_FAILED, lease.name, lease.epoch, error[:2_000])

    @staticmethod
    def _mine(leases: Collection[Lease]) -> tuple[list[str], list[int]]:
        return [lease.name for lease in leases], [lease.epoch for lease in leases]
