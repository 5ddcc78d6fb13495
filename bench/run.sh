#!/bin/bash
# Measures kubase beside other servers of the etcd API:
#   bench/run.sh store|scale|selectors|collector [options]
#
# Builds the release of kubase and, once, the other servers and the load generator, all in build/;
# installs nothing. What the figures mean: bench/README.md.
set -euo pipefail

kubase_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly kubase_root
# shellcheck source=../cmake/steps.sh
source "$kubase_root/cmake/steps.sh"
# shellcheck source=../cmake/machine.sh
source "$kubase_root/cmake/machine.sh"

readonly peers=$kubase_root/build/peers work=$kubase_root/build/bench
readonly control_plane=$kubase_root/build/control-plane/kube-control-plane
readonly kine_version=v0.16.4

scenario='' servers='' engines='' wrapper=()
binary=$kubase_root/build/release/kubase build=yes options=()

usage() {
  cat <<'TEXT'
usage: bench/run.sh store|scale|selectors|collector [options]

  store      one operation after another: kubase, etcd and kine beside each other
  scale      a large store compared with a small one, and writes while it is compacted
  selectors  lists by label and field through kube-apiserver: ours over kubase, the unchanged one
             with its watch cache over etcd and over kine
  collector  garbage: memory of kube-controller-manager, and the dependents of one owner: "kubase
             up" beside unchanged Kubernetes on etcd

  --servers A,B,…        kubase, etcd, kine (default: all; of scale: kubase;
                         of collector: kubase, etcd)
  --engines A,B,…        of store: where kubase and kine keep their data: sqlite, postgres, mariadb,
                         the last two on servers that are started for it (default: sqlite)
  --only A,B,…           of store: get, update, list, stream, count, watch, flood, memory,
                         far, delete;
                         of scale: get, list, create, watch, compaction;
                         of selectors: lists, page, writes, system;
                         of collector: memory, collect
  --rounds N             the table has the medians of so many rounds (3)
  --keys N               keys of 1 kB (20000)
  --workers N            how many ask at the same time (64)
  --connections N        connections that they share (4)
  --seconds S            length of a measurement of reads or watches (3)
  --far-ms MS            of store: what each round trip to a far database server takes longer (5)
  --far-workers N        how many create there at the same time (256)
  --watchers N           watchers of all keys (50)
  --watch-rate N         updates a second while they watch (200)
  --many-keys N          keys of the large store of scale (1000000)
  --revisions N          superseded revisions that scale compacts (200000)
  --objects N            of selectors: objects of the largest list of kubase (1000000)
  --objects A,B,…        of collector: memory with so many objects (100000,500000)
  --peer-objects N       those of the largest list of the others (100000)
  --minutes M            of selectors: length of the load on a whole system (5)
  --system-objects N     objects that it has in the end, however long that takes (100000)
  --dependents N         dependents of one owner that collector deletes (100000)
  --at-defaults N        how many of them upstream collects at its own limits (10000)
  --kubase PATH          measure this executable instead of building one
  --output FILE          where all figures go (build/bench/SCENARIO.json)
TEXT
}

main() {
  parse_options "$@"
  if [[ -n $engines ]]; then add_engines; fi
  find_go >/dev/null || die "there is no Go $go_minimum or newer; install.sh brings one."
  use_go
  mkdir -p "$peers" "$work"
  begin_steps "$work/build.log" 5
  if [[ $build == yes ]]; then step 'kubase, as released' build_kubase; fi
  if wanted etcd && [[ ! -x $peers/etcd ]]; then step 'etcd' build_etcd; fi
  if wanted kine && [[ ! -x $peers/kine ]]; then step "kine $kine_version" build_kine; fi
  case $scenario in
    selectors) prepare_apiservers ;;
    collector) prepare_upstream ;;
  esac
  step 'load generator' go build -C "$kubase_root/bench/load" -o "$work/load" .
  make_go_caches_removable
  exec "${wrapper[@]}" "$work/load" "$scenario" -servers "$servers" -kubase "$binary" \
    -etcd "$peers/etcd" -kine "$peers/kine" -directory "$work" \
    -output "$work/$scenario.json" "${options[@]}"
}

parse_options() {
  scenario=${1:-}
  case $scenario in
    store | selectors) servers=kubase,etcd,kine ;;
    scale) servers=kubase ;;
    collector) servers=kubase,etcd ;;
    -h | --help)
      usage
      exit
      ;;
    *) die "the first argument is the scenario: one that --help lists." ;;
  esac
  shift
  while (($# > 0)); do
    case $1 in
      -h | --help)
        usage
        exit
        ;;
      --*) (($# > 1)) || die "$1 needs a value; bench/run.sh --help lists what there is." ;;&
      --servers) servers=$2 ;;
      --engines) engines=$2 ;;
      --kubase) binary=$2 build=no ;;
      --*) options+=("$1" "$2") ;;
      *) die "\"$1\" is unknown; bench/run.sh --help lists what there is." ;;
    esac
    shift 2
  done
}

# Servers with fsync, in front of which the generator runs; it gets their endpoints.
add_engines() {
  local engine sqlite=''
  if [[ $scenario != store ]]; then die "--engines is for store alone."; fi
  for engine in ${engines//,/ }; do
    case $engine in
      sqlite) sqlite=$servers ;;
      postgres | mariadb)
        sqlite+=,kubase-$engine,kine-$engine
        wrapper+=(python3 -B "$kubase_root/tests/databases/$engine.py" --sync "--flag=-$engine" --)
        ;;
      *) die "--engines $engine is unknown; give sqlite, postgres or mariadb." ;;
    esac
  done
  servers=${sqlite#,}
}

wanted() { [[ ,$servers, == *,$1[-,]* ]]; }

build_kubase() {
  if ! wanted kubase; then return; fi
  if [[ ! -f $kubase_root/build/release/build.ninja ]]; then
    (cd "$kubase_root" && cmake --preset release "-DKUBASE_GO=$(command -v go)") || return
  fi
  cmake --build "$kubase_root/build/release" --target kubase -- -j "$(jobs_that_fit)"
}

build_etcd() { go build -C "$kubase_root/tests/etcd-server" -ldflags=-s -o "$peers/etcd" .; }

# kine keeps SQLite in C.
build_kine() {
  (cd / && CGO_ENABLED=1 GOBIN=$peers go install -ldflags=-s \
    "github.com/k3s-io/kine@$kine_version")
}

# Ours comes with the build of kubase.
prepare_apiservers() {
  if wanted kubase && [[ ! -x $control_plane ]]; then
    die "there is no $control_plane; it is built with kubase, so run this without --kubase."
  fi
  if { wanted etcd || wanted kine; } && [[ ! -x $peers/kube-apiserver ]]; then
    step 'kube-apiserver, unchanged' build_unchanged kube-apiserver
  fi
  options+=(-control-plane "$control_plane" -kube-apiserver "$peers/kube-apiserver")
}

# "kubase up" has its own.
prepare_upstream() {
  if ! wanted etcd; then return; fi
  local program
  for program in kube-apiserver kube-controller-manager; do
    if [[ ! -x $peers/$program ]]; then step "$program, unchanged" build_unchanged "$program"; fi
    options+=("-$program" "$peers/$program")
  done
}

# In the version that go.mod of the control plane names, and with its build flags, so that what is
# compiled for the one serves the other.
build_unchanged() {
  CGO_ENABLED=0 GOWORK=off GOFLAGS='-trimpath -buildvcs=false' go build -C \
    "$kubase_root/launcher/control-plane" -ldflags='-s -w' -o "$peers/$1" "k8s.io/kubernetes/cmd/$1"
}

main "$@"
