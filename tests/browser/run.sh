#!/bin/bash
# The status page in headless Chromium: run.sh PATH_OF_WEB_DEMO_SERVER
# CHROMIUM names the browser (default /usr/bin/chromium); npm packages are installed when missing.
set -euo pipefail

demo_server=$(realpath "${1:?usage: run.sh PATH_OF_WEB_DEMO_SERVER}")
chromium=${CHROMIUM:-/usr/bin/chromium}
cd "$(dirname "$0")"

fail() {
  echo "tests/browser: $*" >&2
  exit 1
}

command -v node >/dev/null || fail "node is missing; install the package nodejs (18 or newer)"
[[ -x $chromium ]] || fail "$chromium is missing; install the package chromium or set CHROMIUM"
# Installed again when the lock file is newer, so that a changed version takes effect.
installed=node_modules/.package-lock.json
if [[ ! -e $installed || package-lock.json -nt $installed ]]; then
  command -v npm >/dev/null || fail "npm is missing; install the package npm"
  npm ci --no-audit --no-fund || fail "npm ci failed; see its message above"
  touch "$installed"
fi

DEMO_SERVER=$demo_server CHROMIUM=$chromium exec node --test status_page.test.js
