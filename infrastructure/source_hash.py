"""Which code a read table was folded with, as a short hash: rows of one fold must not be gone on with by another."""

import hashlib
import inspect
import io
import tokenize
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from events.evolution import Evolution
from infrastructure.database import Pool
from infrastructure.reachable_source import reachable_source
from projections.projection import Projection

_NOTE = """UPDATE projections p SET source = code.source FROM unnest($1::text[], $2::text[]) AS code (name, source)
    WHERE p.name = code.name AND (p.source IS NULL OR p.position = 0)"""


@cache  # and so it is that of the code which runs, even if a deployment changes the files meanwhile
def source_of(projection: Projection[Any]) -> str:
    """16 hexadecimal digits: of what the fold may reach, the row's columns, and the versions of its facts.

    Comments and blank lines do not count. Where the source is not at hand, only the rest does."""
    row: Any = projection.row
    evolution = Evolution()
    facts = sorted((fact.__name__, evolution.version(fact.__name__)) for fact in projection.facts)
    told = [
        _code(_fold(projection)),
        str(list(inspect.get_annotations(row).items())),
        str(projection.key),
        str(facts),
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def sources(projections: Iterable[Projection[Any]]) -> Mapping[str, str]:
    return {projection.name: source_of(projection) for projection in projections}


async def note_sources(pool: Pool, projections: Iterable[Projection[Any]]) -> None:
    """Tables that begin now are this code's; those that nobody knows of are taken to be, so that a change shows."""
    noted = sources(projections)
    await pool.execute(_NOTE, list(noted), list(noted.values()))


def _fold(projection: Projection[Any]) -> str:
    try:
        return reachable_source(projection.evolve)
    except OSError:
        return ""


def _code(source: str) -> str:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "".join(
        tokenize.tok_name[token.type] if token.type in (tokenize.INDENT, tokenize.DEDENT) else token.string
        for token in tokens
        if token.type not in (tokenize.COMMENT, tokenize.NL)
    )
