"""Twilio's SDK blocks, and the server it talks to runs in this process."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from twilio.base.exceptions import TwilioRestException

T = TypeVar("T")


async def ask(function: Callable[[], T]) -> T:
    return await asyncio.to_thread(function)


async def refused(function: Callable[[], object]) -> tuple[int, int]:
    """Status and code of what it was refused with."""
    with pytest.raises(TwilioRestException) as caught:
        await ask(function)
    return caught.value.status, caught.value.code
