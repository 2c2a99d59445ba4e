"""Who may ask what, what answers say to browsers, and how much may be asked."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.errors import ConfigError
from core.settings import load_settings
from tests.views.world import World
from views.api.guard import COOKIE, check_exposure
from views.api.security import MAX_BODY, SCRIPT_HASHES, page_policy

TOKEN = "correct horse battery staple"
COUNTS = ("/summary", "/fraud_trends", "/fraud_geography", "/fraud_devices", "/fraud_browsers",
          "/fraud_sources", "/fraud_sexes", "/fraud_ages", "/models", "/metrics",
          "/openapi.json")  # fmt: skip
PROBES = ("/healthz", "/readyz", "/login")
SINGLE = ("/alerts", "/alerts/e-1", "/", "/_dash-layout", "/nope")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NOT_IT: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": "Bearer "},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": "Bearer é"},
    {"Cookie": f"{COOKIE}={TOKEN}"},
    {"Cookie": f"{COOKIE}="},
)


def status(client: FlaskClient, path: str, headers: dict[str, str], **kwargs: Any) -> int:
    return client.get(path, headers=headers, **kwargs).status_code


def test_off_loopback_everything_but_the_probes_needs_the_token(world: World) -> None:
    client = world.client(views_host="0.0.0.0", views_token=TOKEN)  # noqa: S104
    for path in PROBES:
        assert status(client, path, {}) == 200
    for headers in NOT_IT:
        for path in (*COUNTS, *SINGLE):
            assert status(client, path, headers) == 401, (path, headers)
        assert client.post("/predict", headers=headers, json={}).status_code == 401
    for path in COUNTS:
        assert status(client, path, BEARER) == 200
        assert status(client, path, {**BEARER, "Host": "fraud.example:8050"}) == 200


def test_on_loopback_a_token_guards_what_shows_single_events(world: World) -> None:
    client = world.client(views_token=TOKEN)
    for path in (*PROBES, *COUNTS):
        assert status(client, path, {}) == 200
    for headers in NOT_IT:
        for path in SINGLE:
            assert status(client, path, headers) == 401, (path, headers)
        assert client.post("/predict", headers=headers, json={}).status_code == 401
    assert status(client, "/alerts", BEARER) == 200
    assert status(client, "/alerts", {"Authorization": f"bearer {TOKEN}"}) == 200
    assert status(client, "/alerts/nobody", BEARER) == 404
    assert client.post("/predict", headers=BEARER, json={}).status_code == 422
    refused = client.get("/alerts")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert TOKEN not in refused.get_data(as_text=True)


def test_without_a_token_loopback_is_open(world: World) -> None:
    client = world.client()
    for path in (*PROBES, *COUNTS, "/alerts"):
        assert status(client, path, {}) == 200


def test_a_browser_is_sent_to_the_login_form_and_its_cookie_is_the_token(world: World) -> None:
    client = world.client(views_token=TOKEN)
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    sent = client.get("/", headers=html)
    assert (sent.status_code, sent.headers["Location"]) == (302, "/login")
    form = client.get("/login", headers=html)
    assert form.mimetype == "text/html"
    assert "<script" not in form.get_data(as_text=True)

    wrong = client.post("/login", data={"token": "<script>"})
    assert wrong.status_code == 401
    assert "Set-Cookie" not in wrong.headers
    assert "<script>" not in wrong.get_data(as_text=True)
    assert status(client, "/alerts", {}) == 401

    right = client.post("/login", data={"token": TOKEN})
    assert (right.status_code, right.headers["Location"]) == (303, "/")
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert status(client, "/alerts", {}) == 200
    # Another token, another cookie.
    other = world.client(views_token="another one")
    value = cookie.split("=", 1)[1].split(";")[0]
    assert status(other, "/alerts", {"Cookie": f"{COOKIE}={value}"}) == 401


def test_nobody_can_guess_fast(world: World) -> None:
    client = world.client(views_token=TOKEN)
    codes = [client.post("/login", data={"token": str(one)}).status_code for one in range(25)]
    assert codes[:20] == [401] * 20
    assert codes[-1] == 429


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])  # noqa: S104
def test_nothing_listens_off_loopback_without_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match="FRAUDSTREAM_VIEWS_TOKEN"):
        check_exposure(load_settings(views_host=host))
    check_exposure(load_settings(views_host=host, views_token=TOKEN))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.9.9.9"])
def test_loopback_needs_no_token(host: str) -> None:
    check_exposure(load_settings(views_host=host))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example", "[::2]:8050", "", "0"]
)
def test_a_name_that_is_not_ours_is_refused_on_loopback(world: World, host: str) -> None:
    assert status(world.client(), "/summary", {"Host": host}) == 421


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8050", "localhost:1", "LOCALHOST", "[::1]", "[::1]:8050"]
)
def test_our_own_names_are_welcome(world: World, host: str) -> None:
    assert status(world.client(), "/summary", {"Host": host}) == 200


def test_the_names_of_allowed_origins_are_welcome(world: World) -> None:
    client = world.client(views_origins="https://desk.example:8443")
    assert status(client, "/summary", {"Host": "desk.example"}) == 200
    assert status(client, "/summary", {"Host": "evil.example"}) == 421


def test_other_origins_get_nothing_unless_the_settings_name_them(world: World) -> None:
    asked = {"Origin": "https://desk.example"}
    assert not _allowed(world.client().get("/summary", headers=asked))
    client = world.client(views_origins="https://desk.example, https://two.example",
                          views_token=TOKEN)  # fmt: skip
    assert _allowed(client.get("/summary", headers=asked)) == "https://desk.example"
    assert not _allowed(client.get("/summary", headers={"Origin": "https://evil.example"}))
    preflight = client.options(
        "/predict",
        headers={
            **asked,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert preflight.status_code == 200
    assert _allowed(preflight) == "https://desk.example"
    assert "Access-Control-Allow-Credentials" not in preflight.headers


def _allowed(response: TestResponse) -> str | None:
    return response.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize(
    "path", ["/summary", "/alerts", "/nope", "/login", "/metrics", "/summary?x=1"]
)
def test_every_answer_tells_browsers_what_they_may(world: World, path: str) -> None:
    headers = world.client().get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Cache-Control" in headers
    assert "Server" not in headers
    script = "script-src" in headers["Content-Security-Policy"]
    assert script == (path == "/login")


def test_the_page_may_run_its_own_scripts_and_no_others(world: World) -> None:
    client = world.client()
    client.application.config[SCRIPT_HASHES] = ["'sha256-abc='"]
    policy = client.get("/login").headers["Content-Security-Policy"]
    assert policy == page_policy(["'sha256-abc='"])
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["script-src"] == "'self' 'sha256-abc='"
    assert parts["default-src"] == "'self'"
    assert "http" not in policy
    assert "unsafe-eval" not in policy


def test_header_injection_finds_no_header(world: World) -> None:
    client = world.client()
    for path in ("/summary?from=%0d%0aX-Evil:%201", "/alerts/%0d%0aX-Evil:%201"):
        response = client.get(path)
        assert response.status_code in {400, 404}
        assert "X-Evil" not in response.headers


def test_bodies_that_are_too_large_are_refused(world: World) -> None:
    client = world.client()
    for length in (MAX_BODY + 1, 5 * MAX_BODY):
        response = client.post("/predict", data=b" " * length, content_type="application/json")
        assert response.status_code == 413
        assert response.mimetype == "application/problem+json"


def test_who_asks_too_often_is_told_when_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("views.api.security.RATE", "5 per minute")
    client = world.client()
    codes = [client.get("/healthz").status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    response = client.get("/summary")
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert response.mimetype == "application/problem+json"
    # Somebody else is somebody else.
    other = client.get("/summary", environ_overrides={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 200
