# Thornwall changes this host, and the host takes the change back by itself unless it is confirmed in time.
# Nothing runs before all of this has arrived: it is one function, called in the last line.
main() {
  LIVE=@live@ ID='' N=@nonce@ WINDOW=@window@ KIB=@kib@ CANARY=@canary@
  setup
  cd -P @root@ || { refuse "@root_text@ is no folder" "give the folder where the system is mounted"; }
  trap 'stop 129' HUP
  trap 'stop 130' INT
  trap 'stop 141' PIPE
  trap 'stop 143' TERM
  precheck
  take_lock
  number
  VAULTS=$D
  mkdir "$D/secrets" "$D/mtimes.d" && true >"$D/window" || refuse "/var/lib/thornwall cannot be written" "is the disk full, or broken?"
  write_parts
  if [ "$LIVE" = 1 ]; then note_ports && note_name; else true >"$D/ports"; fi
  journal_end
  folders
  walk look_before
  staged_files
  keep_originals
  keep_runtime
  [ "$LIVE" = 0 ] || guard_folders
  seal
  tell STAGED "$ID"
  say STAGED "$ID"
  skipped
  if [ "$LIVE" = 1 ]; then
    validate
    if [ "$CANARY" = 1 ]; then canary; fi
    arm
  fi
  token rehearsal open || refuse "the record of the change is gone" "try again"
  prepared=1
  rm -rf "$LOCK"
  seen=$seq
  launch
  follow show "$seen"
  status=$?
  [ "$status" = 100 ] && status=0
  exit "$status"
}

# say EVENT FIELD…: to whoever asked for the change
say() {
  printf '%s' "$N"
  for field; do printf '\t%s' "$field"; done
  printf '\n'
}

# refuse WHY WHAT-TO-DO: nothing has been changed
refuse() {
  say REFUSED "$1" "$2"
  stop 11
}

stop() {
  trap '' HUP INT PIPE TERM
  if [ -z "$prepared" ]; then
    if [ -n "$armed" ]; then
      disarm
    else
      [ -z "$port_" ] || stop_process canary
      [ ! -f "$D/made.armed" ] || while read -r path; do rmdir "$path"; done <"$D/made.armed"
    fi
    if [ -n "$ID" ]; then
      for vault in $VAULTS; do [ "$vault" = "$D" ] || rm -rf "$vault"; done
      [ ! -f "$D/mtimes" ] || mtimes_back
      rm -rf "$D"
    fi
    [ -z "$locked" ] || rm -rf "$LOCK"
  fi
  exit "$1"
}

precheck() {
  prepared='' armed='' locked='' port_='' VAULTS=''
  for program in stat sha256sum mv ln cp rm mkdir touch chmod chown sync find sort sleep awk; do
    has "$program" || refuse "$program is not there" "install coreutils, findutils and an awk, or busybox"
  done
  needs
  precheck_disk
  none_open
  me=$(id -u)
  [ "$LIVE" = 1 ] || return 0
  [ "$me" = 0 ] || refuse "this needs root" "log in as root, or let sudo ask for the password"
  precheck_dpkg
  [ -d /run/systemd/system ] || precheck_init
  if [ -d /run/systemd/system ]; then
    pending=$(ask 30 systemctl show --property=Id,NeedDaemonReload '*')
    case $pending in
      *NeedDaemonReload=yes*)
        pending=${pending%%"${nl}NeedDaemonReload=yes"*}
        pending=${pending##*Id=}
        case $pending in
          thornwall-*) ;;
          *) refuse "$pending was edited, and systemd has not read it yet: a change here would activate that edit" \
            "look at it, then run: systemctl daemon-reload" ;;
        esac
        ;;
    esac
  fi
}

need() { has "$1" || refuse "$1 is not there" "install it, or leave out the step that needs it"; }

# without systemd something else must start what takes the change back after a power cut
precheck_init() {
  need setsid
  if [ -d ./etc/local.d ] && has rc-update; then return 0; fi
  [ -d ./etc/rc2.d ] && [ -d ./etc/init.d ] && return 0
  [ -f ./etc/init.d/rcS ] && return 0
  refuse "this host runs no systemd, nor an init that is known: nothing would take a change back at boot" \
    "harden it as a mounted root, or by hand"
}

precheck_disk() {
  if [ "$LIVE" = 1 ]; then
    while read -r _ point type options _; do
      [ "$point" = / ] && root_type=$type root_options=$options
    done </proc/mounts
    case $root_type in
      overlay | tmpfs | ramfs | squashfs)
        refuse "/ is a $root_type: changes are lost at the next boot" "turn the overlay off first, and reboot" ;;
    esac
    case ,$root_options, in *,ro,*) refuse "/ is mounted read-only" "mount it writable: mount -o remount,rw /" ;; esac
  fi
  [ -d ./var/lib ] || refuse "there is no /var/lib" "is this the root of a system?"
  # shellcheck disable=SC2046
  set -- $(stat -f -c '%a %S %c %d' ./var/lib)
  [ $# = 4 ] || refuse "nobody tells how much is free under /var/lib" "is the disk broken?"
  free=$(($1 * ($2 / 512) / 2))
  [ "$free" -ge "$((KIB + 4096))" ] ||
    refuse "only $free KiB are free under /var/lib" "make room: $KIB KiB and 4 MiB more are needed"
  # (some file systems make inodes as they need them)
  [ "$3" = 0 ] || [ "$4" -ge 500 ] || refuse "only $4 inodes are free under /var/lib" "remove files that nobody needs"
}

# apt and dpkg hold POSIX locks, which flock(1) does not see
precheck_dpkg() {
  [ -e ./var/lib/dpkg/lock ] || return 0
  nodes=$(stat -c %i ./var/lib/dpkg/lock-frontend ./var/lib/dpkg/lock 2>/dev/null)
  while read -r _ _ _ _ holder file _; do
    for node in $nodes; do
      [ "${file##*:}" = "$node" ] || continue
      # (the number of a file may be another's on another disk)
      case $(ls -l "/proc/$holder/fd" 2>/dev/null) in
        */var/lib/dpkg/lock*)
          read -r name <"/proc/$holder/comm"
          refuse "$name (process $holder) is installing packages" "wait until it is done, then try again" ;;
      esac
    done
  done </proc/locks
}

# what must still answer when the change is done: the port of this very connection, else those that sshd listens on
note_ports() {
  files='' process=$$
  while [ "$process" -gt 1 ]; do
    files="$files /proc/$process/environ"
    read -r line <"/proc/$process/stat"
    line=${line##*)}
    # shellcheck disable=SC2086
    set -- $line
    process=$2
  done
  true >"$D/ports"
  # shellcheck disable=SC2086
  connection=$(cat -- $files 2>/dev/null | tr '\0' '\n' | grep -m 1 '^SSH_CONNECTION=')
  # shellcheck disable=SC2086
  set -- $connection
  if [ $# = 4 ]; then
    listens "$4" && echo "$4" >"$D/ports"
  elif listens 22; then
    echo 22 >"$D/ports"
  fi
}

# The name of an archive that apt fetches from, if it is found now: then it must be found afterwards. Nobody waits for an
# answer that does not come.
note_name() {
  has getent || return 0
  name=''
  set +f
  for file in ./etc/apt/sources.list ./etc/apt/sources.list.d/*; do
    [ -f "$file" ] && while read -r line; do
      case $line in '#'*) ;; *://[A-Za-z0-9]*)
        name=${line#*://} name=${name%%[/ ]*} name=${name##*@} name=${name%%[!A-Za-z0-9.-]*}
        # (an address needs nobody to find it)
        case $name in *[!0-9.]*) break ;; *) name='' ;; esac ;;
      esac
    done <"$file"
    [ -z "$name" ] || break
  done
  set -f
  [ -n "$name" ] || return 0
  echo "$name" >"$D/name"
  getent hosts "$name" >"$D/found" 2>/dev/null </dev/null &
}

# a unit of its own: neither the end of this session nor that of sshd stops it half-way
launch() {
  if [ "$LIVE" != 1 ]; then
    /bin/sh "$D/apply.sh" >/dev/null 2>&1
    seq=$((seq + 1000))
    [ ! -e "$D/state/open" ] || tell STUCK "the change does not run on this machine: take it back with sh undo.sh"
    return 0
  fi
  if ! systemd; then
    detached /bin/sh "/var/lib/thornwall/$ID/apply.sh"
    return 0
  fi
  thrice run_unit begun "thornwall-apply-$ID" \
    --description="Thornwall: makes change $ID" -p OnFailure="thornwall-undo-$ID.service" -p TimeoutStopSec=5 \
    -p IgnoreOnIsolate=yes -p DefaultDependencies=no \
    /bin/sh "/var/lib/thornwall/$ID/apply.sh" && return 0
  tell FAILED start "systemd-run does not start the change${text:+: $text}"
  thrice t 30 systemctl start --no-block "thornwall-undo-$ID.service"
}

begun() { grep -q "${tab}DOING$tab" "$D/journal"; }

# show: an event of the journal to whoever asked; the status once it is over
show() {
  printf '%s\t%s\t%s\n' "$N" "$event" "$fields"
  case $event in
    APPLIED | COMMITTED) return 100 ;;
    UNDONE) return 10 ;;
    STUCK) return 12 ;;
  esac
}
