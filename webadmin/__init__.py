"""webadmin keeps the accounts of people and programs. `create_app` names every part once, in start-up order."""
from __future__ import annotations

from flask import Flask

from webadmin import api, caller, commands, failures, health, look, pages, security, settings
from webadmin.accounts import keys, passwords, policies
from webadmin.application import Application
from webadmin.store import database

__version__ = settings.VERSION


def create_app(given: settings.Settings | None = None) -> Flask:
    """The app over a prepared data folder (see start.py). Opens no connection, so it may be made before a fork."""
    chosen = given or settings.load()
    app = Application(__name__, template_folder=str(look.TEMPLATES), static_folder=None)
    app.config["SETTINGS"] = chosen
    database.bind(chosen.database_url)
    keys.read(chosen.keys)
    policies.fix(chosen.given)
    passwords.configure(bcrypt_cost=chosen.bcrypt_cost)
    security.init(app)
    caller.init(app)
    failures.init(app)
    look.init(app)
    pages.init(app)
    api.init(app)
    health.init(app)
    commands.init(app)
    return app
