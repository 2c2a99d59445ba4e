"""What every answer says to browsers, how large and how frequent requests may be, and to whom
other origins may be opened.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, request
from flask_cors import CORS
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from core.settings import Settings
from views.api.rate_storage import ProcessMemory

#: Bytes of a request's body.
MAX_BODY = 1 << 20
#: Of each client, by its address; a page that is open asks a few times a second.
RATE = "600 per second"
#: Name in ``app.config`` of the CSP sources of the page's inline scripts ('sha256-…').
SCRIPT_HASHES = "VIEWS_SCRIPT_HASHES"

_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def page_policy(script_hashes: Sequence[str]) -> str:
    """Content Security Policy of the page: nothing from elsewhere, no script but ours.

    Plotly writes style attributes, so inline styles are allowed; its pictures are data and blobs.
    """
    scripts = " ".join(("'self'", *script_hashes))
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def add_limits(app: Flask) -> Limiter:
    """Refuse bodies that are too large and clients that ask too often."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    return Limiter(
        get_remote_address,
        app=app,
        application_limits=[RATE],
        storage_uri=f"{ProcessMemory.STORAGE_SCHEME[0]}://",
        headers_enabled=False,
        retry_after="delta-seconds",
    )


def add_headers(app: Flask) -> None:
    """Say on every answer what browsers may do with it."""
    app.config.setdefault(SCRIPT_HASHES, ())

    @app.after_request
    def _headers(response: Response) -> Response:
        is_page = response.mimetype == "text/html"
        policy = page_policy(app.config[SCRIPT_HASHES]) if is_page else _DATA_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        for name, value in _FIXED.items():
            response.headers.setdefault(name, value)
        # What says nothing of its own is not for caches to keep.
        if "Cache-Control" not in response.headers and request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response


def add_origins(app: Flask, settings: Settings) -> None:
    """Let pages of the origins in the settings ask for data; without any, CORS stays off."""
    origins = [one.strip() for one in settings.views_origins.split(",") if one.strip()]
    if origins:
        CORS(
            app,
            origins=origins,
            methods=["GET", "POST", "PUT"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match"],
            expose_headers=["ETag", "Retry-After"],
            supports_credentials=False,
        )
