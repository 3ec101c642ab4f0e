"""Another program, run once: text in, audio out, within limits of time and size."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from .errors import SPEECH_FAILED, VoiceError

_ERROR_BYTES = 4096


async def run_program(command: Sequence[str], text: str, *, timeout_s: float, max_bytes: int) -> bytes:
    """What `command` writes to its standard output, given `text` on its standard input. No shell."""
    name = command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise VoiceError(name, f"cannot be run: {error.strerror}", code=SPEECH_FAILED) from error
    try:
        async with asyncio.timeout(timeout_s):
            async with asyncio.TaskGroup() as pipes:
                pipes.create_task(_feed(process, text.encode()))
                audio = pipes.create_task(_read(process.stdout, max_bytes + 1))
                complaint = pipes.create_task(_read(process.stderr, _ERROR_BYTES))
            status = await process.wait()
    except TimeoutError:
        raise VoiceError(name, f"gave no audio within {timeout_s:g} s", code=SPEECH_FAILED) from None
    finally:
        await _end(process)
    if len(audio.result()) > max_bytes:
        raise VoiceError(name, f"wrote more than {max_bytes} bytes", code=SPEECH_FAILED)
    if status != 0:
        said = complaint.result().decode(errors="replace").strip() or "without a word"
        raise VoiceError(name, f"ended with status {status}: {said}", code=SPEECH_FAILED)
    return audio.result()


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # it may end without reading: its status tells
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    """At most `limit` bytes are kept; the rest is read and dropped, so that the program can end."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(65_536)):
        kept += chunk[: limit - len(kept)]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
