#!/bin/sh
# Compares the contracts with those of the main branch, or of the commit before where this is the main branch.
set -eu

base=$(git rev-parse --verify --quiet origin/main || git rev-parse --verify --quiet main || true)
if [ -n "$base" ] && [ "$base" = "$(git rev-parse HEAD)" ]; then
    base=$(git rev-parse --verify --quiet HEAD~1 || true)
fi
if [ -z "$base" ] || ! git cat-file -e "$base:proto" 2>/dev/null; then
    echo "breaking changes: nothing to compare with"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive "$base" proto | tar -x -C "$folder"
.venv/bin/buf breaking proto --against "$folder/proto"
