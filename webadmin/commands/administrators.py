"""`flask --app webadmin setup-link`, `create-admin`, `reset-factors`: the ways in for whoever has the machine."""
from __future__ import annotations

import click
from flask import current_app

from webadmin import start
from webadmin.accounts import users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.errors import NotFound
from webadmin.accounts.models import Role
from webadmin.accounts.second_factors import factors
from webadmin.commands import opened
from webadmin.store import database


@click.command("setup-link", cls=opened.Command)
def setup_link() -> None:
    """Make a new set-up link; the older ones are dead."""
    opened.store()
    with database.connection():
        if users.administrator_exists():
            raise click.ClickException("There is an administrator already: sign in, or make another with create-admin.")
        click.echo(f"Set-up: {start.set_up_link(current_app.config['SETTINGS'])}")


@click.command("create-admin", cls=opened.Command)
@click.argument("username")
@click.option("--email", default="", help="The person's e-mail address.")
@click.password_option(help="Asked for where it is not given.")
def create_admin(username: str, email: str, password: str) -> None:
    """Make one more administrator."""
    opened.store()
    with database.connection():
        users.create({"username": username, "email": email, "role": Role.ADMINISTRATOR}, password, by=COMMAND_LINE)
    click.echo(f"{username} is an administrator now.")


@click.command("reset-factors", cls=opened.Command)
@click.argument("name")
def reset_factors(name: str) -> None:
    """Take every second factor of NAME away (username or e-mail): for an administrator who has lost them all."""
    opened.store()
    with database.connection():
        account = users.named(name)
        if account is None:
            raise NotFound
        factors.reset(account, by=COMMAND_LINE)
    click.echo(f"{account.username} signs in with the password alone now. Every session of that account has ended.")


COMMANDS = (setup_link, create_admin, reset_factors)
