#!/usr/bin/env bash
# The programs that the interop tests talk to: Debian's, Node's `ws` and the Python ones of `.venv-peers`.
# `peers.sh report` says what is missing; `peers.sh install` (root) installs it, Debian's without
# recommended packages and with their services kept off. What is there already costs nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
PACKAGES=(sip-tester baresip-core kamailio kamailio-tls-modules kamailio-xml-modules rtpengine-daemon nginx-light flite espeak-ng tshark openssl postgresql)
WS=tests/interop/peers/ws
LOCK=requirements/peers.lock

missing=()
for package in "${PACKAGES[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
node=there
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    node=absent
elif ! cmp -s "$WS/package-lock.json" "$WS/node_modules/.installed"; then
    node=stale
fi
venv=there
cmp -s "$LOCK" .venv-peers/.installed || venv=stale

if [ "${1:-report}" != install ]; then
    if [ ${#missing[@]} != 0 ]; then
        echo "peers: ${#missing[@]} of ${#PACKAGES[@]} are missing; their tests are skipped. To run them:"
        echo "    sudo apt-get install --no-install-recommends ${missing[*]}"
    fi
    [ "$node" = there ] || echo "peers: Node's ws is not installed; its tests are skipped (make test-peers, with Node 20)"
    [ "$venv" = there ] || echo "peers: .venv-peers (pipecat, aiohttp; 520 MB) is not there; its tests are skipped (make test-peers)"
    exit 0
fi

if [ ${#missing[@]} != 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    # A package must not start its service here: the tests start what they need, on loopback, and end it.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    echo "peers: installed ${missing[*]}"
fi
case $node in
stale)
    npm ci --prefix "$WS" --silent --no-audit --no-fund
    cp "$WS/package-lock.json" "$WS/node_modules/.installed"
    echo "peers: installed Node's ws"
    ;;
absent) echo "peers: NODE IS NOT HERE: the tests with Node's ws are skipped" ;;
esac
if [ "$venv" = stale ]; then
    started=$SECONDS
    python3 -m venv .venv-peers
    .venv-peers/bin/pip install --quiet --disable-pip-version-check --require-hashes -r "$LOCK"
    cp "$LOCK" .venv-peers/.installed
    echo "peers: .venv-peers made in $((SECONDS - started)) s"
fi
