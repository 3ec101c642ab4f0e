"""TwiML on whole calls: real SIP, RTP and HTTP on loopback, documents as Twilio's own library writes them."""

import asyncio
import io
import ssl
import wave
from pathlib import Path

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.twiml.voice_response import VoiceResponse

from bridgetap import twilio_http_client
from bridgetap.calls import CallChange, NewCall, Voice
from bridgetap.engine import CallAcked, CallProgress
from bridgetap.receiver import Receiver
from bridgetap.receiver.authority import Authority, make_authority
from bridgetap.twiml import DocumentAt, DocumentText
from bridgetap.twiml.effects import CallCallback
from tests.interop import certificates

from .app_server import App, Raw, app, page
from .live import TOKEN, Live, live, tone, until
from .stage import fork, state
from .test_live_streams import Listener

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")


def wav(hertz: int, seconds: float) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(hertz, seconds))
    return buffer.getvalue()


def number(web: App, *more: str) -> str:
    return "\n".join([f'voice_url = "{web.url}/voice"', *more])


def one_menu(stage: Live, stream_url: str) -> dict[str, VoiceResponse]:
    """An IVR: a stream, a menu, a dialled phone, and goodbye."""
    voice = VoiceResponse()
    voice.start().stream(url=stream_url, name="tap", track="both_tracks", status_callback="/stream")
    gather = voice.gather(action="/menu?step=1", num_digits=2, finish_on_key="#", timeout=5)
    gather.play("/long.wav")
    voice.say("never reached")
    menu = VoiceResponse()
    dial = menu.dial(action="/dialled", method="GET", timeout=10)
    dial.sip(
        stage.callees[0].uri,
        status_callback="/party",
        status_callback_event="initiated ringing answered completed",
    )
    dialled = VoiceResponse()
    dialled.stop().stream(name="tap")
    dialled.redirect("/bye")
    bye = VoiceResponse()
    bye.play("/short.wav")
    bye.hangup()
    return {"/voice": voice, "/menu": menu, "/dialled": dialled, "/bye": bye}


async def test_an_ivr_from_its_first_request_to_its_last_callback(tmp_path: Path) -> None:
    authority, listener = make_authority(tmp_path), Listener()
    async with (
        app(authority.server_context()) as web,
        Receiver.serve(listener, ssl=authority.server_context(), auth_token=TOKEN, exact=True) as receiver,
        live(tmp_path, lambda _: [], runs=number(web, f'status_callback = "{web.url}/status"')) as stage,
    ):
        stage.server.calls._exchange.prompter._fetcher._client = trusting(authority)  # audio has no CA setting
        for path, document in one_menu(stage, f"wss://127.0.0.1:{receiver.port}/media").items():
            web.serve(path, document)
        web.serve("/long.wav", page(wav(700, 20), kind="audio/wav"))
        web.serve("/short.wav", page(wav(700, 0.3), kind="audio/wav"))
        for path in ("/status", "/party", "/stream"):
            web.serve(path, page("", kind="text/plain"))

        caller = await stage.call()
        await caller.hears_a_tone()
        caller.press("42")
        callee = await stage.callees[0].next_call()
        await until(lambda: caller.stats().level_in < -40, "the prompt stops at the first key")
        callee.progress(180)
        callee.answer()
        await callee.hear(CallAcked)
        callee.play(900)
        await caller.hears_a_tone()
        callee.hang_up()
        await caller.ended()
        rows = await stage.over()
        status = await web.hear("/status")
        await web.hear("/party", times=4)
        await web.hear("/stream", times=2)

        assert all(asked.is_signed for asked in web.asked if not asked.path.endswith(".wav"))
        menu = await web.hear("/menu?step=1")
        assert (menu.form["Digits"], menu.form["CallStatus"], menu.form["CallSid"]) == (
            "42",
            "in-progress",
            rows[0].sid,
        )
        dialled = next(asked for asked in web.asked if asked.path.startswith("/dialled"))
        assert dialled.method == "GET"
        assert "DialCallStatus=completed" in dialled.path
        assert f"DialCallSid={rows[1].sid}" in dialled.path
        assert (status.form["CallStatus"], status.form["CallSid"]) == ("completed", rows[0].sid)
        parties = [asked.form for asked in web.asked if asked.path == "/party"]
        assert [form["CallStatus"] for form in parties] == ["initiated", "ringing", "in-progress", "completed"]
        assert {form["ParentCallSid"] for form in parties} == {rows[0].sid}
        assert [row.end_reason for row in await stage.streams()] == ["stopped"]
        assert listener.loud("outbound") > 20
        assert [(row.url.rpartition("/")[2], row.status) for row in await stage.documents()] == [
            ("voice", 200),
            ("menu", 200),
            ("dialled", 200),
            ("bye", 200),
        ]


def trusting(authority: Authority) -> object:
    import httpx

    return httpx.AsyncClient(verify=authority.client_context(), trust_env=False)


REFUSED = "http://127.0.0.1:9/voice"
FAILURES: dict[str, tuple[Raw | str, int]] = {
    "refuses": (REFUSED, 11202),
    "nowhere": ("http://nobody.invalid/voice", 11210),
    "silent": (Raw(b""), 11203),
    "no-http": (Raw(b"220 mail.example ESMTP\r\n\r\n"), 11206),
    "circle": (page("", status=302, headers="Location: /circle\r\n"), 11215),
    "broken": (page("no", status=500), 11200),
    "large": (page("<Response>" + " " * 70_000 + "</Response>"), 11750),
    "empty": (page(""), 11770),
    "no-xml": (page("<Response><Say>"), 12100),
    "no-response": (page("<html/>"), 12102),
    "json": (page("{}", kind="application/json"), 12300),
}


async def test_the_fallback_is_asked_for_each_kind_of_failure(tmp_path: Path) -> None:
    """Each call is told busy by the fallback; what failed is in its parameters and in the log."""
    async with app() as web:
        runs = number(web, f'voice_fallback_url = "{web.url}/backup"')
        async with live(tmp_path, lambda _: [], runs=runs) as stage:
            web.serve("/backup", "<Reject reason='busy'/>")
            for name, (answer, _) in FAILURES.items():
                if isinstance(answer, Raw):
                    web.serve(f"/{name}", answer)
            for times, (name, (answer, code)) in enumerate(FAILURES.items(), 1):
                target = answer if isinstance(answer, str) else f"/{name}"
                web.pages["/voice"] = []
                web.serve("/voice", f"<Redirect>{target}</Redirect>")
                ringing = stage.caller.ring(f"sip:+15551230000@{stage.server.sip_address}")
                assert (await ringing.ended()).status == 486, name
                backup = await web.hear("/backup", times=times)
                assert backup.form["ErrorCode"] == str(code), name
                assert backup.form["ErrorUrl"].endswith(target), name
                assert backup.is_signed
            await stage.over()
            failed = [row.code for row in await stage.documents() if row.code]
            assert failed == [code for _, code in FAILURES.values()]


@pytest.mark.parametrize(
    ("kind", "code"), [("unknown", 11237), ("other-name", 11235), ("expired", 11236), ("plain", 11220)]
)
async def test_a_server_whose_tls_is_wrong(tmp_path: Path, kind: str, code: int) -> None:
    authority = certificates.Authority.make(tmp_path)
    context: ssl.SSLContext | None = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "plain":
        context = None
    else:
        pair = {
            "unknown": lambda: certificates.self_signed(tmp_path, "leaf"),
            "other-name": lambda: authority.issue(tmp_path, "leaf", names=("other.example",)),
            "expired": lambda: authority.issue(tmp_path, "leaf", days=-1),
        }[kind]()
        context.load_cert_chain(*pair)  # type: ignore[union-attr]
    async with app(context) as bad, app() as web:
        url = f"https://127.0.0.1:{bad.port}/voice"
        runs = f'voice_url = "{url}"\nvoice_fallback_url = "{web.url}/backup"'
        async with live(tmp_path, lambda _: [], runs=runs) as stage:
            web.serve("/backup", "<Reject reason='busy'/>")
            ringing = stage.caller.ring(f"sip:+15551230000@{stage.server.sip_address}")
            assert (await ringing.ended()).status == 486
            assert (await web.hear("/backup")).form["ErrorCode"] == str(code)


async def test_a_caller_rings_on_through_a_pause_and_is_then_rejected(tmp_path: Path) -> None:
    async with app() as web, live(tmp_path, lambda _: [], runs=number(web)) as stage:
        web.serve("/voice", "<Pause length='1'/><Reject/>")
        ringing = stage.caller.ring(f"sip:+15551230000@{stage.server.sip_address}")
        assert (await ringing.hear(CallProgress)).status == 180
        ended = await ringing.ended()
        assert (ended.cause, ended.status) == ("rejected", 603)
        assert (await stage.over())[0].sip_status == 603


async def test_a_call_is_made_redirected_and_told_of(tmp_path: Path) -> None:
    async with app() as web, live(tmp_path, lambda _: [], runs=number(web)) as stage:
        web.serve("/wait", "<Play loop='0'>/tone.wav</Play>")
        web.serve("/tone.wav", page(wav(700, 1), kind="audio/wav"))
        web.serve("/status", page("", kind="text/plain"))
        sid = await stage.server.calls.create(
            NewCall(
                to=stage.callees[0].uri,
                from_="+15551230000",
                runs=Voice(source=DocumentAt(url=f"{web.url}/wait", method="GET")),
                send_digits="1w2",
                status=CallCallback(url=f"{web.url}/status", events=("initiated", "ringing", "answered", "completed")),
            )
        )
        callee = await stage.callees[0].next_call()
        callee.progress(180)
        callee.answer()
        await callee.hears_a_tone()
        assert callee.digits() == "12"
        goodbye = VoiceResponse()
        goodbye.play(digits="7")
        goodbye.hangup()
        stage.server.calls.change(sid, CallChange(voice=Voice(source=DocumentText(text=str(goodbye)))))
        assert (await callee.ended()).cause == "bye"
        assert callee.digits() == "127"
        await web.hear("/status", times=4)
        told = [asked.form for asked in web.asked if asked.path == "/status"]
        assert [form["CallStatus"] for form in told] == ["initiated", "ringing", "in-progress", "completed"]
        assert [form["SequenceNumber"] for form in told] == ["0", "1", "2", "3"]
        assert {form["Direction"] for form in told} == {"outbound-api"}
        assert all(asked.is_signed for asked in web.asked if asked.path != "/tone.wav")


async def test_a_flow_is_taken_over_and_its_stream_goes_on(tmp_path: Path) -> None:
    authority, listener = make_authority(tmp_path), Listener()
    async with (
        app() as web,
        Receiver.serve(listener, ssl=authority.server_context(), auth_token=TOKEN, exact=True) as receiver,
        live(
            tmp_path,
            lambda _: [
                fork(then="two", stream_url=f"wss://127.0.0.1:{receiver.port}/"),
                state("two", "say-play", {"audioComplete": None}, play=f"{web.url}/tone.wav", loop=99),
            ],
        ) as stage,
    ):
        web.serve("/tone.wav", page(wav(700, 1), kind="audio/wav"))
        web.serve("/new", "<Pause length='2'/><Play loop='0'>/tone.wav</Play>")
        caller = await stage.call()
        await caller.hears_a_tone()
        (row,) = await stage.rows()
        voice = Voice(source=DocumentAt(url=f"{web.url}/new"))
        stage.server.calls.change(row.sid, CallChange(voice=voice))
        await caller.hears_nothing()
        await caller.hears_a_tone()
        caller.hang_up()
        await stage.over()
        (stream,) = await stage.streams()
        assert stream.end_reason == "call-ended"
        assert stream.ms_dropped == 0
        (execution,) = await stage.server.store.executions.of_call(row.sid)
        assert execution.end_reason == "taken over by a document"


async def test_the_called_party_accepts_with_a_key(tmp_path: Path) -> None:
    async with app() as web, live(tmp_path, lambda _: [], runs=number(web)) as stage:
        dial = VoiceResponse()
        dial.dial(timeout=10, action="/after").sip(stage.callees[0].uri, url="/screen")
        screen = VoiceResponse()
        screen.gather(action="/key", num_digits=1).play("/tone.wav")
        screen.hangup()
        web.serve("/voice", dial)
        web.serve("/screen", screen)
        web.serve("/key", "")
        web.serve("/after", "<Hangup/>")
        web.serve("/tone.wav", page(wav(700, 20), kind="audio/wav"))
        calling = asyncio.ensure_future(stage.call())
        callee = await stage.callees[0].next_call()
        callee.progress(180)
        callee.answer()
        caller = await calling
        await callee.hears_a_tone()
        callee.press("1")
        await callee.hears_nothing()
        caller.play(500)
        await callee.hears_a_tone()
        caller.hang_up()
        await callee.ended()
        assert (await web.hear("/after")).form["DialBridged"] == "true"
        await stage.over()


async def test_twilios_client_makes_redirects_ends_and_forgets_a_live_call(tmp_path: Path) -> None:
    async with app() as web, live(tmp_path, lambda _: [], runs=number(web)) as stage:
        web.serve("/wait", "<Play loop='0'>/tone.wav</Play>")
        web.serve("/tone.wav", page(wav(700, 1), kind="audio/wav"))
        server = stage.server
        client = Client(server.account.sid, TOKEN, http_client=twilio_http_client(server.http_url))
        calls = client.calls
        made = await asyncio.to_thread(
            lambda: calls.create(to=stage.callees[0].uri, from_="+15551230000", url=f"{web.url}/wait", method="GET")
        )
        callee = await stage.callees[0].next_call()
        with pytest.raises(TwilioRestException) as early:
            await asyncio.to_thread(lambda: calls(made.sid).update(twiml="<Response/>"))
        assert early.value.code == 21220, "it rings"
        callee.answer()
        await callee.hears_a_tone()
        keys = VoiceResponse()
        keys.play(digits="42")
        keys.pause(length=60)
        changed = await asyncio.to_thread(lambda: calls(made.sid).update(twiml=keys))
        assert changed.status == "in-progress"
        await until(lambda: callee.digits() == "42", "the new document runs")
        ended = await asyncio.to_thread(lambda: calls(made.sid).update(status="completed"))
        assert ended.status == "completed"
        assert (await callee.ended()).cause == "bye"
        assert await asyncio.to_thread(lambda: calls(made.sid).delete())
        assert await stage.over() == []
