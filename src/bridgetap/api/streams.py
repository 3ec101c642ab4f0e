"""`Calls/{CA}/Streams` and `Calls/{CA}/Siprec`: start and stop the forks of a call, to servers and to recorders; list
and look at them, which is ours, and pause a recording, which is too."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from bridgetap.flow.effects import Transport
from bridgetap.ids import AccountSid, is_sid
from bridgetap.settings import Settings
from bridgetap.store import CallRecord, Store, StreamRecord

from .errors import CALL_STATE, ApiError, invalid, not_found
from .form import Parameters, read_form, read_query
from .paging import Paging
from .service import CallsService
from .stream_form import StreamForm
from .stream_view import StreamStatus, detailed_view, stream_view, streams_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One of the two collections."""

    collection: Literal["Streams", "Siprec"]
    prefix: Literal["MZ", "SR"]
    transport: Transport

    @property
    def member(self) -> str:
        """What a list's rows are called."""
        return self.collection.lower()


STREAMS = Kind(collection="Streams", prefix="MZ", transport="websocket")
SIPREC = Kind(collection="Siprec", prefix="SR", transport="siprec")


def stream_routes(*, calls: CallsService, store: Store, settings: Settings, kind: Kind) -> APIRouter:
    """The routes of one collection, for an account that has been let in already."""
    router = APIRouter(prefix="/2010-04-01/Accounts/{account_sid}/Calls/{call_sid}")

    @router.post(f"/{kind.collection}.json")
    async def create(call_sid: str, request: Request, form: Annotated[Parameters, Depends(read_form)]) -> JSONResponse:
        """Start a stream."""
        call = await _live(call_sid, request)
        asked = StreamForm.read(form, transport=kind.transport, allow_query=settings.streams.allow_query)
        named = await calls.start_stream(call, asked.request, remarks=asked.remarks)
        stream = await store.streams.get(named.sid)
        if stream is None:
            raise LookupError(f"{named.sid} is not in the store, though its row was said to be")
        return JSONResponse(stream_view(stream, "in-progress"))

    @router.get(f"/{kind.collection}.json")
    async def index(account_sid: AccountSid, call_sid: str, request: Request) -> JSONResponse:
        """List a call's streams, newest first."""
        call = await _call(call_sid, request)
        paging = Paging.read(read_query(request), kind.prefix)
        page = await store.streams.page_of_call(call.sid, paging.cut(), transport=kind.transport)
        body = paging.envelope(
            kind.member,
            [detailed_view(stream, _status(call, stream)) for stream in page.rows],
            path=f"{streams_path(account_sid, call.sid, kind.collection)}.json",
            filters={},
            has_next=page.has_next,
            has_previous=page.has_previous,
        )
        return JSONResponse(body)

    @router.get(f"/{kind.collection}/{{name:path}}.json")
    async def fetch(call_sid: str, name: str, request: Request) -> JSONResponse:
        """One stream."""
        call = await _call(call_sid, request)
        stream = await _stream(call, name, request)
        return JSONResponse(detailed_view(stream, _status(call, stream)))

    @router.post(f"/{kind.collection}/{{name:path}}.json")
    async def update(
        call_sid: str, name: str, request: Request, form: Annotated[Parameters, Depends(read_form)]
    ) -> JSONResponse:
        """Stop a stream; pause and resume a recording."""
        call = await _live(call_sid, request)
        wanted = form.text("Status")
        if wanted == "stopped":
            named = calls.stop_stream(call, name, kind.transport)
            return JSONResponse(stream_view(await _stream(call, named.sid, request), "stopped"))
        if kind is not SIPREC:
            raise invalid("Status", "must be stopped")
        if wanted not in ("paused", "in-progress"):
            raise invalid("Status", "must be stopped, paused or in-progress")
        named = calls.pause_recording(call, name, paused=wanted == "paused")
        stream = await _stream(call, named.sid, request)
        return JSONResponse(stream_view(stream, _status(call, stream)))

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
        stream = await store.streams.named(call.sid, name, transport=kind.transport)
        if stream is None:
            raise not_found(request.url.path)
        return stream

    def _status(call: CallRecord, stream: StreamRecord) -> StreamStatus:
        if not stream.is_open or stream.sid not in calls.running_streams(call):
            return "stopped"
        return "paused" if stream.sid in calls.paused_recordings(call) else "in-progress"

    return router
