"""What the doctor says of a stream that it has watched. Pure: what was seen goes in, results come out."""

import json
from collections.abc import Sequence

from .frames import Broken, Close
from .order import Order
from .report import Finding, Step, StepResult, fault, plain, warning
from .session import CLOSE_WITHIN_S, PONG_WITHIN_S, STOP_WITHIN_S, Phase, Seen

DROPPED, BROKEN, SLOW, CLOSED, BINARY, SCHEMA = 31903, 31924, 31930, 31921, 31950, 31951
SLOW_PONG_S = 1.0
PINGS_A_SECOND = 10.0
CATCHES_UP = 1.5  # times real time; below that a hiccup is never made good
STALLED, NOTHING = 0.9, 0.01  # of a burst: still here; taken in the second half of the time
_ALIVE = {Phase.START, Phase.REAL_TIME, Phase.BURST}
_BACK_CHANNEL = {"media", "mark", "clear"}


def judge(seen: Seen, order: Order) -> list[StepResult]:
    """Every step from the pings on."""
    return [_pings(seen), _pace(seen, order), _silence(seen), _stays(seen), _stop(seen)]


def _pings(seen: Seen) -> StepResult:
    findings = []
    over = seen.ended is not None and seen.ended.phase in _ALIVE
    if seen.answered < seen.pings and not over:
        left = seen.pings - seen.answered
        which = f"{left} of {seen.pings} pings {'was' if left == 1 else 'were'} not"
        which = which if seen.answered else f"none of {seen.pings} pings was"
        findings.append(
            warning(
                "pings.unanswered",
                f"{which} answered within {PONG_WITHIN_S:g} s",
                "answer a ping with a pong of the same payload (libraries do, while the program's loop runs: is it "
                "blocked by synchronous work?). Streams go on without, but proxies take a silent far end for dead",
            )
        )
    if seen.pongs and max(seen.pongs) > SLOW_PONG_S:
        findings.append(
            warning(
                "pings.slow",
                f"a ping was answered only after {_time(max(seen.pongs))}",
                "something blocks the program's loop: move slow work (models, disk, HTTP) to a thread or a queue",
            )
        )
    if seen.wrong_pongs:
        findings.append(
            warning(
                "pings.payload",
                f"{seen.wrong_pongs} pongs carried another payload than any ping",
                "copy the ping's payload into the pong (RFC 6455 §5.5.3)",
            )
        )
    burst_took_s = seen.burst_limit_s if seen.burst_read_s is None else seen.burst_read_s
    seconds = max(1.0, seen.chunks * seen.frame_s + burst_took_s)
    if seen.pinged_us / seconds > PINGS_A_SECOND:
        findings.append(
            warning(
                "pings.flood",
                f"the server sent {seen.pinged_us} pings in about {seconds:.0f} s",
                "one ping in 20 to 30 s keeps a connection open",
            )
        )
    usual = sorted(seen.pongs)[len(seen.pongs) // 2] if seen.pongs else None
    detail = f"answers ours in {_time(usual)}" if usual is not None else "answers none"
    detail += f", sent {seen.pinged_us} of its own" if seen.pinged_us else ", sends none of its own"
    figures = {
        "sent": seen.pings,
        "answered": seen.answered,
        "median_ms": None if usual is None else round(usual * 1000, 1),
        "received": seen.pinged_us,
    }
    return StepResult(step=Step.PINGS, detail=detail if not findings else "", findings=findings, figures=figures)


def _pace(seen: Seen, order: Order) -> StepResult:
    lag_s = seen.lag_bytes / seen.chunk_bytes * seen.frame_s
    figures: dict[str, object] = {"real_time_lag_ms": round(lag_s * 1000)}
    if seen.ended is not None and seen.ended.phase in _ALIVE and not seen.burst_s:
        return StepResult(step=Step.PACE, skipped=True, detail="it was gone before", figures=figures)
    if seen.burst_read_s is None and seen.ended is not None and seen.ended.phase is Phase.BURST:
        text = f"it ended the stream while {seen.burst_s:g} s of audio came faster than real time"
        change = "do not demand real time: after a pause of the network, frames come in a burst"
        return StepResult(step=Step.PACE, findings=[warning("pace.no-burst", text, change)], figures=figures)
    # Buffers on the way take much of a burst at once: what counts is what was still taken when they were full.
    taken = seen.burst_left_half_way - seen.burst_left
    stalled = seen.burst_left > STALLED or (not seen.read_by_pong and taken < NOTHING)
    if seen.burst_read_s is None and stalled:
        text = f"it stopped reading: {seen.burst_left:.0%} of {seen.burst_s:g} s of audio is still on this side"
        return StepResult(step=Step.PACE, findings=[fault("pace.stalls", text, _READ, SLOW)], figures=figures)
    if seen.burst_read_s is None and seen.read_by_pong:
        text = f"it had not read {seen.burst_s:g} s of audio after {seen.burst_limit_s:g} s: slower than real time"
        return StepResult(step=Step.PACE, findings=[fault("pace.slow", text, _UNBLOCK, SLOW)], figures=figures)
    if seen.burst_read_s is None:
        times = seen.burst_s * taken / (seen.burst_limit_s / 2)
    else:
        times = seen.burst_s / max(seen.burst_read_s, 0.001)
    figures |= {"burst_s": seen.burst_s, "times_real_time": round(times, 1)}
    if times >= CATCHES_UP:
        detail = f"reads {_times(times)} real time"
        if not seen.read_by_pong:
            detail = "its machine takes what comes; without pongs nobody sees whether the program reads it"
        return StepResult(step=Step.PACE, detail=detail, figures=figures)
    if times >= 1:
        text = f"reads {_times(times)} real time: after a pause it catches up slowly or never"
        finding = warning("pace.barely", text, _UNBLOCK)
    else:
        text = f"reads {_times(times)} real time: audio is dropped once it is {order.max_lag_s:g} s behind"
        finding = fault("pace.slow", text, _UNBLOCK, SLOW)
    return StepResult(step=Step.PACE, findings=[finding], figures=figures)


def _silence(seen: Seen) -> StepResult:
    figures = {"texts": seen.texts, "binaries": seen.binaries}
    findings = []
    if seen.texts:
        events = _events(seen.examples)
        if events & _BACK_CHANNEL:
            text = f"it sends {', '.join(sorted(events & _BACK_CHANNEL))} on a one-way stream, where nobody plays them"
            change = "to talk back, start the stream with <Connect><Stream>; a fork only listens"
        else:
            text = f"it sends text on a one-way stream ({seen.texts} messages)"
            change = "send nothing: a fork is one-way. Acknowledgements and greetings belong into your log"
        findings.append(warning("silence.text", text, change, SCHEMA))
    if seen.binaries:
        text = f"it sends binary frames ({seen.binaries}); the protocol is JSON text"
        change = "send nothing on a fork; audio for a <Connect><Stream> goes as base64 in a media message"
        findings.append(warning("silence.binary", text, change, BINARY))
    return StepResult(step=Step.SILENCE, detail="" if findings else "nothing came", findings=findings, figures=figures)


def _stays(seen: Seen) -> StepResult:
    ended = seen.ended
    if ended is None or ended.phase not in _ALIVE:
        return StepResult(step=Step.STAYS, detail=f"through {seen.chunks * seen.frame_s + seen.burst_s:g} s of audio")
    when = _WHEN[ended.phase].format(_time(ended.after_s))
    figures: dict[str, object] = {"phase": str(ended.phase), "after_s": round(ended.after_s, 2)}
    match ended.how:
        case Close(code, reason):
            figures |= {"close_code": code, "reason": plain(reason)}
            told = f": {plain(reason)!r}" if reason else ""
            text = f"it closes the stream {when}, with {code or 'no code'}{told}"
            change = _CLOSE_CODES.get(code or 0, _CLOSE_CODES[0])
            finding = fault("stays.closes", text, change, None if code == 1000 else CLOSED)
        case Broken(rule):
            text = f"it breaks the WebSocket protocol {when}: {rule}"
            change = "send through a WebSocket library, and nothing else on its socket"
            finding = fault("stays.breaks-protocol", text, change, BROKEN)
        case how:
            text = f"it drops the connection {when}: it {plain(how)}"
            change = (
                "did the process crash or a proxy give up? Look for a crash in its log, and for the proxy's timeouts "
                "(nginx: proxy_read_timeout)"
            )
            finding = fault("stays.drops", text, change, DROPPED)
    return StepResult(step=Step.STAYS, findings=[finding], figures=figures)


def _stop(seen: Seen) -> StepResult:
    if not seen.stop_sent:
        return StepResult(step=Step.STOP, skipped=True, detail="it was gone before")
    findings: list[Finding] = []
    how = seen.ended.how if seen.ended is not None else None
    code = how.code if isinstance(how, Close) else None
    figures = {
        "closes_by_itself_ms": _ms(seen.closed_by_itself_s),
        "answers_close_ms": _ms(seen.answered_close_s),
        "close_code": code,
        "tcp_closed": seen.tcp_closed,
    }
    if seen.closed_by_itself_s is not None:
        detail = f"closes by itself after {_time(seen.closed_by_itself_s)}, with {code or 'no code'}"
    elif seen.answered_close_s is not None:
        detail = f"leaves closing to us, answers it in {_time(seen.answered_close_s)} with {code or 'no code'}"
    else:
        detail = ""
        text = f"it does not close within {STOP_WITHIN_S:g} s of stop, nor answer a close within {CLOSE_WITHIN_S:g} s"
        change = (
            "on stop finish and close; answer a close frame with one. Else each call leaves a socket behind for you"
        )
        findings.append(fault("stop.ignored", text, change))
    if isinstance(how, str) and not findings:
        text = f"it {plain(how)} after stop"
        findings.append(warning("stop.no-close-frame", text, "close the WebSocket (1000), not only its connection"))
    elif isinstance(how, Broken):
        findings.append(warning("stop.breaks-protocol", f"it breaks the protocol after stop: {how.rule}", _LIBRARY))
    elif code is not None and code not in {1000, 1001}:
        text = f"it answers stop with the close code {code}"
        findings.append(warning("stop.close-code", text, "1000 is the code for a stream that went as it should"))
    if not findings and not seen.tcp_closed:
        text = f"it keeps the TCP connection open for more than {CLOSE_WITHIN_S:g} s after both close frames"
        change = "close the connection after the close frames (RFC 6455 §7.1.1: it is the server's turn)"
        findings.append(warning("stop.keeps-socket", text, change))
    return StepResult(step=Step.STOP, detail=detail, findings=findings, figures=figures)


def _events(examples: Sequence[str] | object) -> set[str]:
    """The event names among what the server said."""
    found = set()
    for text in examples if isinstance(examples, Sequence) else ():
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        event = value.get("event") if isinstance(value, dict) else None
        if isinstance(event, str):
            found.add(event)
    return found


def _times(times: float) -> str:
    return f"{times:.1f} times" if times < 100 else "more than 100 times"


def _time(seconds: float) -> str:
    """`340 ms`, `1.2 s`"""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


_WHEN = {
    Phase.START: "before any audio",
    Phase.REAL_TIME: "after {} of audio in real time",
    Phase.BURST: "{} after audio had begun to come faster than real time",
}
_LIBRARY = "send through a WebSocket library, and nothing else on its socket"
_READ = (
    "read in a task that does nothing else and put frames into a queue of your own; a handler that waits for something "
    "else (a model, a lock, the first transcript) stops the reading"
)
_UNBLOCK = (
    "do less for each frame: batch 100 ms or more before you call a model or write a file, and move slow work out of "
    "the reading task"
)
_CLOSE_CODES = {
    0: "see the server's log for this time: the closing is its own decision",
    1000: "its handler returned: keep reading until stop (is there an example's limit, such as 50 messages?)",
    1001: "it was going away: a restart, a deployment or a proxy's idle limit",
    1002: "it believes that we broke the protocol: see the reason, and its log",
    1003: "it refuses text frames: the protocol is JSON text, not binary audio",
    1007: "it could not read a message: it must be UTF-8 JSON",
    1008: "its policy refused the stream: signature, account, a parameter that it wants (--parameter)?",
    1009: "its limit on message length is too low: a message may have a few kilobytes (start, with parameters)",
    1011: "its handler raised an error: the traceback stands in its log",
    1012: "it restarts",
    1013: "it is overloaded",
}
