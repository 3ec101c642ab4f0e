"""Say, Play, PlayDigits and Pause on one leg: prompts are made outside, played by the core, waited for here."""

import asyncio
from typing import assert_never

from bridgetap.engine import PlayId, PromptId
from bridgetap.errors import InvalidInput
from bridgetap.flow.effects import Play, PlayDigits, Say
from bridgetap.flow.events import PlayEnded
from bridgetap.twiml.effects import Pause
from bridgetap.voice import VoiceError, dtmf_digits

from .leg_states import Ended, Notice, Played
from .parties import Party
from .tones import Prompter, Tone

KEY_S = 0.17  # of a key by INFO: as in RTP, 100 ms and a gap of 70
PAUSE_S = 0.5  # w


class Player:
    """What one party hears from us."""

    def __init__(self, party: Party, prompter: Prompter) -> None:
        self._party = party
        self._prompter = prompter
        self._waiting: dict[PlayId, asyncio.Future[None]] = {}
        party.watch(self._heard)

    async def perform(self, effect: Say | Play | PlayDigits | Pause) -> PlayEnded:
        """Until it was heard, or the party is gone. Cancelled, it falls silent."""
        try:
            match effect:
                case Say():
                    prompt = await self._prompter.say(effect.text, voice=effect.voice, language=effect.language)
                    await self._play(prompt, effect.loop)
                case Play():
                    prompt = await self._prompter.play(effect.url)
                    await self._play(prompt, effect.loop)
                case Pause():
                    await asyncio.sleep(effect.length_s)
                case PlayDigits():
                    await self._send(dtmf_digits(effect.digits), effect.loop)
                case _:
                    assert_never(effect)
        except (VoiceError, InvalidInput) as error:
            return PlayEnded(effect=effect.id, error=str(error), code=error.code or 0)
        return PlayEnded(effect=effect.id)

    async def _play(self, prompt: Tone, loop: int) -> None:
        """Holds on to the prompt, and with it to the core's copy, until it was played."""
        if not self._party.is_over:
            await self._wait(self._party.leg.rtp.play([PromptId(prompt.id)], loop=loop))

    async def _send(self, digits: str, loop: int) -> None:
        turn = 0
        while digits and not self._party.is_over and (loop == 0 or turn < loop):
            turn += 1
            if self._party.leg.dtmf_by_info:
                await self._send_one_by_one(digits)
            else:
                await self._wait(self._party.leg.rtp.send_dtmf(digits))

    async def _send_one_by_one(self, digits: str) -> None:
        for digit in digits:
            if self._party.is_over:
                return
            self._party.leg.send_digits(digit)
            await asyncio.sleep(PAUSE_S if digit in "wW" else KEY_S)

    async def _wait(self, play: PlayId) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[play] = future
        try:
            await future
        except asyncio.CancelledError:
            self._party.leg.rtp.stop_play()
            raise
        finally:
            del self._waiting[play]

    def _heard(self, party: Party, notice: Notice) -> None:
        match notice:
            case Played():
                self._finish(notice.play)
            case Ended():
                for play in list(self._waiting):
                    self._finish(play)
            case _:
                pass

    def _finish(self, play: PlayId) -> None:
        future = self._waiting.get(play)
        if future is not None and not future.done():
            future.set_result(None)
