"""My second factors: the authenticator app and the recovery codes. Every step asks who it is first."""
from __future__ import annotations

import re

from flask import Response, abort, current_app, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from webadmin import caller
from webadmin.accounts.errors import AccountError
from webadmin.accounts.second_factors import factors, recovery, totp
from webadmin.accounts.sessions import Kept
from webadmin.pages import confirming, forms, qr, signed_in

pages = signed_in.door("factors", "/me")
NONCE = "authenticator"      # where the form cookie keeps what the new app's secret is derived from
ISSUER = "webadmin"


class AppForm(FlaskForm):
    code = forms.app_code("Code that the app shows now")


@pages.route("/authenticator", methods=["GET", "POST"])
@signed_in.any_account
@signed_in.without_second_factor
def authenticator() -> ResponseReturnValue:
    """The same QR code until it is confirmed, however often the page is loaded. The codes are told in the answer itself, and only there."""
    if (asked := confirming.ask()) is not None:
        return asked
    if "code" in request.form and NONCE not in session and factors.of(g.account).app:      # the page that showed the codes was loaded again
        forms.say("The authenticator app is added. Its recovery codes were shown once; new ones can be made here.")
        return redirect("/me", 303)
    nonce = session.setdefault(NONCE, totp.new_nonce())
    form = AppForm()
    if "code" in request.form and form.validate_on_submit():
        try:
            codes = factors.add_app(g.account, nonce, form.code.data, by=caller.actor(), keep=_this_session())
        except AccountError as wrong:
            forms.blame(form, wrong)
        else:
            session.pop(NONCE)
            signed_in.renew_session()
            return forms.added(codes, "the authenticator app")
    secret = totp.secret(g.account, nonce)
    size, path = qr.drawn(totp.address(g.account, nonce, ISSUER))
    return render_template("me/authenticator.html", form=form, size=size, path=path, forced=factors.asked_of(g.account),
                           site=caller.relying_party(), secret=" ".join(re.findall("....", secret))), 422 if form.errors else 200


@pages.route("/authenticator/remove", methods=["GET", "POST"])
@signed_in.any_account
def remove_authenticator() -> ResponseReturnValue:
    if request.method == "GET":
        return render_template("me/remove.html", factor=factors.APP.lower(), action="/me/authenticator/remove")
    if (asked := confirming.ask()) is not None:
        return asked
    factors.remove_app(g.account, by=caller.actor(), keep=_this_session())
    forms.say("Removed the authenticator app. Every other session has ended.")
    return redirect("/me", 303)


@pages.post("/recovery-codes")
@signed_in.any_account
def new_codes() -> ResponseReturnValue:
    if (asked := confirming.ask()) is not None:
        return asked
    return render_template("me/codes.html", codes=factors.new_codes(g.account, by=caller.actor()), added=False)


@pages.post("/recovery-codes/file")
@signed_in.any_account
def codes_file() -> ResponseReturnValue:
    """The codes that the page before showed, back as a file: the server does not know them any more."""
    codes = request.form.getlist("codes")
    if not 0 < len(codes) <= recovery.CODES or not all(recovery.WRITTEN.fullmatch(code) for code in codes):
        abort(400, "These are no recovery codes.")
    text = f"Recovery codes for {ISSUER} at {current_app.config['SETTINGS'].address}. Each is good once.\n\n" + "\n".join(codes) + "\n"
    return Response(text, content_type="text/plain; charset=utf-8",
                    headers={"Content-Disposition": 'attachment; filename="webadmin-recovery-codes.txt"'})


def _this_session() -> Kept:
    return Kept(session=g.session.id)
