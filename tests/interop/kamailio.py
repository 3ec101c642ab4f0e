"""Kamailio in the three parts our tests need of it: a TLS front for peers that speak no TLS, a server that
challenges with SHA-256 (RFC 8760), and the front of a SIPREC recorder (RFC 7866)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .programs import Running, free_port_both, listens, need, running

MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"

_HEAD = """
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
mpath="{modules}"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
"""


def _tls_server(certificate: Path, key: Path) -> str:
    return f"[server:default]\nmethod = TLSv1.2+\ncertificate = {certificate}\nprivate_key = {key}\n"


def _trusting(ca: Path) -> str:
    """The lines that go under a profile: its peers show a certificate of that authority."""
    return f"verify_certificate = yes\nrequire_certificate = yes\nca_list = {ca}\n"


@contextmanager
def tls_front(
    folder: Path, *, certificate: Path, key: Path, ca: Path, target_tls_port: int
) -> Iterator[tuple[int, Running]]:
    """UDP and TCP in on one port (yielded), TLS out to `target_tls_port`, record-routed."""
    folder.mkdir(parents=True, exist_ok=True)
    port, tls_port = free_port_both(), free_port_both()
    client = f"[client:default]\nmethod = TLSv1.2+\n{_trusting(ca)}"
    (folder / "tls.cfg").write_text(_tls_server(certificate, key) + client)
    config = (
        _HEAD.format(modules=MODULES)
        + f"""
enable_tls=yes
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
listen=tls:127.0.0.1:{tls_port}
loadmodule "tls.so"
modparam("tls", "config", "{folder}/tls.cfg")
modparam("rr", "enable_double_rr", 1)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ t_relay(); exit; }}
        sl_send_reply("404", "Not Here"); exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (is_method("INVITE")) record_route();
    $du = "sip:127.0.0.1:{target_tls_port};transport=tls";
    if (!t_relay()) sl_reply_error();
}}
"""
    )
    with _kamailio(folder, config, port) as program:
        yield port, program


@contextmanager
def digest_server(
    folder: Path, *, username: str, password: str, realm: str = "carrier"
) -> Iterator[tuple[int, Running]]:
    """Takes REGISTER and INVITE only with a right SHA-256 digest; answers INVITE with 486, so that a test can tell
    "let in" from "kept out". Yields its UDP and TCP port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port_both()
    config = (
        _HEAD.format(modules=MODULES)
        + f"""
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
loadmodule "auth.so"
modparam("auth", "algorithm", "SHA-256")
modparam("auth", "nonce_expire", 60)

request_route {{
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("ACK")) exit;
    if (is_method("REGISTER|INVITE")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{
            www_challenge("{realm}", "1");
            exit;
        }}
        if ($au != "{username}") {{ sl_send_reply("403", "Wrong User"); exit; }}
        if (is_method("REGISTER")) {{
            append_to_reply("Contact: $hdr(Contact);expires=60\\r\\n");
            sl_send_reply("200", "Registered"); exit;
        }}
        sl_send_reply("486", "Busy Here"); exit;
    }}
    sl_send_reply("405", "Not Allowed");
}}
"""
    )
    with _kamailio(folder, config, port) as program:
        yield port, program


@contextmanager
def recorder_front(
    folder: Path, *, certificate: Path, key: Path, client_ca: Path | None = None, rtpengine_port: int, target_port: int
) -> Iterator[tuple[int, int, Running]]:
    """UDP and TCP in on one port, TLS on another (both yielded), that one for those with a certificate of
    `client_ca` alone, where it is given. Looks every INVITE over, has rtpengine take and
    record its audio, and leaves the answer to whoever listens on UDP at `target_port`.

    Its log has a line `SIPREC …` for every INVITE that it took: what Kamailio's own parsers found."""
    if not Path(MODULES, "xmlops.so").exists():
        pytest.skip("kamailio-xml-modules is not installed: run `make test-peers`")
    folder.mkdir(parents=True, exist_ok=True)
    port, tls_port = free_port_both(), free_port_both()
    trusted = _trusting(client_ca) if client_ca else ""
    (folder / "tls.cfg").write_text(_tls_server(certificate, key) + trusted)
    config = (
        _HEAD.format(modules=MODULES)
        + f"""
enable_tls=yes
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
listen=tls:127.0.0.1:{tls_port}
loadmodule "tls.so"
loadmodule "xlog.so"
loadmodule "xmlops.so"
loadmodule "sdpops.so"
loadmodule "rtpengine.so"
modparam("tls", "config", "{folder}/tls.cfg")
modparam("rr", "enable_double_rr", 1)
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{rtpengine_port}")
modparam("xmlops", "xml_ns", "r=urn:ietf:params:xml:ns:recording:1")

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ rtpengine_delete(); if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (!loose_route()) {{
            if (is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
            if (!is_method("ACK")) sl_send_reply("404", "Not Here");
            exit;
        }}
        if (is_method("BYE")) t_on_reply("OVER");
        if (is_method("INVITE|UPDATE")) route(LOOK_OVER);
        t_relay();
        exit;
    }}
    if (!is_method("INVITE")) {{ sl_send_reply("405", "Not Allowed"); exit; }}
    if (!($hdr(Require) =~ "siprec")) {{ sl_send_reply("421", "siprec Required"); exit; }}
    record_route();
    route(LOOK_OVER);
    $du = "sip:127.0.0.1:{target_port};transport=udp";
    if (!t_relay()) sl_reply_error();
}}

route[LOOK_OVER] {{
    if (!($hdr(Contact) =~ ">;\\+sip\\.src")) {{ sl_send_reply("400", "No Recording Client"); exit; }}
    if (!has_body("multipart/mixed")) {{ sl_send_reply("415", "No Metadata"); exit; }}
    if (!get_body_part("application/rs-metadata+xml", "$var(part)")) {{ sl_send_reply("415", "No Metadata"); exit; }}
    $xml(m=>doc) = $(var(part){{re.subst,/^[^<]*</</s}});
    $var(mode) = $xml(m=>xpath:/r:recording/r:datamode/text());
    $var(labels) = $xml(m=>xpath:/r:recording/r:stream/r:label/text());
    $var(aors) = $xml(m=>xpath:/r:recording/r:participant/r:nameID/@aor);
    xlog("L_NOTICE", "SIPREC $proto $var(mode) $var(labels) $var(aors)\\n");
    if (sdp_with_transport("RTP/SAVP")) {{
        xlog("L_NOTICE", "SIPREC OFFERS RTP/SAVP\\n");
    }} else {{
        xlog("L_NOTICE", "SIPREC OFFERS RTP/AVP\\n");
    }}
    t_on_reply("ANSWERED");
    rtpengine_offer("RTP/AVP replace-origin replace-session-connection record-call=yes");
}}

onreply_route[ANSWERED] {{
    if (has_body("application/sdp")) rtpengine_answer("replace-origin replace-session-connection");
}}

onreply_route[OVER] {{
    rtpengine_delete();
}}
"""
    )
    with _kamailio(folder, config, port) as program:
        yield port, tls_port, program


@contextmanager
def _kamailio(folder: Path, config: str, port: int) -> Iterator[Running]:
    binary = need("kamailio")
    (folder / "kamailio.cfg").write_text(config)
    command = [
        binary,
        "-f",
        str(folder / "kamailio.cfg"),
        "-DD",
        "-E",
        "-Y",
        str(folder),
        "-w",
        str(folder),
        "-m",
        "64",
        "-M",
        "8",
    ]
    with running(command, folder / "kamailio.log") as program:
        program.wait_for(lambda: listens(port) or _udp_taken(port), "Kamailio's port")
        yield program


def _udp_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
