"""The server's routes: the page, its searches, pictures and SQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from cmr.errors import CmrError
from cmr.explore.guard import Guard
from cmr.explore.page import policy, render
from cmr.explore.searching import MOST, Sought
from cmr.explore.shelf import Shelf
from cmr.explore.sql_question import SECONDS, SqlQuestion
from cmr.explore.worker import Worker
from cmr.sources.collection import TEXT, VISUAL

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# Bytes of a request: of a picture or clip that was dropped, and of anything else.
LARGEST_PICTURE, LARGEST = 64 * 2**20, 2**20
# Seconds that the end waits for a thread.
PATIENCE = 1.0
# Seconds between two looks at whether the page still waits for its question.
LOOK = 0.1
T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class Exploring:
    """What answers the page: a thread for searches, one for pictures, one for SQL."""

    def __init__(self, shelf: Shelf, lang: str, memory: int | None) -> None:
        """`memory`: bytes for a query in SQL, None for the default."""
        self._shelf, self._lang, self._memory = shelf, lang, memory
        self._searching, self._looking = Worker("search"), Worker("pictures")
        self._asking = Worker("sql")
        self._asked: set[SqlQuestion] = set()

    def guarded(self, port: int, token: str) -> ASGIApp:
        """The application, which refuses every other host and whoever lacks the token."""
        routes = [
            Route("/", self._page),
            Route("/picture", _told(self._picture)),
            Route("/search", _told(self._search), methods=["POST"]),
            Route("/sql", _told(self._sql), methods=["POST"]),
        ]
        return Guard(Starlette(routes=routes), port, token)

    def stop(self) -> None:
        """End the questions that are being answered."""
        for one in list(self._asked):
            one.stop("the server was stopped")

    def close(self) -> None:
        """End the threads, as soon as they can."""
        self.stop()
        for worker in (self._asking, self._looking, self._searching):
            worker.end(PATIENCE)

    async def _page(self, request: Request) -> Response:
        asked = request.query_params.get("dataset")
        try:
            found = await self._searching.do(lambda: self._shelf.opened(asked, fresh=True))
            offered = await self._searching.do(found.data.offered)
        except CmrError as error:
            return Response(f"{error}\n", 404, media_type="text/plain")
        nonce = secrets.token_urlsafe(16)
        html = render(found, self._shelf.names(), offered, self._lang, nonce)
        self._searching.later(lambda: _try(found.warm))
        return HTMLResponse(html, headers={"content-security-policy": policy(nonce)})

    async def _search(self, request: Request) -> Response:
        params = request.query_params
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind == "application/json":
            sought = _sought(json.loads(await _body(request, LARGEST)))
        else:
            sought = Sought(picture=await _body(request, LARGEST_PICTURE))
        pair = params.get("a", ""), params.get("b", "")
        shown = max(1, min(MOST, int(params.get("shown", "10"))))

        def answer() -> dict[str, Any]:
            explorer = self._shelf.opened(params.get("dataset"))
            self._searching.later(lambda: _try(lambda: explorer.prepare(pair)))
            return explorer.answer(sought, pair, shown)

        return JSONResponse(await self._searching.do(answer))

    async def _picture(self, request: Request) -> Response:
        params = request.query_params
        dataset, item_id = params.get("dataset"), params.get("item", "")
        found = await self._looking.do(lambda: self._shelf.picture(dataset, item_id))
        return Response(found, media_type="image/webp")

    async def _sql(self, request: Request) -> Response:
        given = json.loads(await _body(request, LARGEST))
        asked = SqlQuestion(self._shelf.warehouse, str(given["sql"]), self._memory)
        self._asked.add(asked)
        try:
            return JSONResponse(await self._until_done(asked, request))
        finally:
            self._asked.discard(asked)

    async def _until_done(self, asked: SqlQuestion, request: Request) -> dict[str, Any]:
        """The answer; nobody who has left, and no clock, waits for it for ever."""
        doing = asyncio.wrap_future(self._asking.later(asked.answer))
        waited = 0.0
        while True:
            done, _ = await asyncio.wait({doing}, timeout=LOOK)
            if done:
                return doing.result()
            waited += LOOK
            if waited > SECONDS:
                asked.stop(f"the query took more than {SECONDS:.0f} s; `cmr sql` has no limit")
            elif await request.is_disconnected():
                asked.stop("the query was stopped")


def _try(work: Callable[[], None]) -> None:
    """Do what only saves time; whoever needs it is told why it fails."""
    with contextlib.suppress(CmrError):
        work()


def _told(handler: Handler) -> Handler:
    """A user's mistake as a sentence, with status 400."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except CmrError as error:
            return JSONResponse({"error": str(error)}, 400)
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "the request is not one of the page's"}, 400)
        except MemoryError:
            return JSONResponse({"error": "out of memory"}, 400)
        except OSError as error:
            where = f" {error.filename}" if error.filename else ""
            return JSONResponse({"error": f"{error.strerror or error}{where}"}, 400)

    return handle


def _sought(given: dict[str, Any]) -> Sought:
    if "item" in given:
        side = given["side"]
        if side not in (TEXT, VISUAL):
            raise ValueError(side)
        return Sought(item=(side, str(given["item"])))
    return Sought(text=str(given["text"]).strip())


async def _body(request: Request, most: int) -> bytes:
    """The request's body. Raises CmrError if it has more than `most` bytes."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise CmrError(f"that is more than {most // 2**20} MiB, too much for the page")
        parts.append(part)
    return b"".join(parts)
