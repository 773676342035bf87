"""`flask --app webadmin import`, `export`, `copy-to`: accounts, and whole stores, on their way in and out."""
from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from typing import Any

import click
from flask import current_app

from webadmin.accounts import copying, exchange
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import AccountError
from webadmin.commands import opened
from webadmin.store import database

TOLD = 20      # rejected lines that are told on the terminal; the file has them all


@click.command("import", cls=opened.Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only tell what would happen.")
def import_(file: str, dry_run: bool) -> None:
    """Bring accounts in from FILE: CSV, or JSON lines (one object a line), UTF-8.

    The first line names the columns, username or email among them. An account that is there gets the values that its line gives, but
    keeps its password. Lines that break a rule are set aside in FILE.rejected.csv, the others go in; then the exit code is 1. It can be
    stopped at any time: run it again.
    """
    opened.store()
    with open(file, "rb") as source:
        try:
            work = exchange.Import(source, by=COMMAND_LINE, dry_run=dry_run, name=os.path.basename(file))
        except AccountError as wrong:
            raise click.ClickException(f"{file}: {wrong.sentence}") from None
        _warn_of_passwords(work)
        total = _run(work, f"{file}.rejected.csv", os.path.getsize(file))
    if work.unusable():
        click.echo("There are Argon2 hashes: nobody can sign in with one until argon2-cffi is installed here.", err=True)
    _tell(total, dry_run, f"{file}.rejected.csv")
    sys.exit(1 if total["rejected"] else 0)


@click.command("export", cls=opened.Command)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "form", type=click.Choice(exchange.FORMATS), default="csv", show_default=True)
@click.option("--with-hashes", is_flag=True, help="With the password hashes, so that everybody can sign in after an import.")
def export(file: str, form: str, with_hashes: bool) -> None:
    """Write every account to FILE (- is the standard output), the disabled and the deleted too.

    In CSV a cell that a spreadsheet would take for a formula has a ' in front; an import takes it away again. API tokens, sessions and
    the log are not part of it: see copy-to.
    """
    opened.store()
    begun, accounts = time.monotonic(), 0
    with database.connection(), exchange.private(file) as out:
        for piece in exchange.written(form, with_hashes=with_hashes, by=COMMAND_LINE):
            out.write(piece)
            accounts += piece.count("\n")
    click.echo(f"{accounts - (form == 'csv'):,} accounts in {time.monotonic() - begun:.1f} s.", err=True)


@click.command("copy-to", cls=opened.Command)
@click.argument("url")
def copy_to(url: str) -> None:
    """Copy the whole store, log and sessions included, to the empty database that URL names, and compare the two.

    Stop the server first: nothing can be written meanwhile. The keys are not copied: go on with the same WEBADMIN_KEYS.
    """
    opened.store()
    for table, count in copying.copy(current_app.config["SETTINGS"].database_url, url):
        click.echo(f"{table}: {count:,} rows, equal")
    click.echo("Everything was copied. Set WEBADMIN_DATABASE_URL to the new address, keep the keys where they are, and start the server.")


def _run(work: exchange.Import, rejected_path: str, size: int) -> dict[str, int]:
    total = dict.fromkeys(("created", "updated", "unchanged", "rejected"), 0)
    with ExitStack() as stack:
        bar: Any = stack.enter_context(click.progressbar(length=size, label="Importing", file=sys.stderr))
        rejected = None
        for outcome in work:
            for name in ("created", "updated", "unchanged"):
                total[name] += getattr(outcome, name)
            for line, reason in outcome.rejected:
                rejected = rejected or exchange.Rejected(stack.enter_context(exchange.private(rejected_path)), work.lines.columns)
                rejected.add(line, reason)
                total["rejected"] += 1
                if total["rejected"] <= TOLD:
                    click.echo(f"\nLine {line.number}: {reason}", err=True, nl=False)
            bar.update(work.lines.position() - bar.pos)
    return total


def _warn_of_passwords(work: exchange.Import) -> None:
    if work.has_passwords and not work.dry_run:
        minutes = exchange.seconds_a_password() * 1000 / 60
        click.echo(f"Plain passwords are hashed first: 1,000 of them take about {minutes:.1f} minutes here.", err=True)


def _tell(total: dict[str, int], dry_run: bool, rejected_path: str) -> None:
    would = "would be " if dry_run else ""
    click.echo(f"{total['created']:,} accounts {would}made, {total['updated']:,} changed, {total['unchanged']:,} as they were, "
               f"{total['rejected']:,} lines rejected{f': see {rejected_path}' if total['rejected'] else ''}.")


COMMANDS = (import_, export, copy_to)
