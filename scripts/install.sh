#!/bin/sh
# Builds .venv: the pinned versions, each checked against its hash, and the project itself, editable.
set -eu
cd "$(dirname "$0")/.."

new_enough() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# The python3 that comes first may be an old one with a newer one beside it.
python=
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "install: no Python 3.11 or newer was found; install one, or name it: make install PYTHON=/path/to/python" >&2
    exit 1
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Debian and Ubuntu ship Python without the part that makes environments.
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    echo "install: $python cannot make virtual environments; trying to install $package" >&2
    if ! { command -v apt-get >/dev/null 2>&1 && as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"; } >&2; then
        echo "install: that failed; install it by hand (Debian, Ubuntu: apt-get install $package) and run make again" >&2
        exit 1
    fi
fi

# An environment whose interpreter has gone, or that was copied from another place, is of no use.
if [ -e .venv ] && ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
fi
[ -e .venv ] || "$python" -m venv .venv

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

echo "install: the pinned versions, into .venv"
pip install -qq --require-hashes -r requirements-dev.txt
pip install -qq --no-deps --no-build-isolation --editable .
