#!/bin/bash
# Builds and installs kubase: install.sh [build|install|up|uninstall] [--yes]
#
# Installs the Debian packages and the Go that are missing, builds build/release/kubase, and copies
# it with its shell completion to $PREFIX (/usr/local). Each part is skipped when it is done
# already, so the script can be run again at any time. Root's rights are asked for (sudo) only where
# they are needed; a PREFIX in the home folder needs none when the packages are there. What was
# installed is written down in $PREFIX/lib/kubase/install-manifest, and `uninstall` removes that
# and nothing else.
set -euo pipefail

kubase_root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly kubase_root
# shellcheck source=cmake/steps.sh
source "$kubase_root/cmake/steps.sh"
# shellcheck source=cmake/machine.sh
source "$kubase_root/cmake/machine.sh"

readonly build_dir=$kubase_root/build/release
readonly build_disk_mib=6000 # of a first build, Go's caches and the executables together
# shellcheck source=cmake/place.sh
source "$kubase_root/cmake/place.sh"

usage() {
  cat <<'TEXT'
usage: ./install.sh [build|install|up|uninstall] [--yes]

  build      install what the build needs, and build build/release/kubase
  install    the same, and copy kubase and its shell completion to PREFIX (the default)
  up         the same, and start a cluster
  uninstall  stop the clusters, remove what was installed, ask before data is removed

  --yes      uninstall: remove the data of the clusters too, without asking

PREFIX (default /usr/local) says where to install: PREFIX=$HOME/.local ./install.sh
TEXT
}

main() {
  local verb='' prefix=${PREFIX:-/usr/local}
  remove_data=ask
  while (($# > 0)); do
    case $1 in
      build | install | up | uninstall)
        [[ -z $verb ]] || die "one of build, install, up and uninstall at a time."
        verb=$1
        ;;
      --yes) remove_data=yes ;;
      -h | --help)
        usage
        return
        ;;
      *) die "\"$1\" is unknown; ./install.sh --help lists what there is." ;;
    esac
    shift
  done
  [[ $prefix == /* ]] || die "PREFIX has to be an absolute path, and is \"$prefix\"."
  prefix=${prefix%/}
  [[ ${verb:-install} == uninstall || $remove_data == ask ]] || die '--yes belongs to uninstall.'
  case ${verb:-install} in
    build) build_all "$prefix" 5 ;;
    install) install_all "$prefix" ;;
    up)
      install_all "$prefix"
      end_only_run
      start_cluster "$prefix"
      ;;
    uninstall)
      # shellcheck source=cmake/uninstall.sh
      source "$kubase_root/cmake/uninstall.sh"
      uninstall "$prefix"
      ;;
  esac
}

# --- Build ---------------------------------------------------------------------------------------
# build_all PREFIX STEPS: leaves the executable at build/release/kubase.
build_all() {
  local missing go_missing=() jobs
  require_debian
  begin_only_run "$kubase_root/build/install.lock"
  mapfile -t missing < <(missing_packages build)
  if ! find_go >/dev/null; then mapfile -t go_missing < <(go_packages); fi
  missing+=("${go_missing[@]}")
  say "kubase: build in $build_dir$(if (($2 > 5)); then printf ', install to %s' "$1"; fi)"
  if ((${#missing[@]} > 0)); then
    say "Debian packages to install: ${missing[*]}"
    be_ready_for_root 'installing them' "as root run: apt-get install ${missing[*]}"
  fi
  [[ ! -e $build_dir || -w $build_dir ]] ||
    die "$build_dir belongs to $(stat -c %U "$build_dir"): run this as that user, or remove it."
  begin_steps "$kubase_root/build/install.log" "$2"

  step 'Debian packages' provide_packages "${missing[@]}"
  step 'Go' fetch_go
  use_go
  if [[ ! -x $build_dir/kubase ]]; then check_room_to_build "$build_disk_mib"; fi
  jobs=$(jobs_that_fit)
  step 'Configuration' configure
  step 'Kubernetes control plane (10 minutes the first time)' build_control_plane "$jobs"
  step 'kubase' cmake --build "$build_dir" --target kubase -- -j "$jobs"
  say "Built $build_dir/kubase"
}

# What is installed is written down, so that uninstall can name it.
provide_packages() {
  if (($# == 0)); then
    say 'nothing is missing'
    return
  fi
  install_packages "$@"
  printf '%s\n' "$@" >>"$kubase_root/build/installed-packages"
}

configure() {
  cd "$kubase_root"
  cmake --preset release -DBUILD_TESTING=OFF "-DKUBASE_GO=$(command -v go)"
}

# Alone, so that Go's linker and the C++ compilers do not want their memory at the same time.
build_control_plane() {
  GOMAXPROCS=$1 cmake --build "$build_dir" --target kubase_control_plane
  make_go_caches_removable
}

# --- Install -------------------------------------------------------------------------------------
install_all() {
  local prefix=$1 writer=as_me
  if ! is_writable_place "$prefix"; then
    writer=as_root
    if ((EUID != 0)); then
      command -v sudo >/dev/null ||
        die "$prefix is not writable for $(id -un) and sudo is not installed: run this as root," \
          "or install into your home folder: PREFIX=\$HOME/.local ./install.sh"
    fi
  fi
  build_all "$prefix" 6
  if [[ $writer == as_root ]]; then
    be_ready_for_root "writing to $prefix" "PREFIX=\$HOME/.local ./install.sh"
  fi
  step "Installation to $prefix" place_files "$prefix" "$writer"
  say ''
  say "Installed $("$prefix/bin/kubase" version | head -n 1) as $prefix/bin/kubase"
  if [[ ":$PATH:" != *":$prefix/bin:"* ]]; then
    say "$prefix/bin is not on PATH; for this shell: export PATH=$prefix/bin:\$PATH"
  fi
  say "To start a cluster: kubase up        To remove all of it: $(uninstall_command "$prefix")"
}

# --- Start ---------------------------------------------------------------------------------------
# kubase itself ends with what to try next; here that is only repeated for a cluster that runs.
start_cluster() {
  local kubase=$1/bin/kubase word=kubase
  if [[ ":$PATH:" != *":$1/bin:"* ]]; then word=$kubase; fi
  use_config_home_of_user
  say ''
  if ! "$kubase" status >/dev/null 2>&1; then
    exec "$kubase" up --detach
  fi
  say 'A cluster is running already. Try next:'
  say "  $word kubectl get namespaces"
  say "  $word status"
  say "  $word down"
}

main "$@"
