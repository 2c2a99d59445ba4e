"""Who may ask what: the token, the login form for people, and the Host header.

Promise: off loopback nothing but the two probes and the login form answers without the token. On
loopback, where a token is set, the counts stay open, and whatever shows single events (or takes
them) asks for it. Steps of each request:

1. a Host that is not ours is refused on loopback, so that no page of another site can have a
   browser ask us under a name of its own (DNS rebinding);
2. what is not open asks for ``Authorization: Bearer TOKEN``, or for the cookie that the login form
   gives; both are compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, make_response, redirect, request
from flask_limiter import Limiter

from core.errors import ConfigError
from core.settings import Settings
from views.api.problems import ProblemError

#: Security of an operation in the OpenAPI document.
NEEDS_TOKEN: list[dict[str, list[Any]]] = [{"token": []}, {}]
COOKIE = "fraudstream_views"
LOGIN = "/login"
_LOGIN_RATE = "20 per minute"
_PROBES = ("/healthz", "/readyz", LOGIN)
#: Open on loopback even where a token is set: nothing here shows a single event.
_COUNTS = (
    *_PROBES, "/summary", "/fraud_trends", "/fraud_geography", "/fraud_devices", "/fraud_browsers",
    "/fraud_sources", "/fraud_sexes", "/fraud_ages", "/performance", "/models", "/metrics",
    "/openapi.json",
)  # fmt: skip
_FORM = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>fraudstream: token</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:15vh auto;padding:0 1rem;
color-scheme:light dark}input,button{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;
margin:.25rem 0}</style>
<h1>fraudstream</h1>
<form method="post" action="/login">
<label for="token">Token of the views (FRAUDSTREAM_VIEWS_TOKEN)</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Open</button>
</form>
<p role="alert">{said}</p>
</html>"""


def is_exposed(settings: Settings) -> bool:
    """Whether others than this machine can reach the address that is listened on."""
    return not ip_address(settings.views_host).is_loopback


def check_exposure(settings: Settings) -> None:
    """Do nothing when the server may listen where the settings say.

    Raises:
        ConfigError: it would be reachable without a token.
    """
    if is_exposed(settings) and not settings.views_token.get_secret_value():
        raise ConfigError(
            f"FRAUDSTREAM_VIEWS_HOST={settings.views_host} can be reached from other machines, "
            "which takes a token: set FRAUDSTREAM_VIEWS_TOKEN to a long random text, or listen on "
            "127.0.0.1"
        )


def add_guard(app: Flask, settings: Settings, limiter: Limiter) -> None:
    """Let an app answer only those who may ask.

    Args:
        app: all of its endpoints are guarded.
        settings: address, token, origins.
        limiter: keeps people from guessing at the login form.
    """
    token = settings.views_token.get_secret_value()
    cookie = hmac.new(token.encode(), b"fraudstream views", hashlib.sha256).hexdigest()
    exposed = is_exposed(settings)
    open_paths = _PROBES if exposed else _COUNTS
    hosts = _hosts(settings)

    @app.before_request
    def _admit() -> Any:
        if not exposed and _name_of(request.host) not in hosts:
            raise ProblemError(
                421,
                "unknown host",
                f"Host {request.host[:80]!r} is not this server's name: ask for 127.0.0.1 or "
                "localhost, or add its origin to FRAUDSTREAM_VIEWS_ORIGINS",
            )
        # OPTIONS says which methods there are, and browsers send it without credentials.
        if not token or request.method == "OPTIONS" or request.path in open_paths:
            return None
        if _knows_token():
            return None
        if request.method == "GET" and request.accept_mimetypes.best == "text/html":
            return redirect(LOGIN)
        raise ProblemError(
            401,
            "token needed",
            f"{request.path[:80]} needs the token of the views: send it as Authorization: Bearer "
            f"TOKEN, or open {LOGIN}",
            headers={"WWW-Authenticate": 'Bearer realm="fraudstream views"'},
        )

    def _knows_token() -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), token):
            return True
        return _same(request.cookies.get(COOKIE, ""), cookie)

    @app.route(LOGIN, methods=["GET"])
    def login_form() -> Response:
        return _form("")

    @app.route(LOGIN, methods=["POST"])
    @limiter.limit(_LOGIN_RATE)
    def login() -> Any:
        if not token or not _same(request.form.get("token", ""), token):
            said = "This is not the token." if token else "No token is needed here."
            return _form(said, 401 if token else 200)
        response = redirect("/", 303)
        response.set_cookie(
            COOKIE, cookie, httponly=True, samesite="Strict", secure=request.is_secure
        )
        return response


def _form(said: str, status: int = 200) -> Response:
    response = make_response(_FORM.replace("{said}", said), status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def _hosts(settings: Settings) -> set[str]:
    origins = filter(None, map(str.strip, settings.views_origins.split(",")))
    named = {urlsplit(origin).hostname or "" for origin in origins}
    return {"127.0.0.1", "localhost", "::1", settings.views_host, *named} - {""}


def _name_of(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()
