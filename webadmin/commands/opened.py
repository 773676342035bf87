"""The store that a command works on, and the one sentence with which it ends where something goes wrong."""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask import current_app

from webadmin import backups, settings, start
from webadmin.accounts import keys
from webadmin.accounts.errors import AccountError
from webadmin.store import database


class Command(click.Command):
    def invoke(self, ctx: click.Context) -> Any:
        with saying_why():
            return super().invoke(ctx)


def store() -> None:
    """Keys and database, brought up to this version."""
    start.open_store(current_app.config["SETTINGS"])


@contextmanager
def saying_why() -> Iterator[None]:
    """What goes wrong becomes the sentence that the command ends with, exit code 1."""
    try:
        yield
    except AccountError as wrong:
        raise click.ClickException(wrong.sentence) from None
    except (settings.SettingError, keys.KeyRefused, start.StartError, backups.BackupError) as wrong:
        raise click.ClickException(str(wrong)) from None
    except database.ReadOnly:
        raise click.ClickException("The database is read-only: it can be read, and not changed.") from None
    except (*database.Unavailable, sqlite3.Error) as wrong:
        raise click.ClickException(f"The database did not do it: {str(wrong).splitlines()[0]}") from None
    except BrokenPipeError:
        raise      # whoever read the output has seen enough
    except OSError as wrong:
        raise click.ClickException(f"{wrong.filename or 'A file'} cannot be used: {wrong.strerror}.") from None
