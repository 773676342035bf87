"""`flask --app webadmin ...`: what is done from the machine itself."""
from __future__ import annotations

import click
from flask import Flask, current_app

from webadmin import database, moving, start, upkeep
from webadmin.accounts import users
from webadmin.accounts.changes import COMMAND_LINE
from webadmin.accounts.errors import AccountError
from webadmin.accounts.models import Role


def init(app: Flask) -> None:
    app.cli.add_command(setup_link)
    app.cli.add_command(create_admin)
    upkeep.init(app)
    moving.init(app)


@click.command("setup-link")
def setup_link() -> None:
    """Make a new set-up link; the older ones are dead."""
    _open()
    with database.connection():
        if users.administrator_exists():
            raise click.ClickException("There is an administrator already: sign in, or make another with create-admin.")
        click.echo(f"Set-up: {start.set_up_link(current_app.config['SETTINGS'])}")


@click.command("create-admin")
@click.argument("username")
@click.option("--email", default="", help="The person's e-mail address.")
@click.password_option(help="Asked for where it is not given.")
def create_admin(username: str, email: str, password: str) -> None:
    """Make one more administrator."""
    _open()
    with database.connection():
        try:
            users.create({"username": username, "email": email, "role": Role.ADMINISTRATOR}, password, by=COMMAND_LINE)
        except AccountError as wrong:
            raise click.ClickException(wrong.sentence) from None
    click.echo(f"{username} is an administrator now.")


def _open() -> None:
    try:
        start.open_store(current_app.config["SETTINGS"])
    except start.StartError as wrong:
        raise click.ClickException(str(wrong)) from None
