"""Reads Say, Play, Pause and Gather."""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from .effects import Input
from .element import Element
from .markup import Node
from .problems import Findings
from .verbs import Gather, Pause, Play, Prompt, Say

DIGITS = re.compile(r"[0-9A-Da-d#*wW]+")
DIGIT_RULE = "digits are 0-9, A-D, #, *, w (0.5 s) and W (1 s)"
MAX_LOOP = 1000  # 0 is for ever
MAX_PAUSE_S = 86_400
MAX_GATHER_S = 600
MAX_DIGITS = 1000
INPUTS: tuple[Input, ...] = ("dtmf", "speech")
_FINISH = re.compile(r"[0-9#*]*")


def say(node: Node, findings: Findings) -> Say:
    element = Element(node, findings)
    verb = Say(
        text=node.inner,
        voice=element.word("voice"),
        language=element.word("language"),
        loop=element.integer("loop", default=1, low=0, high=MAX_LOOP),
        place=node.place,
    )
    element.done(text=True)
    if not verb.text:
        findings.warn(node.place, "", "there is nothing to say")
    return verb


def play(node: Node, findings: Findings) -> Play:
    element = Element(node, findings)
    digits, url = element.word("digits"), node.text
    if digits and not DIGITS.fullmatch(digits):
        element.warn("digits", DIGIT_RULE)
        digits = ""
    elif digits and url:
        findings.warn(node.place, url, "digits and a URL: only the digits are sent")
        url = ""
    loop = element.integer("loop", default=1, low=0, high=MAX_LOOP)
    _childless(element)
    element.done(text=True)
    if not digits and not url and not node.attributes.get("digits"):
        findings.warn(node.place, "", "there is nothing to play")
    return Play(url=url, digits=digits, loop=loop, place=node.place)


def pause(node: Node, findings: Findings) -> Pause:
    element = Element(node, findings)
    verb = Pause(length_s=element.integer("length", default=1, low=0, high=MAX_PAUSE_S), place=node.place)
    _childless(element)
    element.done()
    return verb


def gather(node: Node, findings: Findings) -> Gather:
    element = Element(node, findings)
    verb = Gather(
        input=element.words("input", INPUTS, ("dtmf",)),
        action=element.word("action"),
        method=element.method(),
        timeout_s=element.integer("timeout", default=5, low=0, high=MAX_GATHER_S),
        finish_on_key=_finish_on_key(element),
        num_digits=element.integer("numDigits", default=None, low=1, high=MAX_DIGITS),
        action_on_empty_result=element.boolean("actionOnEmptyResult"),
        speech_timeout=_speech_timeout(element),
        max_speech_s=element.integer("maxSpeechTime", default=60, low=1, high=MAX_GATHER_S),
        language=element.word("language") or "en-US",
        hints=tuple(hint for part in element.text("hints").split(",") if (hint := part.strip())),
        speech_model=element.word("speechModel"),
        profanity_filter=element.boolean("profanityFilter", default=True),
        barge_in=element.boolean("bargeIn", default=True),
        partial_result_callback=element.word("partialResultCallback"),
        partial_result_callback_method=element.method("partialResultCallbackMethod"),
        prompts=_prompts(element),
        place=node.place,
    )
    element.not_done("enhanced", "debug")
    element.done()
    return verb


def _prompts(element: Element) -> tuple[Prompt, ...]:
    prompts: list[Prompt] = []
    for child in element.children(*_PROMPTS):
        prompt = _PROMPTS[child.name](child, element.findings)
        if isinstance(prompt, Play) and prompt.digits:
            element.findings.warn(f"{child.place}/@digits", prompt.digits, "not allowed in <Gather>")
        else:
            prompts.append(prompt)
    return tuple(prompts)


def _finish_on_key(element: Element) -> str:
    """Empty means that no key does, which is not the default."""
    keys = element.optional("finishOnKey")
    if keys is None:
        return "#"
    if not _FINISH.fullmatch(keys):
        element.warn("finishOnKey", "must be keys, 0-9, # and *, or empty; # is taken")
        return "#"
    return keys


def _speech_timeout(element: Element) -> int | Literal["auto"] | None:
    text = element.word("speechTimeout")
    if not text:
        return None
    if text.lower() == "auto":
        return "auto"
    return element.integer("speechTimeout", default=5, low=1, high=MAX_GATHER_S)


def _childless(element: Element) -> None:
    for _ in element.children():
        pass


_PROMPTS: Mapping[str, Callable[[Node, Findings], Prompt]] = {"Say": say, "Play": play, "Pause": pause}
