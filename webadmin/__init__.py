"""webadmin keeps the accounts of people and programs. `create_app` names every part once, in start-up order."""
from __future__ import annotations

from flask import Flask

from webadmin import api, caller, commands, failures, health, look, pages, security, settings
from webadmin.accounts import keys, passwords, policies
from webadmin.application import Application
from webadmin.store import database

__version__ = settings.VERSION


def create_app(here: settings.Settings | None = None) -> Flask:
    """The app over a prepared data folder (see start.py). Opens no connection, so it may be made before a fork.

    The `flask` command gives no settings: what is wrong with them, or with the keys, is then told in a sentence.
    """
    if here is None:
        with commands.saying_why():
            return create_app(settings.load())
    app = Application(__name__, template_folder=str(look.TEMPLATES), static_folder=None)
    app.config["SETTINGS"] = here
    database.bind(here.database_url)
    keys.read(here.keys)
    policies.fix(here.given)
    passwords.configure(bcrypt_cost=here.bcrypt_cost, threads=here.threads)
    security.init(app)
    caller.init(app)
    failures.init(app)
    look.init(app)
    pages.init(app)
    api.init(app)
    health.init(app)
    commands.init(app)
    return app
