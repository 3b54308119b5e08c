#!/bin/sh
# Makes sure that a Rust compiler new enough for the workspace is there; installs Debian's where that is possible.
set -eu

NEEDED_MINOR=89

new_enough() {
    command -v cargo >/dev/null 2>&1 && command -v rustc >/dev/null 2>&1 || return 1
    version=$(rustc --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    [ -n "$version" ] && [ "$version" -ge "$NEEDED_MINOR" ]
}

new_enough && exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "setup: no Rust 1.$NEEDED_MINOR or newer: installing Debian's" >&2
    apt-get update -qq >&2 || true
    # Stable releases of Debian keep a recent compiler under the name rustc-web.
    for suffix in -web ""; do
        if apt-get install -qq -y --no-install-recommends "rustc$suffix" "cargo$suffix" gcc libc6-dev >&2; then
            hash -r
            new_enough && exit 0
        fi
    done
fi

cat >&2 <<MESSAGE
setup: Rust 1.$NEEDED_MINOR or newer is needed to build the engine, and none was found.
  Debian and Ubuntu:  sudo apt-get install rustc-web cargo-web   (or rustc and cargo where they are new enough)
  elsewhere:          install Rust by rustup, then run the same command again
MESSAGE
exit 1
