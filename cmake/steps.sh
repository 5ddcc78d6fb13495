# shellcheck shell=bash
# Numbered steps with the time they took, for install.sh and tests/run.sh.
#
# What a step prints goes to a log. On a terminal one line shows the step, its time and the newest
# line of the log; into a pipe goes one line per step, and a sign of life each minute. When a step
# fails, the last lines of the log and its path are shown, and the script ends.

steps_log=/dev/null # where the output of the steps goes
steps_total=0
steps_done=0
steps_pid=
steps_lock=

say() { printf '%s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# begin_only_run LOCK_FILE: waits until no other run that began so is left; the kernel gives the
# lock back when this script and what it has started have ended.
begin_only_run() {
  mkdir -p "$(dirname "$1")" 2>/dev/null || true
  { exec {steps_lock}>>"$1"; } 2>/dev/null ||
    die "cannot write $1; it may belong to another user: remove it, or run as that user."
  if flock --nonblock "$steps_lock"; then return; fi
  say 'Another install.sh is building here: waiting until it has ended.'
  flock "$steps_lock"
}

# Before a process is started that stays.
end_only_run() { exec {steps_lock}>&-; }

# begin_steps LOG TOTAL
begin_steps() {
  steps_log=$1 steps_total=$2 steps_done=0
  mkdir -p "$(dirname "$steps_log")" 2>/dev/null || true
  : 2>/dev/null >"$steps_log" ||
    die "cannot write $steps_log; it may belong to another user: remove it, or run as that user."
  trap 'stop_step' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# step TITLE COMMAND [ARGUMENT...]: runs the command apart from this shell and fails as it does,
# which ends a script that has set -e. (In a condition, bash ignores set -e in the command too.)
step() {
  local title=$1 began=$SECONDS status=0
  shift
  steps_done=$((steps_done + 1))
  printf '\n== %s\n' "$title" >>"$steps_log"
  "$@" >>"$steps_log" 2>&1 </dev/null &
  steps_pid=$!
  show_step "$title" "$began"
  wait "$steps_pid" || status=$?
  steps_pid=
  if [[ -t 1 ]]; then printf '\r\e[K'; fi
  if ((status != 0)); then
    say "$(step_label "$title"): failed after $(clock $((SECONDS - began)))"
    say "The last lines of $steps_log:"
    tail -n 25 "$steps_log" | sed 's/^/    /'
    return "$status"
  fi
  say "$(step_label "$title"): done in $(clock $((SECONDS - began)))"
}

step_label() { printf '[%d/%d] %s' "$steps_done" "$steps_total" "$1"; }

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Shows the step until it ends.
show_step() {
  local title=$1 began=$2 reported=$SECONDS newest text
  while kill -0 "$steps_pid" 2>/dev/null; do
    if [[ -t 1 ]]; then
      newest=$(tail -n 1 "$steps_log" 2>/dev/null | tr -d '\000-\037' || true)
      text="$(step_label "$title") $(clock $((SECONDS - began)))  $newest"
      printf '\r\e[K%s' "${text:0:$(($(terminal_columns) - 1))}"
    elif ((SECONDS - reported >= 60)); then
      reported=$SECONDS
      say "$(step_label "$title"): $(clock $((SECONDS - began))), $(tail -n 1 "$steps_log")"
    fi
    sleep 0.2
  done
}

terminal_columns() {
  local size
  size=$(stty size 2>/dev/null) || size='24 80'
  printf '%d' "${size#* }"
}

# Ends what the step that still runs has started, when this script is told to stop.
stop_step() {
  if [[ -n $steps_pid ]]; then
    end_process_tree "$steps_pid"
    steps_pid=
  fi
}

end_process_tree() {
  local child children
  read -r -a children 2>/dev/null <"/proc/$1/task/$1/children" || children=()
  for child in "${children[@]}"; do end_process_tree "$child"; done
  kill "$1" 2>/dev/null || true
}
