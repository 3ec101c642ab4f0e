#!/bin/sh
# Loads the examples with sipp (Debian: sip-tester) on loopback and prints what they cost.
#   measure.sh uas|b2bua|tls udp|tcp 4|6 RATE SECONDS [more sipp options, e.g. -lost 5]
# uas: sipp calls us.  b2bua: sipp calls sipp through us.  tls: through two of us, TLS in between
# (Debian's sipp has none); the figures are those of the first.
# SETTLE: seconds to wait before the end (40: every transaction is over, so tables must be empty).
# Build first: cargo build --release -p bridgetap-sip --examples
set -eu
ROLE=$1 TRANSPORT=$2 FAMILY=$3 RATE=$4 LASTING=$5
shift 5
HERE=$(cd "$(dirname "$0")" && pwd)
CERTS=$HERE/../tests/certs
BIN=${CARGO_TARGET_DIR:-target}/release/examples
WORK=$(mktemp -d)
if [ "$FAMILY" = 6 ]; then HOST='[::1]'; else HOST=127.0.0.1; fi
if [ "$TRANSPORT" = tcp ]; then MODE=t1; else MODE=u1; fi
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
started() { until grep -q listening "$1"; do sleep 0.1; done; }
OURS=$(port) FAR=$(port) NEAR=$(port) MIDDLE=$(port)
SIPP="sipp -nostdin -i $HOST -t $MODE -trace_stat -fd 5"
NEXT="sip:far@$HOST:$FAR;transport=$TRANSPORT"
mkfifo "$WORK/in"
FAR_PID=
if [ "$ROLE" != uas ]; then
    # shellcheck disable=SC2086
    $SIPP -sf "$HERE/far.xml" -p "$FAR" -mp "$((FAR % 10000 * 2 + 30000))" -stf "$WORK/far.csv" "$@" > "$WORK/far.log" 2>&1 &
    FAR_PID=$!
fi
if [ "$ROLE" = tls ]; then
    TLS_CERTIFICATE=$CERTS/server.pem TLS_KEY=$CERTS/server.key "$BIN/b2bua" "$NEXT" "tls://$HOST:$MIDDLE" \
        "$TRANSPORT://$HOST:0" < "$WORK/in" > "$WORK/middle.log" 2>&1 &
    NEXT="sip:far@$HOST:$MIDDLE;transport=tls"
fi
if [ "$ROLE" = uas ]; then
    "$BIN/uas" "$TRANSPORT://$HOST:$OURS" < "$WORK/in" > "$WORK/ours.log" 2>&1 &
else
    TRUSTED_CA=$CERTS/ca.pem "$BIN/b2bua" "$NEXT" "$TRANSPORT://$HOST:$OURS" < "$WORK/in" > "$WORK/ours.log" 2>&1 &
fi
OURS_PID=$!
exec 3> "$WORK/in"
started "$WORK/ours.log"
[ "$ROLE" != tls ] || started "$WORK/middle.log"
(while sleep 10; do grep VmRSS "/proc/$OURS_PID/status" || break; done > "$WORK/rss") 2>/dev/null 3>&- &
RSS_PID=$!
# shellcheck disable=SC2086
$SIPP -sn uac "$HOST:$OURS" -p "$NEAR" -r "$RATE" -m "$((RATE * LASTING))" -d 2000 -l 100000 \
    -stf "$WORK/near.csv" "$@" > "$WORK/near.log" 2>&1 3>&- && echo "sipp: all calls succeeded" || echo "sipp: exit $?"
sleep "${SETTLE:-1}"
exec 3>&-
wait "$OURS_PID" || true
kill "$RSS_PID" 2>/dev/null || true
[ -z "$FAR_PID" ] || kill "$FAR_PID" 2>/dev/null || true
echo "$ROLE $TRANSPORT IPv$FAMILY $RATE/s ${LASTING}s $*"
python3 - "$WORK/near.csv" <<'PY'
import csv, sys
last = list(csv.DictReader(open(sys.argv[1]), delimiter=";"))[-1]
wanted = ["SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)", "ResponseTime1(C)"]
print("sipp:", {name: last[name] for name in wanted})
PY
sed -n '2,$p' "$WORK/ours.log"
echo "RSS every 10 s: $(tr -s ' \n\t' ' ' < "$WORK/rss" | sed 's/VmRSS: //g')"
rm -rf "$WORK"
