"""`daybook bench`: figures with their peers in the same run."""

from typing import Annotated

import typer

from api.cli.outcome import Missing


def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones; none named, all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Short runs, whose figures are not kept.")] = False,
) -> None:
    """Run benchmarks, each beside its peer, and keep the figures in benchmarks/results/latest.json."""
    try:
        from benchmarks import run
    except ImportError:
        raise Missing("the benchmarks are part of a working copy, not of an installation") from None
    raise typer.Exit(run.main(names or [], quick=quick))
