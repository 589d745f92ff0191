"""Who may ask: this machine, by its own name, from the page itself, and with the token.

A page that another site serves can send requests to 127.0.0.1, also under a name of its own that it
lets point there. So the Host must be ours, what says that another page asks is refused, and the
token must be known. It is in the page's address and in a header, never in a cookie: a cookie of
127.0.0.1 would be sent to every port, whoever listens there.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The header that the page sends the token in.
HEADER = "x-cmr-token"
# Sent with everything, refusals included; the page adds its Content-Security-Policy.
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def new_token() -> str:
    """A random token, of 256 bits."""
    return secrets.token_urlsafe(32)


class Guard:
    """Refuses, with a sentence, every request that is not the page's own."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app, self._token = app, token.encode()
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] != "http":
            return
        fault = self.fault(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                more = [
                    (name.encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.encode() not in there
                ]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        if fault is None:
            await self._app(scope, receive, sending)
            return
        from starlette.responses import PlainTextResponse

        await PlainTextResponse(f"{fault}\n", 403)(scope, receive, sending)

    def fault(self, scope: Scope) -> str | None:
        """Why a request is refused; None where it is not."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        (host, *others) = headers.get("host", [""])
        if others or host.lower() not in self._hosts:
            return "This server answers only to 127.0.0.1 and localhost, by its own port."
        origins = headers.get("origin", [])
        if any(origin != f"http://{host.lower()}" for origin in origins):
            return "This server answers only to its own page."
        if not _from_here(scope, headers):
            return "This server answers only to its own page."
        if not self._known(scope, headers):
            return "The token is missing or wrong: open the address that `cmr explore` printed."
        return None

    def _known(self, scope: Scope, headers: dict[str, list[str]]) -> bool:
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        given = asked.get("token") or headers.get(HEADER) or [""]
        return secrets.compare_digest(given[0].encode(), self._token)


def _from_here(scope: Scope, headers: dict[str, list[str]]) -> bool:
    """Whether the browser says that our page asks, or that the user opened an address.

    A link in another page, such as a terminal's in a browser, opens the address, too: it has to
    know the token, and cannot see the answer.
    """
    sites = set(headers.get("sec-fetch-site", []))
    if sites <= {"same-origin", "none"}:
        return True
    opened = headers.get("sec-fetch-mode") == ["navigate"]
    whole = headers.get("sec-fetch-dest") == ["document"]
    return opened and whole and scope["method"] == "GET" and scope["path"] == "/"
