"""`daybook verify`: is the past what it was?"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import rich.progress
import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import ExitCode, Misused, Refused
from api.cli.output import AsJson, errors, say, say_json, say_table

if TYPE_CHECKING:
    from api.wiring import Shop
    from infrastructure.verification import Finding, KeptSeal, Report


Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="BASE64", help="A public key to trust besides ours; may be repeated."),
]


def verify(
    first: Annotated[int, typer.Option("--from", min=1, help="The first position.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="The last position; by default, the head.")] = None,
    kept: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="A seal that was noted down: is this still the book it stands for?"),
    ] = None,
    keys: Keys = None,
    archives: Annotated[
        list[Path] | None,
        typer.Option("--archive", metavar="FILE", help="Judge this file instead; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the seals from the facts, and name what was changed, removed, inserted or moved.

    Exit code 1 if anything was. Nothing is locked: it may run beside a shop that is open."""
    if archives:
        from api.cli.archive import checked_files

        if checked_files(archives, keys, as_json):
            raise typer.Exit(ExitCode.REFUSED)
        return
    noted, also_trusted = _noted(kept), trusted(keys or [])
    if last is not None and last < first:
        raise Misused("--to: must not be before --from")
    report = in_shop(lambda shop: _verified(shop, first, last, noted, also_trusted), tool_settings())
    if report.is_beyond(first):
        raise Refused(f"--from: the book ends at position {report.end:,}; if it went further, it was cut off")
    if as_json:
        say_json(_summary(report))
    else:
        _tell(report)
    if not report.sound:
        raise typer.Exit(ExitCode.REFUSED)


async def _verified(
    shop: "Shop", first: int, last: int | None, kept: "KeptSeal | None", trusted: list[bytes]
) -> "Report":
    from infrastructure.garbage import rarely_collected
    from infrastructure.keyring import Keyring
    from infrastructure.verification import verify

    settings, out = shop.settings, errors()
    keyring = Keyring(settings.sealing_seed(), [*settings.retired_public_keys(), *trusted])
    columns = TextColumn("Verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    bars = rich.progress.Progress(*columns, console=out, disable=not out.is_terminal, transient=True)
    with bars, rarely_collected():
        bar = bars.add_task("", total=None)
        return await verify(
            shop.pool,
            keyring,
            first=first,
            last=last,
            kept=kept,
            on_progress=lambda done, there: bars.update(bar, completed=done, total=there),
        )


def _noted(text: str | None) -> "KeptSeal | None":
    from infrastructure.verification import KeptSeal

    if text is None:
        return None
    form = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip(), re.ASCII | re.IGNORECASE)
    if form is None:
        raise Misused("--kept: a seal is noted down as its number and its hash, such as 12:9f86d081...")
    return KeptSeal(int(form[1]), form[2].lower())


def trusted(keys: list[str]) -> list[bytes]:
    """Public keys from their base64. Raises Misused."""
    from infrastructure.setting_forms import key_bytes

    try:
        return [key_bytes(key) for key in keys]
    except ValueError as error:
        raise Misused(f"--key: {error}") from None


def _summary(report: "Report") -> dict[str, Any]:
    return {
        "sound": report.sound,
        "first": report.first,
        "last": report.last,
        "head": report.head,
        "facts": report.facts,
        "seals": report.seals,
        "unsealed": report.unsealed,
        "archived": report.archived,
        "archives": report.archives,
        "findings": report.findings,
        "more_findings": report.more_findings,
        "newest_seal": report.newest_seal,
        "seconds": round(report.seconds, 3),
        "facts_per_s": round(report.facts / report.seconds),
    }


def _tell(report: "Report") -> None:
    rate = f"{report.seconds:.1f} s, {report.facts / report.seconds:,.0f} a second"
    where = f"positions {report.first:,} to {report.last:,}" if report.facts else "no positions"
    say(f"{report.facts:,} facts and {report.seals:,} seals were checked, {where} ({rate}).")
    if report.unsealed:
        say(f"{report.unsealed:,} of them, at the end, have no seal yet: only their order could be judged.", "yellow")
    if report.newest_seal is not None:
        newest = f"{report.newest_seal.number}:{report.newest_seal.hash}"
        say(f"To be told of a book that is replaced as a whole, keep this elsewhere: --kept {newest}")
    if report.archived:
        say(f"{report.archived:,} facts are in archives, and were not looked at (verify these with --archive FILE):")
        for each in report.archives:
            say(f"  {each.file}: positions {each.first:,} to {each.last:,}")
    tell_findings(report.findings, report.more_findings, "Nothing is wrong.", "The book is not what it was.")


def tell_findings(findings: "Sequence[Finding]", more: int, sound: str, unsound: str) -> None:
    if not findings:
        say(sound, "green")
        return
    say()
    say_table(("finding", "what it is"), [(finding.kind.value, finding.detail) for finding in findings])
    if more:
        say(f"And {more:,} more.")
    say(f"\n{unsound}", "red")
