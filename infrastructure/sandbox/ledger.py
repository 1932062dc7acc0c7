"""The sandbox's memory: a SQLite file, so that it survives the end of its server, however that comes."""

import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_ATTEMPTS = 30
"""Then a webhook is given up."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    account TEXT, payment_id TEXT, order_id TEXT DEFAULT '', amount INTEGER DEFAULT 0, currency TEXT DEFAULT '',
    method TEXT DEFAULT '', at_once INTEGER DEFAULT 0, notify_url TEXT DEFAULT '', status TEXT, reference TEXT,
    reason TEXT DEFAULT '', expires_at REAL,
    PRIMARY KEY (account, payment_id)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS payment_reference ON payment (reference);
CREATE TABLE IF NOT EXISTS movement (
    account TEXT, payment_id TEXT, kind TEXT, id TEXT, amount INTEGER, moved_at REAL,
    PRIMARY KEY (account, payment_id, kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS movement_moved_at ON movement (account, moved_at);
CREATE TABLE IF NOT EXISTS due (
    id INTEGER PRIMARY KEY, at REAL, account TEXT, payment_id TEXT, kind TEXT, movement_id TEXT, amount INTEGER);
CREATE TABLE IF NOT EXISTS webhook (
    id INTEGER PRIMARY KEY, event_id TEXT, url TEXT, type TEXT, account TEXT, payment_id TEXT, movement_id TEXT,
    amount INTEGER, due_at REAL, attempts INTEGER DEFAULT 0);
"""

Row = dict[str, Any]


class Ledger:
    """Payments by account, what moved, what is promised, and webhooks on their way. Times are seconds since 1970.

    Any number of processes may share the file."""

    def __init__(self, file: Path | str) -> None:
        self._db = sqlite3.connect(file, timeout=10, isolation_level=None, check_same_thread=False)
        self._db.row_factory = lambda cursor, row: {
            column[0]: value for column, value in zip(cursor.description, row, strict=True)
        }
        # With a write-ahead log a commit survives the process; that it need not survive the machine saves an fsync.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def find(self, account: str, payment_id: str) -> Row | None:
        return self._one("SELECT * FROM payment WHERE account = ? AND payment_id = ?", account, payment_id)

    def by_reference(self, reference: str) -> Row | None:
        return self._one("SELECT * FROM payment WHERE reference = ?", reference)

    def add(self, **values: Any) -> Row:
        """A payment, as it is kept."""
        values["reference"] = f"sandbox_{secrets.token_hex(12)}"
        insert = f"INSERT INTO payment ({', '.join(values)}) VALUES ({', '.join('?' * len(values))}) RETURNING *"
        row: Row = self._db.execute(insert, tuple(values.values())).fetchall()[0]
        return row

    def change(self, account: str, payment_id: str, **values: Any) -> None:
        changes = ", ".join(f"{name} = ?" for name in values)
        update = f"UPDATE payment SET {changes} WHERE account = ? AND payment_id = ?"
        self._db.execute(update, (*values.values(), account, payment_id))

    def move(self, account: str, payment_id: str, kind: str, id_: str, amount: int) -> None:
        insert = "INSERT INTO movement VALUES (?, ?, ?, ?, ?, ?)"
        self._db.execute(insert, (account, payment_id, kind, id_, amount, time.time()))

    def moved(self, account: str, payment_id: str, kind: str, id_: str) -> bool:
        find = "SELECT 1 FROM movement WHERE account = ? AND payment_id = ? AND kind = ? AND id = ?"
        return self._db.execute(find, (account, payment_id, kind, id_)).fetchone() is not None

    def total(self, account: str, payment_id: str, kind: str) -> int:
        total = "SELECT coalesce(sum(amount), 0) AS n FROM movement WHERE account = ? AND payment_id = ? AND kind = ?"
        return int(self._db.execute(total, (account, payment_id, kind)).fetchone()["n"])

    def movements(self, account: str, since: float) -> Sequence[Row]:
        """All that ever moved by those payments that moved since then."""
        found = self._db.execute(
            """SELECT m.payment_id, p.order_id, m.kind, m.id, m.amount, p.currency, m.moved_at
            FROM movement m JOIN payment p USING (account, payment_id) WHERE account = ?1 AND payment_id IN
                (SELECT payment_id FROM movement WHERE account = ?1 AND moved_at >= ?2) ORDER BY m.moved_at, m.id""",
            (account, since),
        )
        return found.fetchall()

    def promise(self, payment: Row, after_s: float, kind: str, id_: str, amount: int) -> None:
        """To be done later; once, however often it is promised."""
        promise = (payment["account"], payment["payment_id"], kind, id_)
        known = "SELECT 1 FROM due WHERE account = ? AND payment_id = ? AND kind = ? AND movement_id = ?"
        if self._db.execute(known, promise).fetchone() is None:
            insert = "INSERT INTO due (at, account, payment_id, kind, movement_id, amount) VALUES (?, ?, ?, ?, ?, ?)"
            self._db.execute(insert, (time.time() + after_s, *promise, amount))

    def due(self) -> Sequence[Row]:
        """Promises to keep now."""
        return self._db.execute("DELETE FROM due WHERE at <= ? RETURNING *", (time.time(),)).fetchall()

    def tell(self, payment: Row, type_: str, id_: str, amount: int, *, times: int = 1) -> None:
        """By a webhook, if the payment wants one."""
        event = (f"evt_{secrets.token_hex(12)}", payment["notify_url"], type_, payment["account"])
        insert = """INSERT INTO webhook (event_id, url, type, account, payment_id, movement_id, amount, due_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
        for _ in range(times if payment["notify_url"] else 0):
            self._db.execute(insert, (*event, payment["payment_id"], id_, amount, time.time()))

    def take_webhook(self, again_after_s: float) -> Row | None:
        """One that is due. It comes again after a while, and then a longer one, unless it is `delivered`."""
        return self._one(
            """UPDATE webhook SET due_at = ?1 + ?2 * (1 << min(attempts, 6)), attempts = attempts + 1
            WHERE id = (SELECT id FROM webhook WHERE due_at <= ?1 AND attempts < ?3 ORDER BY due_at, id LIMIT 1)
            RETURNING *""",
            time.time(),
            again_after_s,
            MAX_ATTEMPTS,
        )

    def delivered(self, webhook_id: int) -> None:
        self._db.execute("DELETE FROM webhook WHERE id = ?", (webhook_id,))

    def _one(self, query: str, *arguments: Any) -> Row | None:
        found: list[Row] = self._db.execute(query, arguments).fetchall()
        return found[0] if found else None
