#!/bin/bash
# Builds the control plane: build.sh GO EXECUTABLE ARCHIVE ZSTD_LEVEL [ZSTD_OPTION...]
#
# The executable is the same for every CMake preset, so that they share it; the archive is the
# executable compressed, and each preset has its own. Go recompiles only what changed; the first
# time it compiles some two and a half thousand packages. The result depends on the sources alone:
# the version is the one of k8s.io/kubernetes in go.mod, the build date SOURCE_DATE_EPOCH or else
# the date of that version.
set -euo pipefail

go=$1 executable=$2 archive=$3
shift 3
cd "$(dirname "${BASH_SOURCE[0]}")"
export CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOWORK=off
export GOTOOLCHAIN=auto # an older Go fetches the version that go.mod asks for

say() { printf 'control plane: %s\n' "$*"; }

# Prints the linker flags that set the version, in the two packages that hold one.
linker_flags() {
  local version date major minor package flags='-s -w'
  read -r version date < <("$go" list -m \
    -f '{{.Version}} {{with .Time}}{{.Format "2006-01-02T15:04:05Z"}}{{end}}' k8s.io/kubernetes)
  if [[ -n ${SOURCE_DATE_EPOCH:-} ]]; then
    date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  fi
  IFS=. read -r major minor _ <<<"${version#v}"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version"
    flags+=" -X $package.gitMajor=$major -X $package.gitMinor=$minor"
    flags+=" -X $package.gitCommit= -X $package.gitTreeState=clean"
    flags+=" -X $package.buildDate=${date:-1970-01-01T00:00:00Z}"
  done
  printf '%s' "$flags"
}

# Turns the package names that "go build -v" prints into a count; everything else is passed on.
show_progress() {
  local total=$1 count=0 line
  while IFS= read -r line; do
    if [[ ! $line =~ ^[A-Za-z0-9./_~-]+$ ]]; then
      printf '%s\n' "$line"
      continue
    fi
    count=$((count + 1))
    if [[ -t 1 ]]; then
      printf '\rcontrol plane: compiled %d of at most %d packages' "$count" "$total"
    elif ((count % 250 == 0)); then
      say "compiled $count of at most $total packages"
    fi
  done
  if [[ -t 1 ]] && ((count > 0)); then printf '\n'; fi
}

mkdir -p "$(dirname "$executable")" "$(dirname "$archive")"
exec 9>"$executable.lock"
flock 9 # the builds of two presets may run at the same time

say 'looking at the modules (the first time they are fetched)'
flags=$(linker_flags)
packages=$("$go" list -deps . | wc -l)
say "building $executable (the first time about 8 minutes on two cores)"
"$go" build -v -ldflags "$flags" -o "$executable" . 2>&1 | show_progress "$packages"

# Compressing takes longer than linking: skip it when content and options are those of last time.
stamp="$(sha256sum <"$executable") $*"
if [[ ! -f $archive || $(cat "$archive.stamp" 2>/dev/null) != "$stamp" ]]; then
  say "compressing $archive (zstd $*)"
  zstd --quiet --force "$@" -o "$archive.new" "$executable"
  mv "$archive.new" "$archive"
  printf '%s\n' "$stamp" >"$archive.stamp"
fi
touch "$executable" "$archive" # newer than their sources, for the build that called
say "$(stat -c %s "$executable") bytes, compressed $(stat -c %s "$archive")"
