"""The store that a command works on."""
from __future__ import annotations

import click
from flask import current_app

from webadmin import start


def store() -> None:
    """Keys and database, brought up to this version. Where they cannot be, the command ends with the sentence that says why."""
    try:
        start.open_store(current_app.config["SETTINGS"])
    except start.StartError as wrong:
        raise click.ClickException(str(wrong)) from None
