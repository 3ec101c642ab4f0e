"""A stream receiver as a program: every message is one line of a file, written before the next is read.

    python -m tests.interop.keeping_receiver PORT CERTIFICATE KEY FILE [aware]

`aware`: it answers what it has kept, and keeps nothing twice. Otherwise it knows nothing of resuming and
writes whatever comes.
"""

import asyncio
import json
import os
import ssl
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


async def main(port: int, certificate: str, key: str, file: Path, *, aware: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    last = last_kept(file)

    def answer(_: ServerConnection, request: Request, response: Response) -> Response:
        if aware and "Bridgetap-Resume" in request.headers and response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            response.headers["Bridgetap-Resume-From"] = str(last)
        return response

    async def listen(connection: ServerConnection) -> None:
        nonlocal last
        assert connection.request is not None
        asked = connection.request.headers.get("Bridgetap-Resume", "")
        with file.open("a") as out:
            out.write(json.dumps({"event": "handshake", "resume": asked}) + "\n")
            try:
                async for text in connection:
                    message: dict[str, Any] = json.loads(text)
                    number = int(message.get("sequenceNumber", 0))
                    if aware and 0 < number <= last:
                        continue
                    last = max(last, number)
                    out.write(json.dumps(message) + "\n")
                    out.flush()
                    os.fsync(out.fileno())
            except ConnectionClosed:
                pass

    async with serve(listen, "127.0.0.1", port, ssl=context, compression=None, process_response=answer):
        await asyncio.get_running_loop().create_future()


def last_kept(file: Path) -> int:
    """The last sequence number of the file; a line that was cut short does not count."""
    last = 0
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            last = max(last, int(json.loads(line).get("sequenceNumber", 0)))
        except ValueError:
            file.write_text(file.read_text().removesuffix(line))
    return last


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), aware="aware" in sys.argv[5:]))
