"""`flask --app webadmin ...`: what keeps the store whole: verify-log, backup, restore, free-reserve."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click
from flask import current_app

from webadmin import backups, start
from webadmin.accounts import keyring, verification
from webadmin.commands import opened
from webadmin.settings import Settings
from webadmin.store import database, reserve

SHOWN_PURGES = 20


@click.command("verify-log", cls=opened.Command)
@click.option("--head", default="", metavar="NUMBER:SEAL", help="A head from the server's log: is it still so up to there?")
def verify_log(head: str) -> None:
    """Check every entry of the log; name the first that was edited, removed, swapped or cut off."""
    opened.store()
    try:
        verdict = verification.verify(head)
    except ValueError as wrong:
        raise click.ClickException(str(wrong)) from None
    if not head:
        with database.connection(), suppress(database.ReadOnly):
            verification.note(verdict)
    for purge, count in list(verdict.blanked.items())[:SHOWN_PURGES]:
        click.echo(f"{count} blanked by change {purge}")
    if verdict.trouble:
        raise click.ClickException(verdict.trouble)
    click.echo(f"Entries: {verdict.entries}, from {verdict.first} on, all as they were written. Head: {verdict.head}")


@click.command(cls=opened.Command)
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Write a backup of the database to FILE, while servers run. The keys are not in it: copy their folder once, elsewhere."""
    backups.make(file.absolute())
    click.echo(f"{file}: {file.stat().st_size:,} bytes. The keys are not in it: {_settings().keys}")


@click.command(cls=opened.Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--new-keys", is_flag=True, help="Where the keys of the backup are lost for good: go on without them, as new-keys does.")
def restore(file: Path, new_keys: bool) -> None:
    """Put the backup FILE in the place of the database. No server may run; the old database is kept beside; everybody is signed out.

    Recovery codes are void afterwards: the backup does not know which were used since.
    """
    done = (backups.restore_with_new_keys if new_keys else backups.restore)(file.absolute())
    click.echo(f"{file} is the database now, and everybody is signed out." + (f" The old one: {done.old}" if done.old else ""))
    if done.without_codes:
        click.echo(f"Accounts whose recovery codes are void: {done.without_codes}, for the backup does not know which were used since.\n"
                   "Their people make new ones on My account; who has lost everything else gets in by reset-factors NAME.")


@click.command("new-keys", cls=opened.Command)
def new_keys() -> None:
    """Go on without keys that are lost for good. Everybody is signed out; what only they could open or prove is gone."""
    lost = start.open_with_new_keys(_settings())
    if not lost:
        click.echo("The keys are those that the database was written with: nothing was changed.")
        return
    click.echo(f"Gone for good: {', '.join(keyring.LOST.get(name, name) for name in lost)}. The server can be started now.")


@click.command("free-reserve", cls=opened.Command)
def free_reserve() -> None:
    """Give back the 8 MB that were kept for the day the disk is full."""
    freed = reserve.free(_settings().data)
    click.echo("8 MB are free again. Make room soon: the reserve is kept anew once there is." if freed else "There is no reserve.")


def _settings() -> Settings:
    chosen: Settings = current_app.config["SETTINGS"]
    return chosen


COMMANDS = (verify_log, backup, restore, new_keys, free_reserve)
