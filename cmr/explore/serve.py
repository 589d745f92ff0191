"""Serving the page on 127.0.0.1 until Ctrl-C."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn

from cmr.errors import CmrError
from cmr.explore.app import Exploring
from cmr.explore.guard import new_token
from cmr.explore.shelf import Shelf

HOST = "127.0.0.1"


def listening(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1; `port` 0 is any that is free.

    Raises CmrError if the port is taken, or may not be used.
    """
    # asyncio sends at once, and not when the other side has acknowledged, only what says it is TCP:
    # otherwise an answer waits for 40 ms.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port whose last connections are just ending is free.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(128)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise CmrError(f"port {port} is in use; --port 0 takes one that is free") from None
        raise CmrError(f"cannot listen on port {port}: {error.strerror}") from None
    return found


def serve(
    shelf: Shelf, port: int, lang: str, memory: int | None, told: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C; `told` is called with the page's address once it can be opened."""
    exploring = Exploring(shelf, lang, memory)
    token = new_token()
    with listening(port) as sock:
        there = sock.getsockname()[1]
        config = uvicorn.Config(
            exploring.guarded(there, token), log_level="error", access_log=False,
            server_header=False, date_header=False, lifespan="off", ws="none", http="h11",
            proxy_headers=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        told(f"http://{HOST}:{there}/?token={token}")
        try:
            _Server(config, exploring.stop).run(sockets=[sock])
        except KeyboardInterrupt:
            # uvicorn has stopped, and raises the signal again.
            pass
        finally:
            exploring.close()


class _Server(uvicorn.Server):
    """A server that also stops what it waits for."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop()
        await super().shutdown(sockets)
