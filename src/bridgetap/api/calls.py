"""`Calls`: make, list, look at and end calls."""

from typing import Annotated, cast, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from bridgetap.ids import AccountSid, CallSid, is_sid
from bridgetap.settings import ANY, E164, Settings, normalise_number
from bridgetap.store import CallFilter, CallRecord, CallStatus, Store

from .call_view import call_view, calls_path
from .errors import CALL_STATE, ApiError, invalid, not_found
from .form import Parameters, read_form, read_query
from .paging import Paging
from .service import CallsService, EndStatus
from .times import time_range

TO_MISSING = 21201
URL_INVALID = 21205
TO_INVALID = 21211
FROM_INVALID = 21212
FROM_MISSING = 21213
APPLICATION_INVALID = 21218
TWIML_TOO_LONG = 32018

DEFAULT_TIMEOUT_S = 60
MAX_TIMEOUT_S = 600
MAX_TWIML = 4000
FLOW_SCHEME = "flow:"  # `Url=flow:PATH` is `Flow=PATH` for clients that know only Twilio's parameters
FILTERS = {"To", "From", "ParentCallSid", "Status"} | {
    f"{event}Time{relation}" for event in ("Start", "End") for relation in ("", "<", ">")
}

# Documented parameters that would change what happens and are not built yet: said, not swallowed.
UNSUPPORTED_CREATE = {
    "AsyncAmd",
    "AsyncAmdStatusCallback",
    "Byoc",
    "CallerId",
    "ClientNotificationUrl",
    "FallbackUrl",
    "MachineDetection",
    "Record",
    "RecordingStatusCallback",
    "SendDigits",
    "SipAuthPassword",
    "SipAuthUsername",
    "StatusCallback",
    "Trim",
}
UNSUPPORTED_UPDATE = {"FallbackUrl", "StatusCallback", "TimeLimit", "Twiml", "Url"}


def call_routes(*, calls: CallsService, store: Store, settings: Settings) -> APIRouter:
    """The routes, for an account that has been let in already."""
    router = APIRouter(prefix="/2010-04-01/Accounts/{account_sid}")

    @router.post("/Calls.json", status_code=201)
    async def create(form: Annotated[Parameters, Depends(read_form)]) -> JSONResponse:
        """Begin a call."""
        _refuse(form, UNSUPPORTED_CREATE)
        sid = await calls.create(
            to=_to(form),
            from_=_from(form, settings),
            flow=_flow(form),
            timeout_s=form.integer("Timeout", default=DEFAULT_TIMEOUT_S, low=1, high=MAX_TIMEOUT_S),
            time_limit_s=form.optional_integer("TimeLimit", low=1, high=86_400),
        )
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

    @router.post("/Calls/{call_sid}.json")
    async def update(call_sid: str, request: Request, form: Annotated[Parameters, Depends(read_form)]) -> JSONResponse:
        """End a call."""
        call = await _existing(call_sid, request)
        _refuse(form, UNSUPPORTED_UPDATE)
        status = form.text("Status")
        if status not in get_args(EndStatus):
            raise invalid("Status", "must be completed or canceled")
        if not call.is_open:
            raise ApiError(400, CALL_STATE, "Call is not in-progress: it has ended")
        await calls.end(call.sid, cast("EndStatus", status))
        return JSONResponse(call_view(await _stored(call.sid)))

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


def _refuse(form: Parameters, unsupported: set[str]) -> None:
    if found := sorted(form.names & unsupported):
        raise invalid(", ".join(found), "not supported yet")


def _to(form: Parameters) -> str:
    to = form.text("To")
    if to is None:
        raise ApiError(400, TO_MISSING, "No 'To' number specified")
    if to.startswith(("sip:", "sips:", "client:")):
        return to
    number = normalise_number(to)
    if not E164.fullmatch(number) and not (number.isascii() and number.isdigit()):
        raise invalid("To", "must be a telephone number, a sip: URI or client:NAME", code=TO_INVALID)
    return number


def _from(form: Parameters, settings: Settings) -> str:
    """The caller. Twilio insists on one; where we have a number of our own, it is a good one."""
    given = form.text("From")
    if given is not None:
        number = normalise_number(given)
        if not number or not number.isprintable() or len(number) > 64:
            raise invalid("From", "must be a telephone number or a user name", code=FROM_INVALID)
        return number
    own = next((entry.number for entry in settings.numbers if entry.number != ANY), None)
    if own is None:
        raise ApiError(400, FROM_MISSING, "No 'From' number specified, and [[numbers]] names none")
    return own


def _flow(form: Parameters) -> str | None:
    flow, url = form.text("Flow"), form.text("Url")
    twiml = form.text("Twiml")
    if flow is None and url is not None:
        if not url.startswith(FLOW_SCHEME):
            rule = f"TwiML is not supported yet; name a flow with Flow, or with Url={FLOW_SCHEME}PATH"
            raise invalid("Url", rule, code=URL_INVALID)
        flow = url.removeprefix(FLOW_SCHEME)
    if flow is None and twiml is not None:
        if len(twiml) > MAX_TWIML:
            raise invalid("Twiml", f"must be at most {MAX_TWIML} characters", code=TWIML_TOO_LONG)
        raise invalid("Twiml", "TwiML is not supported yet; name a flow with Flow")
    if flow is None and form.text("ApplicationSid") is not None:
        raise invalid(
            "ApplicationSid", "applications are not supported; name a flow with Flow", code=APPLICATION_INVALID
        )
    return flow


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
