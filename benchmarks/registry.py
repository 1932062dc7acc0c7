"""Every benchmark by name, and what it measures, in words for docs/performance.md."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import (
    appends,
    browsing,
    cart_http,
    catalog_rows,
    checkouts,
    growth,
    hot_checkout,
    hot_sku,
    identity,
    importing,
    listeners,
    projecting,
    rebuilding,
    seals,
    snapshot_reads,
    wakes,
)
from benchmarks.figures import Figure
from benchmarks.ground import Ground


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`title` and `note` are Markdown. The figures it reports are named after it, with a suffix for further ones."""

    measure: Callable[[Ground], Awaitable[list[Figure]]]
    title: str
    note: str
    only_by_name: bool = False
    """Takes many minutes, so that it does not run when all are asked for."""


_APPENDS = (
    "Each client appends one fact (`CartLineAdded`, {body}) to a stream of its own, names the version it expects, and "
    "asks again as soon as it is answered: that is, when the fact is on the disk. Ours is the whole way through "
    "`PostgresEventStore.append`, encoding included, with metadata, in one process on one event loop. The peer gets "
    "the encoded bytes and has no metadata to write; it works in threads, at most 64 connections for "
    "them. Where the time "
    "goes at 64: all clients wait for the same batch, so both sides take turns; a batch of 64 is 1.0 to 1.4 ms of "
    "PostgreSQL's processor (half of it the rows and their three indexes), one fsync, and about 1 ms of Python."
).format(body="about 150 bytes of JSON")

_IMPORT = (
    "`daybook import complete-journey` in production mode: real baskets, through the commands, into an empty shop, "
    "while a worker process projects them. `import_rate` is the first 5,000 baskets with the catalog and the customers "
    "that they need, from the first command to the last commit; `import_memory` is the most that any process held. "
    "The limit beside it is what the disk and PostgreSQL can do at best: COPY of the same facts, in one transaction, "
    "into a table without indexes, nobody deciding or projecting anything. `import_whole` is all 155,848 baskets from "
    "the start of the command to its end, when every read table is up to date; it takes some minutes and runs only "
    "when it is named."
)

_IDENTITY = (
    "In one process, without sockets. `auth_overhead` is what an endpoint of ours takes longer when it wants a good "
    "token and a role, for a token that has come before; the peer is a whole request of FastAPI with the same body. "
    "`limit_roundtrips` is what the three limits of a sign-in ask of Redis, and how long that takes beside counting in "
    "memory, as commands and queries are counted. `login_bcrypt` is eight people who sign in again and again, with all "
    "that goes with it (limits, a session, a fact), beside the same comparisons alone on the same two threads."
)

_REBUILD = (
    "A rebuild folds a read table anew into a shadow beside the live one, and puts it in that one's place. "
    "`rebuild_orders` is all of that for `order_summary`, from the making of the shadow to the change of names, on the "
    "book of 200,000 facts that the projections are measured on; order facts are counted. As the command does it, a "
    "process for each core folds its share of the orders. The peer is the same as there. `rebuild_memory` is the most "
    "that all processes of `daybook projections rebuild order_summary` held together over 10 million order facts (1.7 "
    "million orders, written by SQL in the shape that the commands give them; each is shipped and completed days after "
    "it was placed), and beside it the same over a million: what they share is counted once. `rebuild_memory_each` is "
    "the most that one of them held, and `rebuild_memory_rate` that command's, start-up included. It takes some "
    "minutes and runs only when it is named."
)

_BROWSING = (
    "One process of `daybook serve` in production mode, its projections inside, with a generated catalog of 92,331 "
    "products in its read tables; the client is another process on the same machine. `detail_warm` and `list_warm` "
    "(24 products) are guests on 32 connections that ask for what was asked before; the peer is a FastAPI endpoint "
    "that returns the same bytes, on the same server settings. `list_cold_p95` is one client that asks for lists of a "
    "category in one colour, with counts of colours, brands and prices, each of them for the first time; beside it "
    "the same statements, straight to the database. `search_p95` is 16 clients that search for two words of a name "
    "and have colours, categories and prices counted, again each for the first time. `browse_lists`, "
    "`browse_details` and `browse_searches` are answers a second at 16 clients: lists of all categories in five "
    "orders, products that people have been looking at for half a minute before (`browse_details_at_opening` is "
    "without that), as popular as in shops (Zipf), and searches that nobody has made before, so that no cache helps. "
    "A search takes about 0.8 ms of the service's processor and 1.2 of PostgreSQL's (0.7 to find and rank, most of it "
    "in the index of words; 0.25 to read products and stock), the client 0.1, Redis next to nothing, measured by "
    "process on a busy machine. `browse_searches_sql` is the same statements from as many connections with no service "
    "between, in the same run: the most that could be had."
    " Vendure's figures are of Vendure 3.7 with 1,000 products on a machine of this kind, measured once, not here."
)

_ORDER_COSTS = (
    "an order takes the service 41 (its five requests; nine tenths are HTTP, middlewares and decisions), the worker 30 "
    "at 15 orders/s and less at more, since a page of projections then is shared by more orders, PostgreSQL 25, "
    "the client 5, the gateway 5 and Redis 1"
)

BENCHMARKS: dict[str, Benchmark] = {
    f"append_{clients}": Benchmark(partial(appends.measure, clients=clients), "Appends", _APPENDS)
    for clients in (1, 8, 64, 256)
} | {
    "project_orders": Benchmark(
        projecting.measure,
        "Projection",
        "A book of 200,000 facts, written by the real commands: orders of three lines are placed and paid on one day, "
        "shipped the next and completed the day after, so the facts of an order are thousands of positions apart. "
        "`project_orders` is the page engine filling an empty `order_summary` from the order facts, "
        "`project_orders_all` all read tables at once from all facts (a fact counts once, however many it moves). "
        "The peer projects 5,000 of the same order facts into the same table, decoded by our own decoders, with one "
        "statement a fact: its way of working is one transaction for each.",
    ),
    "rebuild_orders": Benchmark(
        rebuilding.measure,
        "Rebuild",
        _REBUILD,
    ),
    "rebuild_memory": Benchmark(rebuilding.measure_memory, "Rebuild", _REBUILD, only_by_name=True),
    "seal": Benchmark(
        seals.measure,
        "Seals",
        "The same book of 200,000 facts. `seal` is the sealer working off a book without seals: each fact is read, "
        "hashed, chained and made a leaf of its seal's tree, and every 1,024 facts are signed and committed. "
        "`seal_verify` is `daybook verify` of all of it: the same hashes, every signature, every stream. Both are one "
        "process on one core. The peer only reads the facts and hashes each once.",
    ),
    "hot_sku_256": Benchmark(
        hot_sku.measure,
        "One hot article",
        "256 buyers reserve one unit each of the same SKU, again and again, through the command handler of one "
        "process: `RecordSale` of one line, which reads the new order's stream and the stock's, decides, and appends "
        "`OrderPlaced` and `StockReserved` together, guarded by both versions. It does more than the peer, which knows "
        "of no order: that one takes a unit off a counter and inserts a reservation. `hot_sku_4` is the same with 64 "
        "buyers in each of four processes, each with a handler of its own: reservations commute, so no process has "
        "to know those of the others, and the append checks that the balance of the stock stays right (ADR 19). "
        "`hot_sku_256_limit` sets the same rate beside what PostgreSQL alone stores: the batches of such a run, made "
        "beforehand and sent one after the other on one connection, with nobody deciding. Where the time goes: in "
        "Python, which takes about twice as much of the processor as PostgreSQL does, for two facts in two streams. A "
        "trace of the batches shows both at work at once, and Python with next to nothing to wait for: one process is "
        "one core. Its time is spread thin: two fifths are the decision and its records, a sixth is JSON and ids, a "
        "sixth the batch, the rest is what wakes the one who waits. Of PostgreSQL's time, half is the writing of the "
        "rows and their three indexes, and a tenth the judging of versions and balances. What limits "
        "four processes is both cores: a batch costs about a millisecond of them whatever is in it, so in batches "
        "of 32, half of the buyers, a reservation took 83 µs of Python and 50 of PostgreSQL. Since those who were "
        "answered travel with those who waited (ADR 40) batches are of 64, and it is 80 and 41 (medians of five turns, "
        "old beside new, on a busy machine; 75 and 40 on a quieter one): two cores can do some 17,000 a second. There "
        "are no conflicts; on average one of the four waits for the lock on the head, held for a batch and its "
        "commit.",
    ),
    "auth_overhead": Benchmark(
        identity.measure_auth,
        "Identity",
        _IDENTITY,
    ),
    "limit_roundtrips": Benchmark(identity.measure_limits, "Identity", _IDENTITY),
    "login_bcrypt": Benchmark(identity.measure_logins, "Identity", _IDENTITY),
    "growth_10m": Benchmark(
        growth.measure,
        "Growth",
        "Two books on one server, one of ten thousand facts and one of ten million, in partitions of a million (there "
        "are ten million in each unless the operator wants it otherwise), written by `INSERT ... SELECT` with all "
        "indexes in place. `growth_10m` is `append_64` in each, `growth_10m_tail` reads the newest ten thousand facts "
        "in pages of a thousand. It takes some minutes and runs only when it is named.",
        only_by_name=True,
    ),
    "lag_p99": Benchmark(
        wakes.measure,
        "Wake-ups and lag",
        "64 clients append to a cart each, first as fast as they can, then at half that rate (`lag_p99_load`), while "
        "`daybook worker` projects in a process of its own and another process only listens. `wake_p99` is the time "
        "from asking for an append until the listener has heard of its position; `lag_p99` the time from its answer "
        "until the listener has heard that the row is in the read table, both over all appends of the run. "
        "Where the time goes: a fact waits for the page under way and then for its own, each five round trips (the "
        "facts, and a transaction of four that does not wait for the disk; a sixth where rows have to be read), with "
        "all projections in lockstep; Redis hears of what has changed "
        "every 50 ms. Client, committer, worker, listener and their sessions share the processor, so the rest is "
        "waiting for a turn, and the longer a page takes, the more facts the next one has.",
    ),
    "snapshot_read": Benchmark(
        snapshot_reads.measure,
        "Long streams",
        "The first reading of one stock of 100,000 facts by a command handler that knows nothing yet: what a decision "
        "waits for after a restart, or after another process was first. `snapshot_read` finds a snapshot and has the "
        "200 facts after it to fold, the most that a reading leaves for the next one; `snapshot_read_after_heat` has "
        "1,000, the most that are left when a process ends that kept the stream in memory (the reading after that has "
        "200 again). `snapshot_read_without` folds every fact, as without snapshots. Each number is the median of "
        "three runs, and in a run of 300 readings (but for the last one, which happens once in a run).",
    ),
    "import_rate": Benchmark(
        importing.measure,
        "Import",
        _IMPORT,
    ),
    "catalog_import": Benchmark(
        catalog_rows.measure,
        "A table of products",
        "`daybook catalog import` of a CSV with 92,331 generated products, one row and one transaction and five "
        "facts each (the product, its variant, both their claims, and that it is on sale), into a shop that has 300 "
        "categories; from the first row to the last commit, nobody projecting meanwhile. The limit beside it is COPY "
        "of the same facts, in one transaction, into a table without indexes.",
    ),
    "import_whole": Benchmark(importing.measure_whole, "Import", _IMPORT, only_by_name=True),
    "orders_64": Benchmark(
        checkouts.measure,
        "Checkouts",
        "64 shoppers, registered and signed in, each on a connection kept alive, do the same again and again against "
        "one process of `daybook serve` in production mode with `daybook worker` beside it, as docker-compose.yml has "
        "it: one to three articles into the cart, place the order (address, shipping method, taxes), pay "
        "(`Prefer: wait`, so that the answer comes when that of the sandbox gateway has, which is a process of its "
        "own and is asked over HTTP), and ask for the order (with `Min-Position`) until it says PAID. "
        "`orders_64` counts whole orders, `orders_64_p99` is the time of one, `orders_64_requests` counts every "
        "request; `place_p99` is the time of `POST /v1/orders` alone when half as many orders are begun, evenly "
        "spread. The peer is the framework alone: one FastAPI endpoint that validates a body and keeps nothing, in "
        "one process with the same uvicorn settings, under the same client. Client, service, worker, gateway and "
        "PostgreSQL share the two cores. Where the time goes, in such bare POSTs, each counted by its processor time: "
        f"{_ORDER_COSTS}. With projections and policies inside, the service alone took 62, all of one core, "
        "while the other one had little to do. For scale, measured once on a machine of this kind: Vendure 3.7 made "
        "10 to 11 orders/s.",
    ),
    "hot_checkout": Benchmark(
        hot_checkout.measure,
        "Checkouts",
        "500 guests want one of 100 units, all at once, half of them at each of two processes of `daybook serve` on "
        "one database: into the cart, order, and whoever got one pays. The time is from the first request to the last "
        "answer. The benchmark fails unless exactly 100 orders are placed and paid, 400 guests get a clear refusal, "
        "and the stock says the same. For scale, measured once on a machine of this kind: of 200 shoppers and 100 "
        "units, Vendure 3.7 took 18 s and sold 200, Medusa 2.21 took 289 s and answered 615 requests with 500.",
    ),
    "orders_growth": Benchmark(
        checkouts.measure_growth,
        "Checkouts",
        "`orders_64` in a book that begins with ten million facts (as in `growth_10m`), against an empty one. It takes "
        "some minutes and runs only when it is named.",
        only_by_name=True,
    ),
}
BENCHMARKS |= {
    "cart_add": Benchmark(
        cart_http.measure,
        "Adding to a cart over HTTP",
        "64 customers, signed in, each on a connection kept alive, put one unit of one of ten articles into a cart of "
        "their own, again and again, against one process of `daybook serve` with `daybook worker` beside it, as in "
        "production: the token is checked, the line decided upon, and it is on the disk before the answer goes out. "
        "The peer is one FastAPI endpoint that validates the same body and keeps nothing, under the same client; "
        "worker, service, PostgreSQL and the client share the two cores. Where the time goes: all that stands "
        "around the handler (with one that answers at once) takes 1.4 times what the bare application takes, and "
        "deciding and appending more than that again; then come the worker's, PostgreSQL's and the client's share.",
    ),
    "browse_warm": Benchmark(browsing.measure_warm, "Browsing", _BROWSING),
    "browse_cold": Benchmark(browsing.measure_cold, "Browsing", _BROWSING),
    "browse_scale": Benchmark(browsing.measure_scale, "Browsing", _BROWSING),
}
BENCHMARKS |= {
    f"listeners_{number}": Benchmark(
        partial(listeners.measure, listeners=number),
        "The live feed",
        "So many idle listeners of `GET /v1/events` as Server-Sent Events, on one process of the service; they and a "
        "writer are another process on the same machine. The writer appends a fact every quarter of a second. "
        "`listeners_*` is the time from asking for the append to the median listener's hearing of it, `_p99` is over "
        "all listeners and facts, `_last` the median of the last listener's; `_cpu` is what the service's processor "
        "spends on each listener that hears of a fact, `_memory` what its memory has grown by for each listener, and "
        "`_idle_cpu` what all of them cost while nothing happens, heartbeats included.",
    )
    for number in (1_000, 5_000)
}
