"""What a call shall be, or become, as a form asks for it (spec/twilio §5.4)."""

from typing import TypeAlias, cast, get_args

from bridgetap.calls import CallChange, NewCall, Voice
from bridgetap.settings import ANY, E164, Settings, normalise_number
from bridgetap.twiml import DocumentAt, DocumentSource, DocumentText
from bridgetap.twiml.effects import CallCallback, CallEvent

from .callback_form import read_method, read_status_callback, read_url
from .errors import ApiError, invalid
from .form import Parameters
from .service import EndStatus

TO_MISSING = 21201
TO_INVALID = 21211
FROM_INVALID = 21212
FROM_MISSING = 21213
APPLICATION_INVALID = 21218
TWIML_TOO_LONG = 32018

DEFAULT_TIMEOUT_S = 60
MAX_TIMEOUT_S = 600
MAX_TIME_LIMIT_S = 86_400
MAX_TWIML = 4000  # characters
MAX_SEND_DIGITS = 32
KEYS = frozenset("0123456789*#wW")
FLOW_SCHEME = "flow:"  # `Url=flow:PATH` is `Flow=PATH` for clients that know only Twilio's parameters

# Documented parameters that would change what happens and are not built yet: said, not swallowed.
UNSUPPORTED_CREATE = {
    "AsyncAmd",
    "AsyncAmdStatusCallback",
    "Byoc",
    "CallerId",
    "ClientNotificationUrl",
    "MachineDetection",
    "Record",
    "RecordingStatusCallback",
    "SipAuthPassword",
    "SipAuthUsername",
    "Trim",
}

Change: TypeAlias = CallChange | EndStatus


def read_new_call(form: Parameters, settings: Settings) -> NewCall:
    """A call that is to be made."""
    if found := sorted(form.names & UNSUPPORTED_CREATE):
        raise invalid(", ".join(found), "not supported yet")
    return NewCall(
        to=_to(form),
        from_=_from(form, settings),
        runs=_runs(form),
        timeout_s=form.integer("Timeout", default=DEFAULT_TIMEOUT_S, low=1, high=MAX_TIMEOUT_S),
        time_limit_s=_time_limit(form),
        send_digits=_send_digits(form),
        status=_status(form),
    )


def read_change(form: Parameters) -> Change:
    """What shall be different on a live call, or how it shall end."""
    status, voice = form.text("Status"), _voice(form)
    if status is not None:
        if status not in get_args(EndStatus):
            raise invalid("Status", "must be completed or canceled")
        if voice is not None:
            raise invalid("Status", "a call that is ended gets no document: Url and Twiml exclude it")
        return cast("EndStatus", status)
    change = CallChange(voice=voice, time_limit_s=_time_limit(form), status=_status(form))
    if change == CallChange():
        raise invalid("Status", "nothing to do: give Status, Url, Twiml, StatusCallback or TimeLimit")
    return change


# --- who -------------------------------------------------------------------------------------


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


# --- what is to run --------------------------------------------------------------------------


def _runs(form: Parameters) -> Voice | str | None:
    """Documents, a flow's path, or nothing where neither is named."""
    flow, url = form.text("Flow"), form.text("Url")
    if flow is None and url is not None and url.startswith(FLOW_SCHEME):
        flow = url.removeprefix(FLOW_SCHEME)
    if flow is not None:
        return flow
    voice = _voice(form)
    if voice is None and form.text("ApplicationSid") is not None:
        rule = "applications are not supported; name a document with Url or Twiml, or a flow with Flow"
        raise invalid("ApplicationSid", rule, code=APPLICATION_INVALID)
    return voice


def _voice(form: Parameters) -> Voice | None:
    """`Url` outweighs `Twiml`."""
    source: DocumentSource
    at = _document_at(form, "Url", "Method")
    fallback = _document_at(form, "FallbackUrl", "FallbackMethod")
    twiml = form.text("Twiml")
    if at is not None:
        source = at
    elif twiml is not None:
        if len(twiml) > MAX_TWIML:
            raise invalid("Twiml", f"must be at most {MAX_TWIML} characters", code=TWIML_TOO_LONG)
        source = DocumentText(text=twiml)
    else:
        return None
    return Voice(source=source, fallback=fallback)


def _document_at(form: Parameters, name: str, method_name: str) -> DocumentAt | None:
    """As written: its fragment may say how it is asked for."""
    method = read_method(form, method_name)
    return DocumentAt(url=form.text(name) or "", method=method) if read_url(form, name) else None


def _status(form: Parameters) -> CallCallback | None:
    events = [event for text in form.texts("StatusCallbackEvent") for event in text.split()]
    if wrong := [event for event in events if event not in get_args(CallEvent)]:
        raise invalid("StatusCallbackEvent", f"must be some of {', '.join(get_args(CallEvent))}; {len(wrong)} are not")
    to = read_status_callback(form)
    if to is None:
        return None
    told = tuple(cast("CallEvent", event) for event in events) or ("completed",)
    return CallCallback(url=str(to.url), method=to.method, events=told)


def _time_limit(form: Parameters) -> int | None:
    return form.optional_integer("TimeLimit", low=1, high=MAX_TIME_LIMIT_S)


def _send_digits(form: Parameters) -> str:
    digits = form.text("SendDigits") or ""
    if len(digits) > MAX_SEND_DIGITS or not set(digits) <= KEYS:
        raise invalid("SendDigits", f"must be at most {MAX_SEND_DIGITS} of 0-9 * # and w (wait half a second)")
    return digits
