#!/bin/sh
# Makes everything a target of the Makefile stands on: Debian's packages and .venv.
# Usage: tools/set-up.sh [debian-package...]; PYTHON names the interpreter (default python3).
# Packages already there and a .venv made from the present pins are left alone.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() {
    echo "$1" >&2
    exit 1
}

# Installs what is missing where it may, else says in one sentence what the reader must do.
install_debian() {
    if ! command -v apt-get >/dev/null; then
        fail "Missing: $*. Please install what your system offers for these Debian packages."
    fi
    if [ "$(id -u)" -ne 0 ]; then
        fail "Missing: $*. Please have root run: apt-get install --no-install-recommends $*"
    fi
    echo "Installing Debian packages: $*"
    log=$(mktemp)
    if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y install --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        fail "Debian's packages could not be installed: $*"
    fi
    rm -f "$log"
}

is_installed() {
    case $1 in
    chromium) command -v chromium >/dev/null ;;
    *) dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed ;;
    esac
}

missing=''
if [ "$python" = python3 ] && ! command -v python3 >/dev/null; then
    missing='python3 python3-venv'
elif ! command -v "$python" >/dev/null; then
    fail "PYTHON=$python is no program on this machine."
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    fail "Python 3.11 or newer is needed, $python is $("$python" -c 'import platform
print(platform.python_version())'); name another with PYTHON=."
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing='python3-venv'
fi
for package in "$@"; do
    is_installed "$package" || missing="$missing $package"
done
# shellcheck disable=SC2086  # a list of package names
[ -z "$missing" ] || install_debian $missing

# One at a time: two targets started together must not both build .venv.
exec 9<pyproject.toml
flock 9

stamp() { # of the files named, the interpreter and this folder: a .venv cannot be moved
    { pwd && "$python" -VV && cat "$@"; } | sha256sum | cut -d ' ' -f 1
}
pip_install() { # errors are shown, the rest is of no use to whoever waits for `make demo`
    .venv/bin/pip --disable-pip-version-check -qq install "$@"
}
is_stamped() {
    [ -x .venv/bin/python ] && [ "$(cat ".venv/$1" 2>/dev/null)" = "$2" ]
}

pins=$(stamp requirements.txt requirements-dev.txt)
if ! is_stamped pins "$pins"; then
    echo "Making .venv from the pinned requirements (about a minute) ..."
    rm -rf .venv 2>/dev/null || fail ".venv belongs to another user; please remove it."
    "$python" -m venv .venv
    pip_install --require-hashes --requirement requirements-dev.txt
    echo "$pins" >.venv/pins
fi

project=$(stamp pyproject.toml hatch_build.py)
if ! is_stamped project "$project"; then
    pip_install --no-deps --no-build-isolation --no-index --editable .
    echo "$project" >.venv/project
fi
