#!/bin/sh
# Chooses the newest versions that pyproject.toml allows and pins them, for every platform and Python 3.11+,
# with the hashes of all their files. Uses uv: the one on the PATH, or one fetched for the occasion.
set -eu
cd "$(dirname "$0")/.."

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    "${PYTHON:-python3}" -m venv "$folder"
    "$folder/bin/pip" install -qq uv
    uv=$folder/bin/uv
fi

# Neither an index's address nor a path of this machine may reach the files.
pin() {
    "$uv" --no-config pip compile --quiet --universal --python-version 3.11 --upgrade \
        --generate-hashes --no-header --no-emit-index-url --no-emit-find-links "$@"
}

pin pyproject.toml --output-file requirements.txt
pin pyproject.toml --group dev --constraints requirements.txt --output-file requirements-dev.txt
pin --group build --constraints requirements-dev.txt --output-file requirements-build.txt
echo "lock: requirements.txt, requirements-dev.txt and requirements-build.txt are new; now make test"
