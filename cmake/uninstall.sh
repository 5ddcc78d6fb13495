# shellcheck shell=bash
# The uninstall of install.sh: stops the clusters, asks about their data, removes what the manifest
# lists.
#
# Nothing is guessed and nothing of others is touched: files come from the manifest, data
# directories from the default place, from running processes and from the marks in the kubeconfig,
# and each is removed by kubase itself, which leaves alone what it did not make. Sourced by
# install.sh; needs its kubase_root, build_dir, remove_data (ask or yes) and as_root.

uninstall() {
  local prefix=$1 manifest=$1/lib/kubase/install-manifest kubase=$1/bin/kubase
  local -a data_dirs=()
  [[ -x $kubase ]] || kubase=${build_dir:?}/kubase
  if [[ -e $manifest && (! -w $manifest || ! -w $prefix/bin) ]]; then
    be_ready_for_root "removing files from $prefix" "run this as $(stat -c %U "$manifest")"
  fi
  mapfile -t data_dirs < <(known_data_dirs "$prefix")
  if [[ ! -e $manifest ]]; then
    say "kubase is not installed in $prefix ($manifest is not there)."
    say 'If it is elsewhere: PREFIX=… ./install.sh uninstall'
  fi
  if ((${#data_dirs[@]} > 0)); then
    [[ -x $kubase ]] || die "no kubase is left to remove ${data_dirs[*]}: ./install.sh build"
    stop_clusters "$kubase" "${data_dirs[@]}"
    remove_clusters "$prefix" "$kubase" "${data_dirs[@]}"
  fi
  if [[ -e $manifest ]]; then
    remove_files "$prefix" "$manifest"
    say ''
    say "kubase is uninstalled. This clone is yours to remove: rm -rf ${kubase_root:?}"
  fi
}

# --- Clusters ------------------------------------------------------------------------------------
# known_data_dirs PREFIX: one a line.
known_data_dirs() {
  local folder
  {
    default_data_dirs
    marked_data_dirs
    if [[ -w $1/bin ]] || ! sudo_works; then
      running_data_dirs "$1"
    else
      as_root bash -c "$(declare -f running_data_dirs); running_data_dirs \"\$1\"" bash "$1"
    fi
  } | sort -u | while read -r folder; do
    if run_for "$folder" test -f "$folder/VERSION" && ! runs_elsewhere "$1" "$folder"; then
      printf '%s\n' "$folder"
    fi
  done
}

# runs_elsewhere PREFIX FOLDER: the cluster runs now, and from another installation.
runs_elsewhere() {
  local pid executable
  pid=$(run_for "$2" cat "$2/lock" 2>/dev/null) || return 1
  executable=$(run_for "$2" readlink "/proc/$pid/exe" 2>/dev/null) || return 1
  [[ ${executable##*/} == kubase* && ${executable% (deleted)} != "$1/bin/kubase" ]]
}

default_data_dirs() {
  say /var/lib/kubase
  say "${XDG_DATA_HOME:-$HOME/.local/share}/kubase"
  if ((EUID == 0)) && [[ -n ${SUDO_USER:-} ]]; then
    say "$(getent passwd "$SUDO_USER" | cut -d : -f 6)/.local/share/kubase"
  fi
}

# kubase marks its entries in a kubeconfig with their data directory.
marked_data_dirs() {
  local file=${KUBECONFIG:-$HOME/.kube/config}
  if [[ -r ${file%%:*} ]]; then sed -n 's/^ *data-dir: *"\?\(\/[^"]*\)"\?$/\1/p' "${file%%:*}"; fi
}

# The clusters that run from PREFIX: kubase holds the lock file of its data directory open.
running_data_dirs() {
  local process file executable
  for process in /proc/[0-9]*; do
    executable=$(readlink "$process/exe" 2>/dev/null) || continue
    if [[ ${executable% (deleted)} != "$1/bin/kubase" ]]; then continue; fi
    for file in "$process"/fd/*; do
      file=$(readlink "$file" 2>/dev/null) || continue
      if [[ $file == /*/lock ]]; then printf '%s\n' "${file%/lock}"; fi
    done
  done
}

# run_for FOLDER COMMAND...: as root when the folder is not ours to see or to change and root is at
# hand.
run_for() {
  local folder=$1
  shift
  if [[ -O $folder ]] || ! sudo_works; then "$@"; else as_root "$@"; fi
}

sudo_works() { ((EUID == 0)) || sudo -n true 2>/dev/null; }

stop_clusters() {
  local kubase=$1 folder status
  shift
  for folder in "$@"; do
    status=0
    run_for "$folder" "$kubase" status --data-dir "$folder" >/dev/null 2>&1 || status=$?
    if ((status == 3)); then continue; fi # it does not run
    say "Stopping the cluster in $folder"
    run_for "$folder" "$kubase" down --data-dir "$folder" ||
      die "the cluster in $folder did not stop; nothing was removed. Stop it, and run this again."
  done
}

# remove_clusters PREFIX KUBASE FOLDER...
remove_clusters() {
  local again kubase=$2 folder answer
  again=$(uninstall_command "$1")
  shift 2
  for folder in "$@"; do
    answer=${remove_data:?}
    if [[ $answer == ask ]]; then
      answer=no
      if [[ -t 0 ]]; then
        say "The data of the cluster in $folder ($(size_of "$folder")) cannot be brought back."
        read -r -p 'Remove it? [y/N] ' answer || answer=no
      fi
    fi
    case ${answer,,} in
      y | yes) run_for "$folder" "$kubase" reset --data-dir "$folder" --yes ;;
      *)
        say "Kept: the cluster's data in $folder, where a later kubase finds it"
        say "      (to remove it with the rest: $again --yes)"
        ;;
    esac
  done
}

size_of() { run_for "$1" du -sh "$1" 2>/dev/null | cut -f 1; }

# --- Files ---------------------------------------------------------------------------------------
remove_files() {
  local prefix=$1 manifest=$2 writer=as_me kind path packages
  local -a files=() folders=()
  [[ -w $manifest && -w $prefix/bin ]] || writer=as_root
  while read -r kind path; do
    # Folders may lie above the prefix; a file outside of it is none that was installed.
    if [[ $kind == file && $path == "$prefix"/* && $path != */../* ]]; then files+=("$path"); fi
    if [[ $kind == dir && ("$path/" == "$prefix"/* || "$prefix/" == "$path"/*) ]]; then
      folders+=("$path")
    fi
  done <"$manifest"
  packages=$(sed -n 's/^package //p' "$manifest" | tr '\n' ' ')
  "$writer" rm -f "${files[@]}"
  printf '%s\n' "${files[@]}" | sed 's/^/Removed /'
  if ((${#folders[@]} > 0)); then
    mapfile -t folders < <(printf '%s\n' "${folders[@]}" | sort -r)
    "$writer" rmdir --ignore-fail-on-non-empty "${folders[@]}" 2>/dev/null || true
  fi
  if [[ -n $packages ]]; then
    say ''
    say 'These Debian packages came with the build, and other programs may use them by now.'
    say 'To remove them, as root:'
    say "  apt-get remove --auto-remove $packages"
  fi
}
