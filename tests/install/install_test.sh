#!/bin/bash
# The parts of install.sh that change a machine: install_test.sh ROOT BUILD_DIR_WITH_KUBASE
#
# Installs the real executable below a temporary prefix and removes it again. Clusters of the
# machine that runs this are none of its business: the places to look for them are emptied.
# shellcheck disable=SC2034,SC2317 # the sourced scripts use the variables and the functions
# shellcheck disable=SC2016        # what the script that is written here has to expand
set -euo pipefail

kubase_root=$1 build_dir=$2 remove_data=ask
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME=$scratch/home KUBECONFIG=$scratch/none XDG_DATA_HOME=$scratch/data
mkdir "$HOME" "$scratch/bin"
# shellcheck source=../../cmake/steps.sh
source "$kubase_root/cmake/steps.sh"
# shellcheck source=../../cmake/machine.sh
source "$kubase_root/cmake/machine.sh"
# shellcheck source=../../cmake/place.sh
source "$kubase_root/cmake/place.sh"
# shellcheck source=../../cmake/uninstall.sh
source "$kubase_root/cmake/uninstall.sh"
default_data_dirs() { :; }
stage=$scratch/stage

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
expect() { [[ $2 == "$3" ]] || fail "$1: expected \"$3\", got \"$2\""; }

# What the package database says, as a machine in some state would: all but the named are installed.
machine_without() {
  {
    printf '#!/bin/bash\nfor package in "${@:4}"; do\n'
    printf '  if [[ " %s " != *" $package "* ]]; then echo "installed $package"; fi\ndone\n' "$*"
  } >"$scratch/bin/dpkg-query"
  chmod +x "$scratch/bin/dpkg-query"
}

test_versions() {
  is_at_least 1.21 1.26.8 || fail '1.26.8 is new enough'
  is_at_least 1.21 1.21 || fail '1.21 is new enough'
  if is_at_least 1.21 1.19.8; then fail '1.19.8 is too old'; fi
  if is_at_least 1.21 1.3; then fail '1.3 is too old'; fi
}

test_missing_packages() {
  local PATH=$scratch/bin:$PATH
  machine_without
  expect 'nothing is missing' "$(missing_packages build)" ''
  machine_without libxxhash-dev zstd
  expect 'two are missing' "$(missing_packages build | tr '\n' ' ')" 'libxxhash-dev zstd '
  machine_without python3 libfmt-dev
  expect 'a command makes its package needless' "$(missing_packages build test)" 'libfmt-dev'
}

test_step_shows_the_cause() {
  local output status=0
  output=$(
    begin_steps "$scratch/steps.log" 1
    step 'Trouble' bash -c 'echo the cause; exit 7'
  ) || status=$?
  expect 'the status of the command' "$status" 7
  [[ $output == *'[1/1] Trouble: failed after 0:0'*"$scratch/steps.log"*'    the cause'* ]] ||
    fail "what a failed step shows: $output"
}

# The pipes are opened for both directions, so that nobody waits for who opens the other end.
test_one_build_at_a_time() {
  local lock=$scratch/build/install.lock first second line=''
  mkfifo "$scratch/first" "$scratch/second" "$scratch/end"
  exec 3<>"$scratch/first" 4<>"$scratch/second" 5<>"$scratch/end"
  (
    begin_only_run "$lock"
    say 'has it' >&3
    read -r -t 60 line <&5
    say 'the first has ended' >>"$scratch/order"
  ) &
  first=$!
  read -r -t 60 line <&3 || fail 'the first run does not get the lock'
  (
    begin_only_run "$lock" >&4
    say 'the second goes on' >>"$scratch/order"
    end_only_run
    flock --nonblock "$lock" true || fail 'the lock was not given back'
  ) &
  second=$!
  read -r -t 60 line <&4 || true
  expect 'what a second run says' "$line" \
    'Another install.sh is building here: waiting until it has ended.'
  say now >&5
  wait "$first" && wait "$second"
  expect 'one after the other' "$(cat "$scratch/order")" \
    $'the first has ended\nthe second goes on'
}

test_install_and_uninstall() {
  local prefix=$scratch/home/prefix manifest first
  manifest=$prefix/lib/kubase/install-manifest
  place_files "$prefix" as_me >/dev/null
  "$prefix/bin/kubase" version >/dev/null
  bash -n "$prefix/share/bash-completion/completions/kubase"
  expect 'the manifest names each file' "$(sed -n 's/^file //p' "$manifest" | sort)" \
    "$(find "$prefix" -type f | sort)"
  first=$(cat "$manifest")
  place_files "$prefix" as_me >/dev/null
  expect 'a second installation changes nothing' "$(cat "$manifest")" "$first"

  echo mine >"$prefix/share/mine"
  uninstall "$prefix" </dev/null >/dev/null
  expect 'what is not of kubase stays' "$(find "$prefix" -type f)" "$prefix/share/mine"
  rm "$prefix/share/mine"
  place_files "$prefix" as_me >/dev/null
  uninstall "$prefix" </dev/null >/dev/null
  [[ -d $prefix/share ]] || fail 'a folder that was there before was removed'
  rm -r "$prefix"
  place_files "$prefix" as_me >/dev/null
  uninstall "$prefix" </dev/null >/dev/null
  expect 'nothing is left' "$(find "$scratch/home" -mindepth 1)" ''
  [[ $(uninstall "$prefix" </dev/null) == *'is not installed'* ]] || fail 'a second uninstall'
}

test_data_is_kept_unless_asked_for() {
  local data=$scratch/cluster prefix=$scratch/home/prefix
  mkdir "$data"
  touch "$data/VERSION"
  marked_data_dirs() { say "$data"; }
  place_files "$prefix" as_me >/dev/null
  [[ $(uninstall "$prefix" </dev/null) == *"Kept: the cluster's data in $data"* ]] ||
    fail 'the data of a cluster has to be kept when nobody can be asked'
  [[ -f $data/VERSION ]] || fail 'the data of a cluster was removed'
}

for test in test_versions test_missing_packages test_step_shows_the_cause \
  test_one_build_at_a_time test_install_and_uninstall test_data_is_kept_unless_asked_for; do
  "$test"
  say "passed: $test"
done
