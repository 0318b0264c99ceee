# Makes the change: runs in a system unit of its own, tells the journal, and has everything taken back on any error.
main() {
  LIVE=@live@ STEPS=@steps@
  here=$(cd -P "${0%/*}" && pwd -P)
  ID=${here##*/}
  cd -P "${here%/var/lib/thornwall/*}/" || exit 1
  setup
  [ "$LIVE" = 0 ] || echo $$ >"$D/apply.pid"
  journal_end
  read_state
  [ "$state" = open ] || exit 1
  doing=files
  tell DOING 0 "$STEPS" files
  make_folders
  put_files
  set_meta
  settle
  @reload@
  runtime
  doing=verify
  verify
  finish
}

# fail WHY: everything is taken back at once
fail() {
  tell FAILED "$doing" "$1"
  settle
  if systemd; then
    t 30 systemctl start --no-block "thornwall-undo-$ID.service"
  elif [ "$LIVE" = 1 ]; then
    detached /bin/sh "/var/lib/thornwall/$ID/undo.sh" --deadline
  else
    /bin/sh "$D/undo.sh" --run
  fi
  exit 1
}

# step I ID: what is done from here on
step() {
  set_passwords
  doing=$2
  tell DOING "$1" "$STEPS" "$2"
}

# try SECONDS PROGRAM ARGUMENT…: it works, or the change is taken back
try() {
  said=$(ask "$@" 2>&1) && return 0
  status=$?
  shift
  [ "$status" = 124 ] && said="it was not done in time"
  one_line "$said"
  fail "$*: ${text:-status $status}"
}

make_folders() {
  [ -s "$D/made" ] || return 0
  list=''
  while read -r path; do list="$list $path"; done <"$D/made"
  # shellcheck disable=SC2086
  mkdir -m 755 $list || fail "a folder cannot be made"
}

# renames only: one process for each folder
put_files() {
  pending='' target='' gone=''
  exec 3<"$D/items" 4<"$D/before"
  while read -r op _ _ _ _ _ _ _ path <&3; do
    read -r V okind _ <&4
    case $op in
      D) gone="$gone .$path" ;;
      P | L)
        if [ "$V ${path%/*}" != "$target" ]; then
          put_pending
          target="$V ${path%/*}"
        fi
        pending="$pending $V/new$path"
        ;;
    esac
  done
  exec 3<&- 4<&-
  put_pending
  # shellcheck disable=SC2086
  [ -z "$gone" ] || rm -f -- $gone || fail "a file cannot be removed"
}

put_pending() {
  [ -n "$pending" ] || return 0
  # shellcheck disable=SC2086
  said=$(mv -f -- $pending ".${target#* }/" 2>&1) || fail "a file cannot be put in place: $said"
  if has selinuxenabled && selinuxenabled; then
    for file in $pending; do restorecon -F ".${target#* }/${file##*/}"; done
  fi
  pending=''
}

# modes and owners: many files of one mode with one chmod
set_meta() {
  modes='' owners=''
  exec 3<"$D/items" 4<"$D/before"
  while read -r op _ mode user group owner _ _ path <&3; do
    read -r V okind omode ouid ogid oino _ <&4
    [ "$op" = M ] || continue
    owned_by "$user" "$group" || fail "the owner of $path cannot be set: $said"
    if [ "$V" = fd ] || [ "$owner" != - ]; then
      said=$(meta "$V" "$owner" "$mode" "$who" ".$path" "$okind $omode $ouid $ogid $oino" 2>&1) ||
        fail "the mode of $path cannot be set: $said"
    else
      [ "$mode" = - ] || modes="$modes$mode .$path$nl"
      [ "$who" = - ] || owners="$owners$who .$path$nl"
    fi
  done
  exec 3<&- 4<&-
  IFS=$nl
  for line in $owners; do
    unset IFS
    said=$(chown -h "${line%% *}" "${line#* }" 2>&1) || fail "the owner of ${line#* } cannot be set: $said"
  done
  unset IFS
  while [ -n "$modes" ]; do
    one_mode
    # shellcheck disable=SC2086
    said=$(chmod "$mode" $these 2>&1) || fail "a mode cannot be set: $said"
  done
}

# units ACTION UNIT…
units() {
  action=$1
  shift
  case $action in
    stop)
      try 90 systemctl stop -- "$@"
      stopped="$stopped $*"
      ;;
    start)
      t 20 systemctl reset-failed -- "$@" 2>/dev/null
      try 90 systemctl start -- "$@"
      started="$started $*"
      ;;
    restart | reload)
      for unit; do
        ran "$unit" || continue
        if [ "$action" = restart ]; then
          t 20 systemctl reset-failed -- "$unit" 2>/dev/null
          try 90 systemctl try-restart -- "$unit"
        else
          t 90 systemctl try-reload-or-restart -- "$unit" 2>/dev/null || try 90 systemctl try-restart -- "$unit"
        fi
        persist 20 systemctl is-active --quiet -- "$unit" || fail "$unit does not run any more"
      done
      ;;
    enable | unmask) try 60 systemctl "$action" -- "$@" ;;
    renew) renew "$@" ;;
  esac
}

# renew UNIT…: their programs were updated. Whatever comes of that, taking the change back does not heal it: it is told.
renew() {
  these=''
  for unit; do
    case " $stopped " in *" $unit "*) continue ;; esac
    ran "$unit" || continue
    case $unit in
      ssh.service | sshd.service)
        t 20 sshd -t 2>/dev/null || {
          tell TROUBLE "$unit" "it was not started anew, since its settings have a fault (sshd -t)"
          continue
        }
        ;;
      *) echo "$unit" >>"$D/renewed" ;;
    esac
    these="$these $unit"
  done
  # shellcheck disable=SC2086
  [ -z "$these" ] || t 120 systemctl try-restart -- $these 2>/dev/null
  renewed="$renewed$these"
}

# whether it ran when the change was prepared; it is asked for only where the list of then does not have it
ran() {
  while read -r unit_ _ active_ _; do
    [ "$unit_" = "$1" ] || continue
    [ "$active_" = active ]
    return
  done <"$D/units"
  persist 20 systemctl is-active --quiet -- "$1"
}

# setting FILE VALUE: now
setting() {
  [ -e "$1" ] || fail "this kernel has no ${1#/proc/sys/}"
  printf '%s\n' "$2" 2>/dev/null >"$1" || fail "${1#/proc/sys/} does not take $2"
  settings="$settings$2 $1$nl" files="$files $1"
}

# account N USER FIELD VALUE
account() {
  if [ "$LIVE" = 0 ]; then
    edit_account "$@"
    return
  fi
  [ "$3" = password ] || set_passwords
  case $3 in
    lock) try 30 usermod -L "$2" ;;
    password) hashes="$hashes $D/secrets/$1" ;;
    expire-now) try 30 chage -E 0 "$2" ;;
    shell) try 30 usermod -s "$4" "$2" ;;
    max-days) try 30 chage -M "$4" "$2" ;;
    min-days) try 30 chage -m "$4" "$2" ;;
    warn-days) try 30 chage -W "$4" "$2" ;;
    inactive-days) try 30 chage -I "$4" "$2" ;;
    leave-group) try 30 gpasswd -d "$2" "$4" ;;
    *) fail "nobody knows what $3 is" ;;
  esac
}

# all at once: each chpasswd starts several programs
set_passwords() {
  [ -n "$hashes" ] || return 0
  # shellcheck disable=SC2086
  lines=$(cat -- $hashes 2>/dev/null) || fail "the new passwords cannot be read"
  said=$(printf '%s\n' "$lines" | timeout -k 2 30 chpasswd -e 2>&1) || fail "chpasswd: $said"
  hashes='' lines=''
}

runtime() {
  stopped='' started='' renewed='' settings='' files='' hashes=''
@runtime@
  set_passwords
}

# done means: seen to be done
verify() {
  wrong=''
  true >"$D/after.new"
  walk look_after
  [ -z "$wrong" ] || fail "$wrong is not as it should be"
  verify_settings
  verify_units
  mv "$D/after.new" "$D/after"
  if [ "$LIVE" = 1 ]; then ways_in_listen || fail "nothing listens on port$deaf any more"; fi
  [ "$LIVE" = 0 ] || names_found || fail "names are not found any more: $name was before"
  after_kept
  return 0
}

# (one setting may change another: with ip_forward come redirects)
verify_settings() {
  [ -n "$files" ] || return 0
  other_settings
  IFS=$nl
  for line in $others; do printf '%s\n' "${line% *}" 2>/dev/null >"${line##* }"; done
  unset IFS
  [ -z "$others" ] || other_settings
  [ -z "$others" ] || fail "$wrong"
}

# Sets `others`: those that are not as they were set, a line each, and `wrong`: one of them in words. One look at them all:
# a program for each would be many on a small board.
other_settings() {
  others=''
  # shellcheck disable=SC2086
  all=$(cat -- $files)
  IFS=$nl
  for line in $settings; do
    one_line "${all%%"$nl"*}"
    all=${all#*"$nl"}
    [ "$text" = "${line% *}" ] && continue
    others=$others$line$nl wrong="${line##* /proc/sys/} is $text, not ${line% *}"
  done
  unset IFS
}

# What was stopped may have been woken by something, and what was started may have failed at once.
verify_units() {
  # shellcheck disable=SC2086
  [ -z "$stopped" ] || in_state active is-active $stopped
  [ -z "$stopped" ] || [ -z "$these" ] || fail "still running:$these"
  # shellcheck disable=SC2086
  [ -z "$started" ] || in_state failed is-failed $started
  [ -z "$started" ] || [ -z "$these" ] || fail "failed at once:$these"
  [ -z "$renewed" ] || verify_renewed
}

# (a moment after: a program may come up and die)
verify_renewed() {
  sleep 1
  # shellcheck disable=SC2086
  in_state active is-active $renewed
  for unit in $renewed; do
    case " $these " in *" $unit "*) continue ;; esac
    case $unit in ssh.service | sshd.service) fail "$unit does not run any more" ;; esac
    tell TROUBLE "$unit" "it was updated, and does not start in its new version"
  done
}

# in_state STATE VERB UNIT…: sets `these`: those in that state. (While it is executed anew, systemd answers nobody.)
in_state() {
  these='' wanted=$1 verb=$2
  shift 2
  for tries_ in 1 2 3; do
    states=$(ask 20 systemctl "$verb" -- "$@")$nl
    [ "$states" = "$nl" ] || break
    sleep 1
  done
  [ "$states" != "$nl" ] || fail "systemd does not tell what runs"
  for unit; do
    [ "${states%%"$nl"*}" = "$wanted" ] && these="$these $unit"
    states=${states#*"$nl"}
  done
}

# how it was left, so that a later undo can tell what others have changed since
after_kept() {
  list=''
  while read -r op _ _ _ _ _ _ _ path; do
    [ "$op" = P ] && list="$list .$path"
  done <"$D/items"
  # shellcheck disable=SC2086
  [ -z "$list" ] || cp -a --parents -- $list "$D/put/" 2>/dev/null
  [ -f "$D/keeps" ] || return 0
  kept_names >"$D/after.list"
  trees >"$D/after.kept"
}

look_after() {
  case $op in
    M) ;;
    *) [ "$what" = "$new" ] || wrong=$path ;;
  esac
  echo "$kind $mode_ $uid $gid $what" >>"$D/after.new"
}

# from here on it waits for the confirmation
finish() {
  uptime_
  read -r key </proc/sys/kernel/random/uuid
  echo "$ticks $key" >"$D/applied.new" && mv "$D/applied.new" "$D/applied" || fail "the disk is full"
  if [ "$LIVE" = 1 ]; then
    read -r deadline <"$D/deadline"
    tell APPLIED "$ID" "$key" "$((deadline - up))"
  else
    token open confirmed
    tell COMMITTED "$ID"
  fi
  settle
}
