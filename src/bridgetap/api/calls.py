"""`Calls`: make, list, look at, change, end and forget calls."""

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from bridgetap.calls import CallChange
from bridgetap.ids import AccountSid, CallSid, is_sid
from bridgetap.settings import Settings, normalise_number
from bridgetap.store import CallFilter, CallRecord, CallStatus, Store

from .call_request import read_change, read_new_call
from .call_view import audio_view, call_view, calls_path
from .errors import CALL_STATE, ApiError, invalid, not_found
from .form import Parameters, read_form, read_query
from .paging import Paging
from .service import CallsService
from .times import time_range

FILTERS = {"To", "From", "ParentCallSid", "Status"} | {
    f"{event}Time{relation}" for event in ("Start", "End") for relation in ("", "<", ">")
}


def call_routes(*, calls: CallsService, store: Store, settings: Settings) -> APIRouter:
    """The routes, for an account that has been let in already."""
    router = APIRouter(prefix="/2010-04-01/Accounts/{account_sid}")

    @router.post("/Calls.json", status_code=201)
    async def create(form: Annotated[Parameters, Depends(read_form)]) -> JSONResponse:
        """Begin a call."""
        sid = await calls.create(read_new_call(form, settings))
        return JSONResponse(call_view(await _stored(sid)), status_code=201)

    @router.get("/Calls.json")
    async def index(account_sid: AccountSid, request: Request) -> JSONResponse:
        """List calls, newest first."""
        query = read_query(request)
        paging = Paging.read(query, "CA")
        page = await store.calls.search(_filter(query), paging.cut())
        body = paging.envelope(
            "calls",
            [call_view(call) for call in page.rows],
            path=calls_path(account_sid),
            filters={name: query.text(name) or "" for name in sorted(FILTERS & query.names)},
            has_next=page.has_next,
            has_previous=page.has_previous,
        )
        return JSONResponse(body)

    @router.get("/Calls/{call_sid}.json")
    async def fetch(call_sid: str, request: Request) -> JSONResponse:
        """One call."""
        return JSONResponse(call_view(await _existing(call_sid, request)))

    @router.get("/Calls/{call_sid}/Audio.json")
    async def audio(call_sid: str, request: Request) -> JSONResponse:
        """How its audio came and went."""
        return JSONResponse(audio_view(await _existing(call_sid, request)))

    @router.post("/Calls/{call_sid}.json")
    async def update(call_sid: str, request: Request, form: Annotated[Parameters, Depends(read_form)]) -> JSONResponse:
        """End a call, or have it do something else."""
        call = await _existing(call_sid, request)
        wanted = read_change(form)
        if not call.is_open:
            raise ApiError(400, CALL_STATE, "Call is not in-progress: it has ended")
        if isinstance(wanted, CallChange):
            calls.change(call.sid, wanted)
        else:
            await calls.end(call.sid, wanted)
        return JSONResponse(call_view(await _stored(call.sid)))

    @router.delete("/Calls/{call_sid}.json", status_code=204)
    async def delete(call_sid: str, request: Request) -> Response:
        """Forget a call that has ended."""
        call = await _existing(call_sid, request)
        if call.is_open:
            raise ApiError(400, CALL_STATE, "Call is in-progress: end it first")
        await store.forget_call(call.sid)
        return Response(status_code=204)

    async def _existing(sid: str, request: Request) -> CallRecord:
        call = await store.calls.get(sid) if is_sid(sid, "CA") else None
        if call is None:
            raise not_found(request.url.path)
        return call

    async def _stored(sid: CallSid) -> CallRecord:
        call = await store.calls.get(sid)
        if call is None:
            raise LookupError(f"{sid} is not in the store, though its row was said to be")
        return call

    return router


def _filter(query: Parameters) -> CallFilter:
    status = query.text("Status")
    if status is not None and status not in get_args(CallStatus):
        raise invalid("Status", f"must be one of {', '.join(get_args(CallStatus))}")
    started_from, started_until = time_range(query, "StartTime")
    ended_from, ended_until = time_range(query, "EndTime")
    return CallFilter(
        to=_party(query, "To"),
        from_=_party(query, "From"),
        parent_call_sid=query.text("ParentCallSid"),
        status=status,
        started_from_ns=started_from,
        started_until_ns=started_until,
        ended_from_ns=ended_from,
        ended_until_ns=ended_until,
    )


def _party(query: Parameters, name: str) -> str | None:
    text = query.text(name)
    if text is None or text.startswith(("sip:", "sips:", "client:")):
        return text
    return normalise_number(text)
