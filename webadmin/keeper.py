"""Work by the clock: forget what is old, write the log's head to the server's log, make backups; write what was turned away.

A thread in each web process looks once a minute; a row in the store says what is due, and whoever moves its time on does the work: one
of all processes and machines. Three periodic tasks that may be late by a minute need no queue and no process of their own, so no job
library.
"""
from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from webadmin import backups
from webadmin.accounts import expiry, policies, turned_away, verification
from webadmin.accounts.models import LONGEST_TEXT, Job
from webadmin.serving import logs
from webadmin.settings import Settings
from webadmin.store import database, dialect, reserve
from webadmin.store.database import DAY_MS, HOUR_MS, MINUTE_MS

LOOK_SECONDS = 60
AGAIN_MS = 10 * MINUTE_MS       # after a failure
LONGEST_WORK_MS = HOUR_MS      # whoever has not ended by then is taken for dead, and another does it

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """`work` is done every so often and returns what came of it, in a few words."""

    name: str
    every_ms: int
    work: Callable[[], str]


def start(settings: Settings) -> None:
    """Look after the store from now on, until the process ends."""
    threading.Thread(target=_look_after, args=(settings,), name="keeper", daemon=True).start()


def tasks(settings: Settings) -> list[Task]:
    """What is done, and how often; some of it by policies, which may have changed since the last look."""
    rules = policies.now()
    found = [Task("expiry", HOUR_MS, lambda: _expiry(rules.log_days)), Task("log head", DAY_MS, _head)]
    if rules.backup_hours and backups.are_made_here():
        found.append(Task("backup", rules.backup_hours * HOUR_MS, lambda: _backup(settings, rules.backup_days)))
    return found


def run_due(settings: Settings) -> list[str]:
    """Do what is due and nobody else does. Returns the names of the tasks done."""
    return [task.name for task in tasks(settings) if _is_due(task) and _claim(task) and _do(task)]


def last(name: str) -> Job | None:
    """When this task was done last, what came of it, and when it is due again; None: never."""
    found: Job | None = Job.get_or_none(Job.name == name)
    return found


def _look_after(settings: Settings) -> None:
    waiting = threading.Event()      # as time.sleep, which fails where the clock is a made-up one
    while not waiting.wait(LOOK_SECONDS * random.uniform(0.2, 1)):
        try:
            if database.is_read_only():
                continue
            reserve.keep(settings.data)
            with database.connection():
                run_due(settings)
                turned_away.write_due()
        except Exception:
            log.exception("the work by the clock failed")


def _is_due(task: Task) -> bool:
    """A time far ahead was set by a clock that has been put back since."""
    row, now = Job.get_or_none(Job.name == task.name), database.now()
    return row is None or not now < row.due_at <= now + task.every_ms + MINUTE_MS


def _claim(task: Task) -> bool:
    with database.transaction():
        dialect.insert_once(Job.insert(name=task.name), Job.name)
        now, until = database.now(), database.now() + min(LONGEST_WORK_MS, task.every_ms)
        free = (Job.due_at <= now) | (Job.due_at > now + task.every_ms + MINUTE_MS)      # clocks of several machines differ a little
        return Job.update(due_at=until, ran_at=now, outcome="running").where((Job.name == task.name) & free).execute() == 1


def _do(task: Task) -> bool:
    outcome, due_at = "", database.now() + task.every_ms
    try:
        outcome = task.work()
    except Exception as wrong:
        outcome, due_at = f"failed: {wrong}", database.now() + min(AGAIN_MS, task.every_ms)
        log.error("%s failed", task.name, exc_info=wrong)
    with database.transaction():
        Job.update(outcome=outcome[:LONGEST_TEXT], due_at=due_at).where(Job.name == task.name).execute()
    return True


def _expiry(log_days: int) -> str:
    removed = expiry.remove_old(log_days=log_days)
    if removed:
        logs.write("expired", **removed)
    return ", ".join(f"{count} {name}" for name, count in removed.items()) or "nothing was old"


def _head() -> str:
    """In another place than the database, this line proves what the log was on this day (flask --app webadmin verify-log --head ...)."""
    head = verification.head()
    logs.write("log-head", head=head)
    return head


def _backup(settings: Settings, keep_days: int) -> str:
    return backups.make_scheduled(settings.backups, keep_days).name
