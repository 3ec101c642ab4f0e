"""What a verb asks for: effects, and what there is to say about it in the log.

A verb that cannot be carried out asks for nothing; the log says why, and the call goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridgetap.errors import InvalidStream, InvalidTwiml
from bridgetap.flow.effects import (
    ClientTarget,
    Dial,
    DialTarget,
    EffectId,
    Log,
    NumberTarget,
    Play,
    PlayDigits,
    Say,
    SipTarget,
    StartStream,
)
from bridgetap.flow.stream_rules import TRACK_INVALID, Judgement, Places, StreamFields, judge
from bridgetap.flow.stream_rules import Parameter as StreamParameter

from . import verbs
from .effects import (
    Callback,
    CallCallback,
    ConnectStream,
    DialledParty,
    DialWithOptions,
    Gather,
    Method,
    Pause,
    StartStreamWithCallback,
    TwimlAnswered,
)
from .problems import OURS, SCHEMA, line
from .urls import resolve, resolve_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    effects: tuple[TwimlAnswered, ...]
    notes: tuple[Log, ...]


def numbered(effect: TwimlAnswered, number: int) -> TwimlAnswered:
    """The same effect with an id: of a wrapped one, that inside."""
    match effect:
        case DialWithOptions():
            return replace(effect, dial=replace(effect.dial, id=EffectId(number)))
        case StartStreamWithCallback():
            return replace(effect, start=replace(effect.start, id=EffectId(number)))
        case _:
            return replace(effect, id=EffectId(number))


class Asker:
    """For the verbs of one document. `base` is its URL, "" when it has none."""

    def __init__(self, base: str, *, allow_query: bool) -> None:
        self._base, self._allow_query = base, allow_query
        self._notes: list[Log] = []

    def prompt(self, verb: verbs.Prompt) -> Asked:
        effect = self._prompt(verb)
        return self._asked([effect] if effect else [])

    def gather(self, verb: verbs.Gather) -> Asked:
        prompts = [self._prompt(prompt) for prompt in verb.prompts]
        speech_timeout = verb.timeout_s if verb.speech_timeout is None else verb.speech_timeout
        effect = Gather(
            prompts=tuple(prompt for prompt in prompts if prompt and not isinstance(prompt, PlayDigits)),
            input=verb.input,
            timeout_s=verb.timeout_s,
            finish_on_key=verb.finish_on_key,
            num_digits=verb.num_digits,
            speech_timeout_s=None if speech_timeout == "auto" else speech_timeout,
            max_speech_s=verb.max_speech_s,
            language=verb.language,
            hints=verb.hints,
            speech_model=verb.speech_model,
            profanity_filter=verb.profanity_filter,
            barge_in=verb.barge_in,
            partial_results=self._callback(
                verb.partial_result_callback,
                verb.partial_result_callback_method,
                f"{verb.place}/@partialResultCallback",
            ),
        )
        return self._asked([effect])

    def dial(self, verb: verbs.Dial) -> Asked:
        """Nothing, when there is nobody to call."""
        if not verb.targets:
            return self._asked([])
        dial = Dial(
            targets=tuple(_target(target) for target in verb.targets),
            caller_id=verb.caller_id,
            timeout_s=verb.timeout_s,
            time_limit_s=verb.time_limit_s,
            record=verb.record,
        )
        full = DialWithOptions(
            dial=dial,
            parties=tuple(self._party(target) for target in verb.targets),
            hangup_on_star=verb.hangup_on_star,
            answer_on_bridge=verb.answer_on_bridge,
            sequential=verb.sequential and len(verb.targets) > 1,
            ring_tone=verb.ring_tone,
        )
        plain = DialWithOptions(dial=dial, parties=(DialledParty(),) * len(verb.targets))
        return self._asked([dial if full == plain else full])

    def start(self, verb: verbs.Start) -> Asked:
        return self._asked([effect for noun in verb.nouns if (effect := self._start(noun))])

    def stop(self, verb: verbs.Stop) -> Asked:
        verdicts = [self._judged(noun, "stop") for noun in verb.nouns]
        return self._asked([verdict.asked for verdict in verdicts if verdict.asked])

    def connect(self, verb: verbs.Connect) -> Asked:
        """Nothing, when there is nothing to connect to."""
        stream = verb.stream
        if stream is None:
            return self._asked([])
        verdict = self._judged(stream, "start")
        asked = verdict.asked
        if not isinstance(asked, StartStream) or asked.url is None:
            return self._asked([])
        if asked.tracks != ("inbound",):
            rule = "a stream that the caller is connected to has the inbound track only"
            self._problem(InvalidStream(f"{stream.place}/@track", stream.track, rule, code=TRACK_INVALID))
            return self._asked([])
        effect = ConnectStream(
            name=asked.name,
            url=asked.url,
            parameters=asked.parameters,
            options=asked.options,
            status=self._stream_callback(stream),
        )
        return self._asked([effect])

    # --- parts -----------------------------------------------------------------------------

    def _prompt(self, verb: verbs.Prompt) -> Say | Play | PlayDigits | Pause | None:
        match verb:
            case verbs.Say(text=""):
                return None  # the document's warnings say so already
            case verbs.Say():
                return Say(text=verb.text, voice=verb.voice or "default", language=verb.language, loop=verb.loop)
            case verbs.Pause():
                return Pause(length_s=verb.length_s)
            case verbs.Play() if verb.digits:
                return PlayDigits(digits=verb.digits, loop=verb.loop)
            case verbs.Play(url=""):
                return None
            case verbs.Play():
                url = self._resolved(verb.url, verb.place)
                return Play(url=url, loop=verb.loop) if url else None

    def _party(self, target: verbs.Target) -> DialledParty:
        options, place = target.options, target.options.place
        status = self._callback(options.status_callback, options.status_callback_method, f"{place}/@statusCallback")
        parameters = target.parameters if isinstance(target, verbs.Client) else ()
        return DialledParty(
            send_digits=target.send_digits if isinstance(target, verbs.Number) else "",
            screen=self._callback(options.url, options.method, f"{place}/@url"),
            status=CallCallback(url=status.url, method=status.method, events=options.status_callback_events)
            if status
            else None,
            parameters=tuple((parameter.name, parameter.value) for parameter in parameters if parameter.name),
        )

    def _start(self, noun: verbs.StreamNoun) -> StartStream | StartStreamWithCallback | None:
        asked = self._judged(noun, "start").asked
        if not isinstance(asked, StartStream):
            return None
        status = self._stream_callback(noun)
        return StartStreamWithCallback(start=asked, status=status) if status else asked

    def _judged(self, noun: verbs.StreamNoun, action: str) -> Judgement:
        """The one set of rules; what it has to say goes to the log."""
        fields = StreamFields(
            action=action,
            name=noun.name,
            transport="websocket" if isinstance(noun, verbs.Stream) else "siprec",
            url=resolve_stream(self._base, noun.url) if isinstance(noun, verbs.Stream) else "",
            connector=noun.connector_name if isinstance(noun, verbs.Siprec) else "",
            track=noun.track,
            parameters=[
                StreamParameter(key=parameter.name, value=parameter.value, place=parameter.place)
                for parameter in noun.parameters
            ],
            options=noun.options if isinstance(noun, verbs.Stream) else (),
        )
        places = Places(
            action=noun.place,
            transport=noun.place,
            url=f"{noun.place}/@url",
            connector=f"{noun.place}/@connectorName",
            track=f"{noun.place}/@track",
        )
        verdict = judge(fields, places, allow_query=self._allow_query)
        for problem in verdict.problems:
            self._problem(problem)
        for warning in verdict.warnings:
            self._notes.append(line("warning", warning.code or OURS, warning.place, str(warning)))
        return verdict

    def _stream_callback(self, noun: verbs.StreamNoun) -> Callback | None:
        return self._callback(noun.status_callback, noun.status_callback_method, f"{noun.place}/@statusCallback")

    def _callback(self, url: str, method: Method, place: str) -> Callback | None:
        resolved = self._resolved(url, place) if url else ""
        return Callback(url=resolved, method=method) if resolved else None

    def _resolved(self, url: str, place: str) -> str:
        try:
            return resolve(self._base, url, place=place)
        except InvalidTwiml as problem:
            self._problem(problem)
            return ""

    def _problem(self, problem: InvalidStream | InvalidTwiml) -> None:
        self._notes.append(line("error", problem.code or SCHEMA, problem.place, str(problem)))

    def _asked(self, effects: Sequence[TwimlAnswered]) -> Asked:
        notes, self._notes = tuple(self._notes), []
        return Asked(effects=tuple(effects), notes=notes)


def _target(target: verbs.Target) -> DialTarget:
    match target:
        case verbs.Number():
            return NumberTarget(number=target.number)
        case verbs.Sip():
            return SipTarget(uri=target.uri, username=target.username, password=target.password)
        case verbs.Client():
            return ClientTarget(identity=target.identity)
