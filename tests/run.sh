#!/bin/bash
# Builds kubase and runs its tests: tests/run.sh [--preset P] [--label L] [--repeat N] [--long]
#
# Installs what the tests need, and runs everything through ctest. Without --preset: all tests as
# the preset dev builds them, then the unit and integration tests under asan and the unit tests
# under tsan; what users install is built as well.
# The last line has the totals; the exit code is not 0 when a build or a test has failed.
set -euo pipefail

kubase_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly kubase_root
# shellcheck source=../cmake/steps.sh
source "$kubase_root/cmake/steps.sh"
# shellcheck source=../cmake/machine.sh
source "$kubase_root/cmake/machine.sh"

readonly results=$kubase_root/build/test-results
readonly build_disk_mib=12000 # of the first run: three builds and Go's caches

presets=() release=no labels=() names=() repeat=1 long=no

usage() {
  cat <<'TEXT'
usage: tests/run.sh [options]

  --preset dev|release|asan|tsan  build and test this preset only; can be repeated
                                  (default: dev, then asan and tsan with fewer tests)
  --label LABEL                   only tests with this label: unit, integration, servers,
                                  upstream, browser, e2e; can be repeated
  --test REGEX                    only tests whose name matches
  --repeat N                      run each test N times, or until it fails
  --long                          also the tests that take long
TEXT
}

main() {
  parse_options "$@"
  local missing go_missing=() preset steps=$((3 + 2 * ${#presets[@]}))
  if [[ $release == yes ]]; then steps=$((steps + 1)); fi
  require_debian
  mapfile -t missing < <(missing_packages build test)
  if ! find_go >/dev/null; then mapfile -t go_missing < <(go_packages); fi
  missing+=("${go_missing[@]}")
  if ((${#missing[@]} > 0)); then
    say "Debian packages to install: ${missing[*]}"
    be_ready_for_root 'installing them' "as root run: apt-get install ${missing[*]}"
  fi
  begin_steps "$kubase_root/build/tests.log" "$steps"
  step 'Debian packages' provide_packages "${missing[@]}"
  step 'Go' fetch_go
  use_go
  if [[ ! -d $kubase_root/build/control-plane ]]; then check_room_to_build "$build_disk_mib"; fi
  prepare_environment
  step 'Kubernetes control plane (10 minutes the first time)' build_control_plane

  if [[ $release == yes ]]; then build_release; fi
  for preset in "${presets[@]}"; do test_preset "$preset"; done
  say ''
  exec python3 -B "$kubase_root/tests/totals.py" "$results"
}

parse_options() {
  while (($# > 0)); do
    case $1 in
      --preset | --label | --test | --repeat)
        (($# > 1)) || die "$1 needs a value; tests/run.sh --help lists what there is."
        ;;&
      --preset)
        [[ $2 =~ ^(dev|release|asan|tsan)$ ]] || die "there is no preset \"$2\"."
        presets+=("$2")
        shift
        ;;
      --label)
        labels+=("$2")
        shift
        ;;
      --test)
        names+=("$2")
        shift
        ;;
      --repeat)
        [[ $2 =~ ^[1-9][0-9]*$ ]] || die "--repeat needs a number above 0, not \"$2\"."
        repeat=$2
        shift
        ;;
      --long) long=yes ;;
      -h | --help)
        usage
        exit
        ;;
      *) die "\"$1\" is unknown; tests/run.sh --help lists what there is." ;;
    esac
    shift
  done
  if ((${#presets[@]} == 0)); then presets=(dev asan tsan) release=yes; fi
}

provide_packages() {
  if (($# > 0)); then install_packages "$@"; else say 'nothing is missing'; fi
}

prepare_environment() {
  if [[ $long == yes ]]; then export KUBASE_LONG_TESTS=1; fi
  rm -rf "$results"
  mkdir -p "$results"
}

# --- Build ---------------------------------------------------------------------------------------
build_control_plane() {
  configure "${presets[0]}" &&
    GOMAXPROCS=$(jobs_that_fit) cmake --build "$kubase_root/build/${presets[0]}" \
      --target kubase_control_plane &&
    make_go_caches_removable
}

configure() {
  cd "$kubase_root" && cmake --preset "$1" -DBUILD_TESTING=ON "-DKUBASE_GO=$(command -v go)"
}

build_preset() {
  configure "$1" && cmake --build "$kubase_root/build/$1" -- -j "$(jobs_that_fit)"
}

# The compiler warns of other things when it optimises more.
build_release() {
  : >"$results/release.xml"
  if step 'Build of release' make_release; then rm "$results/release.xml"; fi
}

make_release() {
  configure release && cmake --build "$kubase_root/build/release" --target kubase -- \
    -j "$(jobs_that_fit)"
}

# --- Test ----------------------------------------------------------------------------------------
# test_preset PRESET: what fails is found in the results and does not keep the next preset from
# running.
test_preset() {
  local preset=$1 began outcome=passed
  local -a options=(--preset "$preset" --output-junit "$results/$preset.xml" --no-tests=error)
  : >"$results/$preset.xml" # empty results count as a failure
  if ! step "Build of $preset" build_preset "$preset"; then
    steps_done=$((steps_done + 1))
    return
  fi
  mapfile -t -O "${#options[@]}" options < <(test_options "$preset")
  steps_done=$((steps_done + 1)) began=$SECONDS
  say "$(step_label "Tests of $preset"): ctest ${options[*]}"
  cd "$kubase_root"
  without_address_randomization "$preset" ctest "${options[@]}" || outcome=failed
  make_go_caches_removable
  say "$(step_label "Tests of $preset"): $outcome in $(clock $((SECONDS - began)))"
}

# test_options PRESET: the options of ctest, one a line.
test_options() {
  local wanted=("${labels[@]}") unwanted=()
  if [[ $1 == [at]san ]] && ((${#wanted[@]} == 0)); then
    wanted=(unit)
    # The thread checker cannot follow a whole server through Debian's gRPC, which is not
    # instrumented; the unit tests link tests/support/tsan_grpc.cc for that.
    if [[ $1 == asan ]]; then wanted+=(integration); fi
    unwanted=(go tidy) # the same whatever the C++ compiler does
  fi
  if [[ $long == no ]]; then unwanted+=(long); fi
  if ((${#unwanted[@]} > 0)); then
    printf '%s\n' --label-exclude "^($(join '|' "${unwanted[@]}"))\$"
  fi
  if ((${#wanted[@]} > 0)); then printf '%s\n' --label-regex "^($(join '|' "${wanted[@]}"))\$"; fi
  if ((${#names[@]} > 0)); then printf '%s\n' --tests-regex "$(join '|' "${names[@]}")"; fi
  if ((repeat > 1)); then printf '%s\n' --repeat "until-fail:$repeat"; fi
  # Of the output of a test that passed its end stays in the results, where its counts are.
  printf '%s\n' --test-output-size-passed 4096 --test-output-truncation head
  printf '%s\n' --parallel "$(nproc)"
}

join() {
  local IFS=$1
  shift
  printf '%s' "$*"
}

# The thread sanitizer of g++ 12 wants its shadow memory where kernels that randomise addresses by
# 32 bits may have put something else.
without_address_randomization() {
  local preset=$1
  shift
  if [[ $preset == tsan ]] && setarch -R true 2>/dev/null; then set -- setarch -R "$@"; fi
  "$@"
}

main "$@"
