"""Start webadmin: settings -> app -> server. Runs from any folder; webadmin/settings.py names every setting."""
import os
import subprocess
import sys
from functools import cache

from flask import Flask

from webadmin import create_app, keeper, settings, start, status
from webadmin.accounts import policies
from webadmin.serving import server


def announce(here: settings.Settings, link: str | None) -> None:
    """Say where to go, and what to look out for; `link` is that of the set-up."""
    for sentence in status.warnings(here):
        print(f"Warning: {sentence}", file=sys.stderr)
    print(*([f"Set-up: {link}"] if link else []), f"webadmin is ready: {here.address}", sep="\n", flush=True)
    if link and sys.stdout.isatty() and (sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        subprocess.Popen([sys.executable, "-m", "webbrowser", link], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def serve(here: settings.Settings) -> int:
    """The app is made once the data folder is prepared, and before the server's processes part: they share it."""
    app = cache(lambda: create_app(here))

    def begin() -> None:
        link = start.prepare(here)
        app()
        announce(here, link)

    def answering() -> Flask:
        keeper.start(here)
        return app()
    return server.serve(answering, here, begin)


def main() -> int:
    os.environ.pop("FLASK_DEBUG", None)  # nobody debugs by accident where accounts live
    try:
        here = settings.load()
        policies.fix(here.given)
        return serve(here)
    except (settings.SettingError, start.StartError) as wrong:
        print(wrong, file=sys.stderr)
        return 2 if isinstance(wrong, settings.SettingError) else 1


if __name__ == "__main__":
    sys.exit(main())
