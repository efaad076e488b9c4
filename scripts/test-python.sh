#!/bin/sh
# Installs the packages of PyPI that some tests hold others to: ClickHouse as a library, and parsers of SQL.
# Tests that need them are skipped without. About a gigabyte; may be repeated.
set -eu
cd "$(dirname "$0")/.."

folder=dist/.test-python
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check 'chdb==4.4.0' 'sqlglot==30.30.0'
