#!/bin/sh
# Prints the path of uv: the one on PATH, or a pinned one in an environment of its own under .tools.
set -eu

VERSION=0.13.9
HOME_OF_UV=.tools/uv-$VERSION

if command -v uv >/dev/null 2>&1; then
    command -v uv
    exit 0
fi
if [ ! -x "$HOME_OF_UV/bin/uv" ]; then
    echo "setup: installing uv $VERSION into .tools" >&2
    if ! python3 -m venv "$HOME_OF_UV" >&2; then
        echo "setup: python3 with its venv module is needed (Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
    "$HOME_OF_UV/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$VERSION" >&2
fi
echo "$HOME_OF_UV/bin/uv"
