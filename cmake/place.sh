# shellcheck shell=bash
# Copies what was built to its places below a prefix, and writes down what is new there.
#
# The manifest is the only thing that an uninstall goes by, so it is placed together with the files.
# Sourced by install.sh; needs its kubase_root and build_dir, and as_root.

stage=${build_dir:?}/stage # what goes to the prefix, as it will lie there

as_me() { "$@"; }

uninstall_command() {
  if [[ $1 != /usr/local ]]; then printf 'PREFIX=%s ' "$1"; fi
  printf './install.sh uninstall'
}

# is_writable_place PATH: this user may write there, or create it.
is_writable_place() {
  local place=$1
  while [[ ! -e $place ]]; do place=$(dirname "$place"); done
  [[ -d $place && -w $place ]] || return 1
  place=$1/bin # the folder itself may belong to this user while those in it do not
  [[ ! -e $place || -w $place ]]
}

# place_files PREFIX WRITER: files are replaced whole, so that a running kubase keeps the one it
# has.
place_files() {
  local prefix=$1 writer=$2 path
  local -a made placed
  make_stage
  mapfile -t placed < <(cd "$stage" && find . -type f -printf '%P\n' | sort)
  mapfile -t made < <(missing_folders "${placed[@]/#/$prefix/}")
  if ((${#made[@]} > 0)); then "$writer" install -d -m 755 "${made[@]}"; fi
  write_manifest "$prefix" "$stage/lib/kubase/install-manifest" "${placed[@]/#/file $prefix/}" \
    "${made[@]/#/dir }"
  for path in "${placed[@]}"; do
    "$writer" install -m "$(stat -c %a "$stage/$path")" "$stage/$path" "$prefix/$path.new"
    "$writer" mv -f "$prefix/$path.new" "$prefix/$path"
    say "$prefix/$path"
  done
}

# The tree that is copied; the completion scripts are made by the executable itself.
make_stage() {
  local kubase=$build_dir/kubase
  rm -rf "$stage"
  install -D -m 755 "$kubase" "$stage/bin/kubase"
  install -d -m 755 "$stage/share/bash-completion/completions" "$stage/share/zsh/site-functions" \
    "$stage/share/fish/vendor_completions.d" "$stage/share/doc/kubase" "$stage/lib/kubase"
  "$kubase" completion bash >"$stage/share/bash-completion/completions/kubase"
  "$kubase" completion zsh >"$stage/share/zsh/site-functions/_kubase"
  "$kubase" completion fish >"$stage/share/fish/vendor_completions.d/kubase.fish"
  cp "${kubase_root:?}/LICENSE" "$stage/share/doc/kubase/copyright"
  : >"$stage/lib/kubase/install-manifest"
  find "$stage" -type f ! -name kubase -exec chmod 644 {} +
  chmod 755 "$stage/bin/kubase"
}

# missing_folders FILE...: the folders that have to be made for the files, the upper ones first.
missing_folders() {
  local path folder
  for path in "$@"; do
    folder=$(dirname "$path")
    while [[ ! -d $folder ]]; do
      printf '%s\n' "$folder"
      folder=$(dirname "$folder")
    done
  done | sort -u
}

# write_manifest PREFIX FILE LINE...: keeps the folders and packages of an earlier installation, and
# has those of this one.
write_manifest() {
  local earlier=$1/lib/kubase/install-manifest file=$2
  local packages=$kubase_root/build/installed-packages
  shift 2
  {
    printf '%s\n' "$@"
    if [[ -r $packages ]]; then sed 's/^/package /' "$packages"; fi
    if [[ -r $earlier ]]; then grep -E '^(dir|package) ' "$earlier" || true; fi
  } | sed '/^$/d' | sort -u >"$file"
}
