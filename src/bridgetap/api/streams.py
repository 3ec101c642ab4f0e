"""`Calls/{CA}/Streams`: start and stop the forks of a call; list and look at them, which is ours."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from bridgetap.ids import AccountSid, is_sid
from bridgetap.settings import Settings
from bridgetap.store import CallRecord, Store, StreamRecord

from .errors import CALL_STATE, ApiError, invalid, not_found
from .form import Parameters, read_form, read_query
from .paging import Paging
from .service import CallsService
from .stream_form import StreamForm
from .stream_view import StreamStatus, detailed_view, stream_view, streams_path


def stream_routes(*, calls: CallsService, store: Store, settings: Settings) -> APIRouter:
    """The routes, for an account that has been let in already."""
    router = APIRouter(prefix="/2010-04-01/Accounts/{account_sid}/Calls/{call_sid}")

    @router.post("/Streams.json")
    async def create(call_sid: str, request: Request, form: Annotated[Parameters, Depends(read_form)]) -> JSONResponse:
        """Start a stream."""
        call = await _live(call_sid, request)
        asked = StreamForm.read(form, allow_query=settings.streams.allow_query)
        named = await calls.start_stream(call, asked.request, remarks=asked.remarks)
        stream = await store.streams.get(named.sid)
        if stream is None:
            raise LookupError(f"{named.sid} is not in the store, though its row was said to be")
        return JSONResponse(stream_view(stream, "in-progress"))

    @router.get("/Streams.json")
    async def index(account_sid: AccountSid, call_sid: str, request: Request) -> JSONResponse:
        """List a call's streams, newest first."""
        call = await _call(call_sid, request)
        paging = Paging.read(read_query(request), "MZ")
        page = await store.streams.page_of_call(call.sid, paging.cut())
        running = calls.running_streams(call)
        body = paging.envelope(
            "streams",
            [detailed_view(stream, _status(stream, running)) for stream in page.rows],
            path=f"{streams_path(account_sid, call.sid)}.json",
            filters={},
            has_next=page.has_next,
            has_previous=page.has_previous,
        )
        return JSONResponse(body)

    @router.get("/Streams/{name:path}.json")
    async def fetch(call_sid: str, name: str, request: Request) -> JSONResponse:
        """One stream."""
        call = await _call(call_sid, request)
        stream = await _stream(call, name, request)
        return JSONResponse(detailed_view(stream, _status(stream, calls.running_streams(call))))

    @router.post("/Streams/{name:path}.json")
    async def update(
        call_sid: str, name: str, request: Request, form: Annotated[Parameters, Depends(read_form)]
    ) -> JSONResponse:
        """Stop a stream."""
        call = await _live(call_sid, request)
        if form.text("Status") != "stopped":
            raise invalid("Status", "must be stopped")
        named = calls.stop_stream(call, name)
        return JSONResponse(stream_view(await _stream(call, named.sid, request), "stopped"))

    async def _call(sid: str, request: Request) -> CallRecord:
        call = await store.calls.get(sid) if is_sid(sid, "CA") else None
        if call is None:
            raise not_found(request.url.path)
        return call

    async def _live(sid: str, request: Request) -> CallRecord:
        call = await _call(sid, request)
        if not call.is_open:
            raise ApiError(400, CALL_STATE, "Call is not in-progress: it has ended")
        return call

    async def _stream(call: CallRecord, name: str, request: Request) -> StreamRecord:
        """By SID, or the newest of that name."""
        stream = await store.streams.named(call.sid, name)
        if stream is None:
            raise not_found(request.url.path)
        return stream

    return router


def _status(stream: StreamRecord, running: frozenset[str]) -> StreamStatus:
    return "in-progress" if stream.is_open and stream.sid in running else "stopped"
