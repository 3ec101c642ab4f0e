#!/bin/sh
# Makes the certificates of the tests anew (openssl 3). They last for a hundred years and
# protect nothing; their keys are here on purpose.
set -eu
cd "$(dirname "$0")"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
NAMES="DNS:localhost,DNS:sip.test,IP:127.0.0.1,IP:::1"
LONG="-startdate 20200101000000Z -enddate 21200101000000Z"
cat > "$WORK/ca.cnf" <<CONF
[ca]
default_ca = own
[own]
database = $WORK/index
new_certs_dir = $WORK
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = none
[none]
CONF
: > "$WORK/index"
make() { # name, CN, extensions, dates, "self" or "ca"
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
    openssl req -new -config "$WORK/ca.cnf" -key "$1.key" -subj "/CN=$2" -out "$WORK/csr"
    printf '%s\n' "$3" > "$WORK/ext"
    if [ "$5" = self ]; then by="-selfsign -keyfile $1.key"; else by="-cert ca.pem -keyfile ca.key"; fi
    # shellcheck disable=SC2086
    openssl ca -batch -notext -config "$WORK/ca.cnf" $by -in "$WORK/csr" -extfile "$WORK/ext" $4 -out "$1.pem"
}
make ca "Bridgetap test CA" "basicConstraints=critical,CA:TRUE" "$LONG" self
make server localhost "subjectAltName=$NAMES" "$LONG" ca
make cn-only localhost "basicConstraints=CA:FALSE" "$LONG" ca
make expired localhost "subjectAltName=$NAMES" "-startdate 20200101000000Z -enddate 20200102000000Z" ca
make self-signed localhost "basicConstraints=CA:FALSE
subjectAltName=$NAMES" "$LONG" self
make ca-as-server localhost "basicConstraints=critical,CA:TRUE
subjectAltName=$NAMES" "$LONG" self
rm ca.key
