"""`python -m benchmarks.django_peer.fill people.csv`: bulk_create, as bare as Django gives it; no log, no search index, no rules.

With a first argument `prepare`: the tables, one administrator, his session and his token, as JSON.
"""
import csv
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice

import django

BATCH = 2_000
TIMES = ("created_at", "last_signed_in_at", "deleted_at")
ADMINISTRATOR = {"username": "ada", "display_name": "Ada", "is_staff": True, "is_superuser": True, "role": 2, "object_id": "a" * 24}


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.django_peer.settings"
    django.setup()
    print(json.dumps(prepare() if sys.argv[1] == "prepare" else fill(sys.argv[1])))


def prepare() -> dict[str, str]:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.utils import timezone
    from rest_framework.authtoken.models import Token

    call_command("migrate", run_syncdb=True, verbosity=0)
    ada = get_user_model().objects.create(**ADMINISTRATOR, updated_at=timezone.now())
    session = SessionStore()
    session.update({SESSION_KEY: str(ada.pk), BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
                    HASH_SESSION_KEY: ada.get_session_auth_hash()})
    session.create()
    return {"session": session.session_key or "", "token": Token.objects.create(user=ada).key}


def fill(path: str) -> dict[str, float]:
    from .models import Account

    begun, accounts = time.perf_counter(), _accounts(path)
    while some := list(islice(accounts, BATCH)):
        Account.objects.bulk_create(some)
    return {"seconds": time.perf_counter() - begun, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _accounts(path: str) -> Iterator[object]:
    from datetime import datetime

    from .models import Account

    with open(path, newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in TIMES}
            yield Account(username=row["username"], email=row["email"], display_name=row["display_name"], first_name=row["first_name"],
                          last_name=row["last_name"], role=2 if row["role"] == "administrator" else 1, is_active=row["active"] == "yes",
                          date_joined=times["created_at"], last_login=times["last_signed_in_at"], deleted_at=times["deleted_at"],
                          updated_at=times["created_at"], password=row["password_hash"], object_id=f"{number:024x}")


if __name__ == "__main__":
    main()
