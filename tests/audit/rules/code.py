# What the rules of code.yml must find, and what they must leave alone. Nothing of this is ever run.
import hashlib
import hmac
import logging
import os
import pickle
import random
import ssl
import subprocess
import uuid

# ruleid: request-outside-doors
from flask import redirect, render_template_string, request
# ok: request-outside-doors
from markupsafe import Markup
from peewee import SQL

import jwt

log = logging.getLogger(__name__)


def sql(store, cursor, Account, name, form):
    # ruleid: sql-from-text
    store.execute_sql(f"SELECT 1 FROM account WHERE username = '{name}'")
    # ruleid: sql-from-text
    store.execute_sql("SELECT 1 FROM account WHERE username = '%s'" % name)
    # ruleid: sql-from-text
    store.execute_sql("SELECT 1 FROM account ORDER BY " + name, ())
    # ruleid: sql-from-text
    cursor.execute("SELECT 1 FROM {}".format(name)) if False else cursor.execute(f"SELECT {name}")
    # ruleid: sql-from-text
    Account.select().where(SQL(f"username = '{name}'"))
    # ok: sql-from-text
    store.execute_sql("SELECT 1 FROM account WHERE username = ?", (name,))
    # ok: sql-from-text
    Account.select(SQL("1"))
    statement = "SELECT 1 FROM account ORDER BY " + request.args["sort"]
    # ruleid: typed-text-into-sql
    store.execute_sql(statement)
    # ok: typed-text-into-sql
    store.execute_sql("SELECT 1 FROM account WHERE username = ?", (form.name.data,))


def markup(name):
    # ruleid: markup-of-a-variable
    first = Markup(f"<b>{name}</b>")
    # ruleid: markup-of-a-variable
    second = Markup(name)
    # ok: markup-of-a-variable
    return first + second + Markup("<b>{}</b>").format(name)


def redirects(form, signed_in, account):
    target = request.args.get("next", "/")
    if account.id == 1:
        # ruleid: redirect-to-what-came
        return redirect(target, 303)
    if account.id == 2:
        # ruleid: redirect-to-what-came
        return redirect(form.next.data)
    checked = signed_in.safe_next(form.next.data or request.args.get("next", ""))
    if account.id == 3:
        # ok: redirect-to-what-came
        return redirect(checked, 303)
    # ok: redirect-to-what-came
    return redirect(f"/users/{account.id}", 303)


def headers(response):
    # ruleid: header-of-what-came
    response.headers["Content-Disposition"] = "attachment; filename=" + request.args["name"]
    # ok: header-of-what-came
    response.headers["Content-Disposition"] = "attachment; filename=users.csv"


def tokens(token, key):
    # ruleid: jwt-read-loosely
    jwt.decode(token, key, algorithms=["HS512", "none"])
    # ruleid: jwt-read-loosely
    jwt.decode(token, key, algorithms=["HS512"], audience="v1", issuer="webadmin")
    # ruleid: jwt-read-loosely, jwt-unsigned
    jwt.decode(token, options={"verify_signature": False})
    # ok: jwt-read-loosely, jwt-unsigned
    jwt.decode(token, key, algorithms=["HS512"], audience=["v1"], issuer="webadmin", options={"require": ["exp"], "verify_exp": False})
    # ruleid: jwt-unsigned
    jwt.encode({}, "", algorithm="none")


def programs(name):
    # ruleid: shell
    subprocess.run(f"ls {name}", shell=True)
    # ruleid: shell
    os.system("ls " + name)
    # ok: shell
    subprocess.run(["ls", name])


def code(raw):
    # ruleid: code-from-data
    eval(raw)
    # ruleid: code-from-data
    pickle.loads(raw)
    # ruleid: code-from-data
    render_template_string(raw)
    # ok: code-from-data
    int(raw)


def digests(key, given, stored, Account):
    made = hmac.new(key, given, hashlib.sha256)
    # ruleid: digests-compared-by-equals
    if made.hexdigest() == stored:
        return True
    token_digest = made.hexdigest()
    # ruleid: digests-compared-by-equals
    if token_digest != stored:
        return False
    # ok: digests-compared-by-equals
    Account.select().where(Account.token_digest == token_digest)
    # ok: digests-compared-by-equals
    return hmac.compare_digest(token_digest, stored)


def logs(password, form, account):
    # ruleid: secret-into-the-log
    log.info("signing in %s with %s", account.username, password)
    # ruleid: secret-into-the-log
    log.warning(f"refused: {form.password.data}")
    # ok: secret-into-the-log
    log.info("signed in %s", account.username)


def cookies(response, security):
    # ruleid: cookie-set-elsewhere
    response.set_cookie("webadmin_session", "x")
    # ruleid: cookie-set-elsewhere
    response.headers["Set-Cookie"] = "webadmin_session=x"
    # ok: cookie-set-elsewhere
    security.set_cookie(response, "webadmin_session", "x", seconds=None)


def forms(app, csrf, view):
    # ruleid: token-of-a-form-not-asked
    csrf.exempt(view)
    # ruleid: token-of-a-form-not-asked
    app.config["WTF_CSRF_ENABLED"] = False
    # ok: token-of-a-form-not-asked
    app.config["WTF_CSRF_TIME_LIMIT"] = None


def randomness(secrets):
    # ruleid: guessable-randomness
    random.choice("abc")
    # ruleid: guessable-randomness
    uuid.uuid1()
    # ok: guessable-randomness
    secrets.token_urlsafe(32)


def hashes(raw):
    # ruleid: hash-that-is-broken
    hashlib.md5(raw)
    # ok: hash-that-is-broken
    hashlib.sha256(raw)


def certificates(fetch):
    # ruleid: certificate-not-checked
    ssl._create_unverified_context()
    # ruleid: certificate-not-checked
    fetch("https://users.example.test", verify=False)
    # ok: certificate-not-checked
    ssl.create_default_context()
