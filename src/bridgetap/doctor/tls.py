"""The TLS handshake: the chain judged whole, then the very handshake that a stream makes."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bridgetap.errors import ConfigurationError

from .certificates import TLS_FAILED, describe, judge_chain
from .order import Order
from .reach import TIMEOUT, Address, connect
from .report import Finding, Step, StepResult, fault, plain
from .wire import Gone, Unshown, Wire

# What the core offers (rustls with ring): TLS 1.3, and of TLS 1.2 the suites with forward secrecy and AEAD.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_PROBE_S = 2.0


def make_context(order: Order) -> ssl.SSLContext:
    """Verifies as a stream does. Raises `ConfigurationError` for a CA file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whatever is trusted ends a chain
    if order.system_roots:
        context.load_default_certs()
    if order.ca_file is not None:
        try:
            context.load_verify_locations(order.ca_file)
        except (OSError, ssl.SSLError) as error:
            rule = "holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror or str(error)
            raise ConfigurationError("--ca", f"{order.ca_file}: {rule}") from None
    return _with_client(context, order)


def _with_client(context: ssl.SSLContext, order: Order) -> ssl.SSLContext:
    """Show a certificate of ours to a server that asks for one."""
    if order.client_certificate is not None:
        try:
            context.load_cert_chain(order.client_certificate, order.client_key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            rule = "is no PEM certificate with its key" if isinstance(error, ssl.SSLError) else error.strerror
            raise ConfigurationError("--certificate", f"{order.client_certificate}: {rule}") from None
    return context


async def examine(
    order: Order, address: Address, context: ssl.SSLContext, *, now: Callable[[], datetime]
) -> StepResult:
    """Two handshakes: one that takes any certificate, to see the chain; one as a stream's."""
    looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    looking.check_hostname, looking.verify_mode = False, ssl.CERT_NONE
    looking.minimum_version = ssl.TLSVersion.TLSv1_2
    looking.set_ciphers(CIPHERS)
    _with_client(looking, order)
    try:
        wire = await open_wire(order, address, looking)
    except (ssl.SSLError, Gone, OSError, TimeoutError) as error:
        return StepResult(step=Step.TLS, findings=[await _why(order, address, error)])
    chain, version, cipher = wire.chain(), wire.version, wire.cipher
    await wire.close()
    findings = judge_chain(chain, roots=_roots(order), pins=order.pins, host=order.url.host, now=now())
    if not any(finding.code for finding in findings):
        try:
            await (await open_wire(order, address, context)).close()
        except ssl.SSLCertVerificationError as error:
            findings.append(_refused(error))
        except (ssl.SSLError, Gone, OSError, TimeoutError) as error:
            findings.append(await _why(order, address, error))
    figures = {"version": version, "cipher": cipher, "certificates": len(chain)}
    return StepResult(step=Step.TLS, detail=f"{version}, {describe(chain)}", findings=findings, figures=figures)


async def open_wire(order: Order, address: Address, context: ssl.SSLContext) -> Wire:
    """A TLS connection to `address`. Raises `ssl.SSLError`, `Gone`, `OSError`, `TimeoutError`."""
    tcp = await connect(address, order.place.port, within_s=order.connect_timeout_s)
    wire = Wire(tcp, context, order.url.host)
    try:
        async with asyncio.timeout(order.connect_timeout_s):
            await wire.handshake()
    except BaseException:
        await wire.close()
        raise
    return wire


async def _why(order: Order, address: Address, error: Exception) -> Finding:
    """Why there was no handshake at all; asks the port again where the error does not say."""
    if isinstance(error, TimeoutError):
        text = f"the server says nothing to the TLS handshake for {order.connect_timeout_s:g} s"
        change = "does this port speak TLS at all, or does the process hang? A proxy in front may have no backend"
        return fault("tls.silent", text, change, TIMEOUT)
    if isinstance(error, Unshown):
        return client_certificate(order)
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    if reason.startswith("TLSV1_UNRECOGNIZED_NAME") or "UNRECOGNIZED_NAME" in reason:
        text = f"the server knows no certificate for {order.url.host} (unrecognized_name)"
        return fault("tls.unknown-host", text, "add this host name to the server's TLS configuration", TLS_FAILED)
    if said := await _said_in_clear(order, address):
        return said
    if old := await _old_version(order, address):
        return old
    if "HANDSHAKE_FAILURE" in reason or "NO_SHARED_CIPHER" in reason:
        text = "the server shares no cipher suite with us: streams offer TLS 1.3, and ECDHE with AES-GCM or ChaCha20"
        return fault("tls.ciphers", text, "allow these suites (Mozilla's intermediate set has them)", TLS_FAILED)
    if isinstance(error, ssl.SSLError):
        text = f"the TLS handshake fails: {plain(reason.replace('_', ' ').lower() or str(error))}"
    else:
        text = f"the server {plain(str(error))} during the TLS handshake"
    change = "see the server's log for this time; `openssl s_client -connect HOST:PORT` shows the same handshake"
    return fault("tls.handshake", text, change, TLS_FAILED)


def client_certificate(order: Order) -> Finding:
    """It wants to know who we are by TLS."""
    text = "the server demands a client certificate"
    change = "do not demand one on this path, or give streams one; signatures tell who is calling"
    if order.client_certificate is not None:
        text = "the server does not accept the client certificate that we show"
        change = "does it trust the authority that signed ours, is ours for clients, is it still valid?"
    return fault("tls.client-certificate", text, change, TLS_FAILED)


async def _said_in_clear(order: Order, address: Address) -> Finding | None:
    """Whether something without TLS answers a plain HTTP request, or speaks first."""
    answer = b""
    with suppress(OSError, TimeoutError):
        tcp = await connect(address, order.place.port, within_s=_PROBE_S)
        loop = asyncio.get_running_loop()
        with tcp:
            async with asyncio.timeout(_PROBE_S):
                await loop.sock_sendall(tcp, f"GET / HTTP/1.1\r\nHost: {order.url.authority}\r\n\r\n".encode())
                answer = await loop.sock_recv(tcp, 200)
    # A TLS server refuses clear text with an alert, some with an HTTP 400 that says so.
    if not answer or answer[0] in {0x15, 0x16}:
        return None
    if answer.startswith(b"HTTP/"):
        text = "the port speaks plain HTTP, not TLS"
        change = "serve TLS on it, or put a TLS proxy in front and use its port; streams are wss:// only"
        return fault("tls.plain-http", text, change, TLS_FAILED)
    beginning = plain(answer[:24].decode("latin-1").strip(), most=24)
    text = f"the port speaks no TLS; it says {beginning!r}"
    return fault("tls.not-tls", text, "is this the port of the WebSocket server?", TLS_FAILED)


async def _old_version(order: Order, address: Address) -> Finding | None:
    """Whether it would talk in a version that nobody should speak any more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(ssl.SSLError, ValueError):
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    try:
        wire = await open_wire(order, address, context)
    except (ssl.SSLError, Gone, OSError, TimeoutError):
        return None
    version, cipher = wire.version, wire.cipher
    await wire.close()
    if version in {"TLSv1.2", "TLSv1.3"}:
        text = f"the server insists on {cipher}: streams offer TLS 1.3, and ECDHE with AES-GCM or ChaCha20"
        return fault("tls.ciphers", text, "allow these suites (Mozilla's intermediate set has them)", TLS_FAILED)
    text = f"the server speaks {version} at most"
    return fault("tls.too-old", text, "turn on TLS 1.2 or 1.3, and the older ones off (RFC 8996)", TLS_FAILED)


def _refused(error: ssl.SSLCertVerificationError) -> Finding:
    """OpenSSL found something that `judge_chain` did not."""
    text = f"the certificate is not accepted: {plain(error.verify_message)}"
    return fault(
        "tls.refused", text, "make a new certificate with a current tool, and serve the full chain", TLS_FAILED
    )


def _roots(order: Order) -> list[bytes]:
    """All that is trusted, DER."""
    files = [order.ca_file] if order.ca_file is not None else []
    if order.system_roots:
        paths = ssl.get_default_verify_paths()
        folder = Path(paths.capath) if paths.capath else None
        files += [Path(paths.cafile)] if paths.cafile else []
        files += sorted(folder.glob("*.crt")) + sorted(folder.glob("*.pem")) if folder else []
    roots: dict[bytes, None] = {}
    for file in files:
        with suppress(OSError, ValueError):
            for block in file.read_text(errors="replace").split("-----BEGIN CERTIFICATE-----")[1:]:
                pem = block.partition("-----END CERTIFICATE-----")[0]
                roots[ssl.PEM_cert_to_DER_cert(f"-----BEGIN CERTIFICATE-----{pem}-----END CERTIFICATE-----")] = None
    return list(roots)
