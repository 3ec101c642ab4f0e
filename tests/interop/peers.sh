#!/usr/bin/env bash
# The programs that the interop tests talk to, from Debian. `peers.sh report` says what is missing;
# `peers.sh install` (root) installs it without recommended packages and keeps their services off.
set -euo pipefail
PACKAGES=(sip-tester baresip-core kamailio kamailio-tls-modules nginx-light flite espeak-ng tshark openssl postgresql)

missing=()
for package in "${PACKAGES[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
    echo "peers: all ${#PACKAGES[@]} are installed"
    exit 0
fi
if [ "${1:-report}" != install ]; then
    echo "peers: ${#missing[@]} of ${#PACKAGES[@]} are missing; their tests are skipped. To run them:"
    echo "    sudo apt-get install --no-install-recommends ${missing[*]}"
    exit 0
fi
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
