"""`flask --app webadmin ...`: what is done from the machine itself."""
from __future__ import annotations

from flask import Flask

from webadmin.commands import administrators, moving, upkeep
from webadmin.commands.opened import saying_why

__all__ = ["init", "saying_why"]


def init(app: Flask) -> None:
    for command in (*administrators.COMMANDS, *moving.COMMANDS, *upkeep.COMMANDS):
        app.cli.add_command(command)
