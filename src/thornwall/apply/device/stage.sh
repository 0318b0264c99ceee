# Thornwall changes this host, and the host takes the change back by itself unless it is confirmed in time.
# Nothing runs before all of this has arrived: it is one function, called in the last line.
main() {
  LIVE=@live@ ID='' N=@nonce@ WINDOW=@window@ KIB=@kib@
  setup
  cd -P @root@ || { refuse "@root_text@ is no folder" "give the folder where the system is mounted"; }
  trap 'stop 129' HUP
  trap 'stop 130' INT
  trap 'stop 141' PIPE
  trap 'stop 143' TERM
  precheck
  take_lock
  number
  write_parts
  if [ "$LIVE" = 1 ]; then note_ports; else : >"$D/ports"; fi
  journal_end
  folders
  walk look_before
  staged_files
  keep_originals
  keep_runtime
  seal
  tell STAGED "$ID"
  say STAGED "$ID"
  if [ "$LIVE" = 1 ]; then
    validate
    arm
  fi
  token rehearsal open || refuse "the record of the change is gone" "try again"
  prepared=1
  settle
  rm -rf "$LOCK"
  launch
  follow show "$seq"
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
      mtimes_back
    fi
    if [ -n "$ID" ]; then
      for vault in $VAULTS; do rm -rf "$vault"; done
      rm -rf "$D"
    fi
    [ -z "$locked" ] || rm -rf "$LOCK"
  fi
  exit "$1"
}

precheck() {
  prepared='' armed='' locked='' VAULTS=''
  for program in stat sha256sum mv ln cp rm mkdir touch chmod chown sync find sort sleep df; do
    has "$program" || refuse "$program is not there" "install coreutils and findutils, or busybox"
  done
  needs
  precheck_disk
  if [ -d ./var/lib/thornwall ]; then
    set +f
    for other in ./var/lib/thornwall/[0-9]*/state/open ./var/lib/thornwall/[0-9]*/state/undoing; do
      [ -e "$other" ] || continue
      other=${other%/state/*}
      refuse "change ${other##*/} is still open on this host" "confirm it, or undo it: thornwall status tells"
    done
    set -f
  fi
  [ "$LIVE" = 1 ] || return 0
  [ "$(id -u)" = 0 ] || refuse "this needs root" "log in as root, or let sudo ask for the password"
  precheck_dpkg
  [ -d /run/systemd/system ] || precheck_init
  if [ -d /run/systemd/system ]; then
    pending=$(t 30 systemctl show --property=Id,NeedDaemonReload '*')
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

precheck_init() {
  refuse "this host does not run systemd, and there is no other way to take a change back at boot" \
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
  free=$(t 20 df -Pk ./var/lib | { read -r _; read -r _ _ _ free _; echo "${free:-0}"; })
  [ "$free" -ge "$((KIB + 4096))" ] ||
    refuse "only $free KiB are free under /var/lib" "make room: $KIB KiB and 4 MiB more are needed"
  nodes=$(t 20 df -Pi ./var/lib 2>/dev/null | { read -r _; read -r _ total _ free _; [ "$total" = 0 ] || echo "$free"; })
  case $nodes in
    '' | *[!0-9]*) ;;
    *) [ "$nodes" -ge 500 ] || refuse "only $nodes inodes are free under /var/lib" "remove files that nobody needs" ;;
  esac
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

take_lock() {
  LOCK=/run/thornwall.lock
  [ "$LIVE" = 1 ] || LOCK=./var/lib/.thornwall.lock
  for tries in 1 2; do
    if mkdir "$LOCK" 2>/dev/null; then
      locked=1
      echo $$ >"$LOCK/pid"
      return 0
    fi
    read -r holder <"$LOCK/pid" || holder=
    if [ -n "$holder" ] && [ -d "/proc/$holder" ]; then break; fi
    rm -rf "$LOCK"
  done
  refuse "another thornwall prepares a change on this host now (process $holder)" "wait for it"
}

# a number of its own, one more than any before: the clock may be wrong
number() {
  if [ ! -d ./var/lib/thornwall ]; then
    # (the folder around it does not show that it came)
    touch -r ./var/lib "$LOCK/mtime"
    mkdir -m 700 ./var/lib/thornwall
    touch -r "$LOCK/mtime" ./var/lib
  fi
  last=0
  [ -f ./var/lib/thornwall/last ] && read -r last <./var/lib/thornwall/last
  case $last in '' | *[!0-9]*) last=0 ;; esac
  set +f
  for other in ./var/lib/thornwall/[0-9]*; do
    [ -d "$other" ] || continue
    # a change that never got further than this: its shell was killed
    [ -e "$other/state/rehearsal" ] && abandon "${other##*/}"
    other=${other##*/}
    while :; do case $other in 0?*) other=${other#0} ;; *) break ;; esac; done
    case $other in *[!0-9]*) continue ;; esac
    [ "$other" -gt "$last" ] && last=$other
  done
  set -f
  last=$((last + 1))
  ID=$(printf '%04d' "$last")
  D=./var/lib/thornwall/$ID
  VAULTS=$D
  mkdir -p "$D/state" "$D/secrets" && : >"$D/state/rehearsal" && echo "$last" >./var/lib/thornwall/last ||
    refuse "/var/lib/thornwall cannot be written" "is the disk full, or broken?"
}

abandon() {
  old=$ID ID=$1
  D=./var/lib/thornwall/$ID
  disarm
  [ -f "$D/vaults" ] && while read -r vault; do rm -rf "$vault"; done <"$D/vaults"
  rm -rf "$D"
  ID=$old
}

# what must still answer when the change is done: the port of this very connection, else those that sshd listens on
note_ports() {
  connection='' process=$$
  while [ "$process" -gt 1 ]; do
    connection=$(tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null | grep '^SSH_CONNECTION=') && break
    read -r line <"/proc/$process/stat"
    line=${line##*)}
    # shellcheck disable=SC2086
    set -- $line
    process=$2
  done
  : >"$D/ports"
  # shellcheck disable=SC2086
  set -- $connection
  if [ $# = 4 ]; then
    listens "$4" && echo "$4" >"$D/ports"
  elif listens 22; then
    echo 22 >"$D/ports"
  fi
}

# The folders on the way to what changes: where others than root may change them, somebody could put a link there while
# root writes. Their mtimes are kept. Sets `devs`, `missing`.
folders() {
  there='' missing='' unsafe=''
  while read -r path; do
    if [ -d "$path" ]; then there="$there $path"; else missing="$missing $path"; fi
  done <"$D/folders"
  # shellcheck disable=SC2086
  stats=$(t 60 stat -c '%f %a %u %d %n' -- $there)
  me=$(id -u)
  devs=$nl references='' count=0
  : >"$D/mtimes"
  IFS=$nl
  for line in $stats; do
    unset IFS
    # shellcheck disable=SC2086
    set -- $line
    case $1 in 4*) ;; *) unsafe="$unsafe $5" ;; esac
    case $2 in *[2367]? | *[2367]) unsafe="$unsafe $5" ;; esac
    [ "$3" = 0 ] || [ "$3" = "$me" ] || unsafe="$unsafe $5"
    devs=$devs$5:$4$nl
    # (a folder of somebody else's is none of ours: nothing comes or goes in it)
    safe "${5#.}/" || continue
    count=$((count + 1))
    references="$references $D/mtimes.d/$count"
    echo "$count $5" >>"$D/mtimes"
  done
  unset IFS
  case " $missing " in *" ./etc "*) refuse "there is no /etc" "is this the root of a system?" ;; esac
  # shellcheck disable=SC2086
  mkdir -p $references
  while read -r count path; do keep_mtime; done <"$D/mtimes"
  for path in $missing; do
    if [ "$path" = ./etc/systemd/system/sysinit.target.wants ]; then
      echo "$path" >"$D/made.armed"
    else
      echo "$path" >>"$D/made"
    fi
  done
  home_dev=$(stat -c %d "$D")
}

keep_mtime() {
  touch -r "$path" "$D/mtimes.d/$count"
  names "$path"
  printf '%s\n' "$entries" >"$D/mtimes.d/$count.names"
}

# whether none but root can change the way to PATH
safe() {
  folder=.$1
  while [ "$folder" != . ]; do
    folder=${folder%/*}
    case " $unsafe " in *" $folder "*) return 1 ;; esac
  done
}

only_root() {
  safe "$1" || refuse "${folder#.}, on the way to $1, is not root's alone (or a link): a link could be put there while root writes" \
    "name the real path; or take that right away first: chown root ${folder#.}; chmod go-w ${folder#.}"
}

# place PATH: sets V: the folder for what belongs to PATH, on the same file system
place() {
  folder=.${1%/*}
  until case $devs in *"$nl$folder:"*) true ;; *) false ;; esac; do folder=${folder%/*}; done
  number_=${devs#*"$nl$folder:"}
  number_=${number_%%"$nl"*}
  V=$D
  [ "$number_" = "$home_dev" ] && return 0
  mounted=
  while read -r _ point _; do
    case $PWD/${folder#./}/ in
      "${point%/}"/*) [ "${#point}" -gt "${#mounted}" ] && mounted=$point ;;
    esac
  done </proc/mounts
  mounted=${mounted#"${PWD%/}"}
  V=.${mounted%/}/.thornwall-$ID
  case " $VAULTS " in *" $V "*) ;; *) VAULTS="$VAULTS $V" ;; esac
}

# one path, before: as it was expected to be, or nothing is done at all
look_before() {
  if [ "$op" = M ]; then
    V=$D
    safe "$path" || V=fd
    case $kind in
      -) refuse "$path is not there" "audit again: the host has changed since it was read" ;;
      f | d) ;;
      *) refuse "$path is a link or no plain file" "root changes no mode behind a link" ;;
    esac
    case $expect in - | "m$mode_") ;; *)
      refuse "$path has mode $mode_, not ${expect#m} as it was read" "audit again: the host has changed" ;;
    esac
  else
    only_root "$path"
    place "$path"
    case $kind in d | o) refuse "$path is a folder or no plain file" "audit again: the host has changed" ;; esac
    case $expect in - | "$what") ;; *)
      if [ "$what" = absent ]; then now="is gone"
      elif [ "$expect" = absent ]; then now="is there by now"
      else now="is not as it was when it was read"; fi
      refuse "$path $now" "plan again: somebody has changed it in between" ;;
    esac
  fi
  echo "$V $kind $mode_ $uid $gid $ino $what" >>"$D/before.new"
}

# the new files, complete and with mode and owner, beside the old ones: only a rename is left to do
staged_files() {
  : >>"$D/before.new"
  mv "$D/before.new" "$D/before"
  for vault in $VAULTS; do echo "$vault"; done >"$D/vaults"
  folders_='' owners='' modes='' checks='' attributes=''
  exec 3<"$D/items" 4<"$D/before"
  while read -r op n mode user group _ new _ path <&3; do
    read -r V okind omode ouid ogid _ <&4
    [ "$op" = M ] && continue
    folders_="$folders_ $V/new${path%/*} $V/vault${path%/*}"
    [ "$op" = P ] || continue
    checks="$checks$new  $V/new$path$nl"
    if [ "$mode" = keep ] && [ "$okind" = f ]; then
      attributes="$attributes$V $omode $ouid $ogid $path$nl"
    else
      modes="$modes$mode $V/new$path$nl"
      [ "$user:$group" = root:root ] || owners="$owners$user:$group $V/new$path$nl"
    fi
  done
  exec 3<&- 4<&-
  # shellcheck disable=SC2086
  mkdir -p "$D/vault" $folders_
  new_files
  while [ -n "$modes" ]; do
    one_mode
    # shellcheck disable=SC2086
    chmod "$mode" $these || refuse "the mode of the new files cannot be set" "is the disk full?"
  done
  IFS=$nl
  for line in $owners; do
    unset IFS
    chown "${line%% *}" "${line#* }" || refuse "there is no ${line%% *} on this host" "audit again"
  done
  IFS=$nl
  for line in $attributes; do
    unset IFS
    # shellcheck disable=SC2086
    set -- $line
    # (with ACLs and extended attributes, where cp knows them)
    cp --attributes-only --preserve=mode,ownership,xattr ".$5" "$1/new$5" 2>/dev/null ||
      { chown "$3:$4" "$1/new$5" && chmod "$2" "$1/new$5"; } || refuse "the mode of $5 cannot be kept" "is the disk full?"
  done
  unset IFS
  [ -z "$checks" ] || printf %s "$checks" | sha256sum -c >/dev/null 2>&1 ||
    refuse "the new files did not arrive whole" "try again; is the disk full?"
}

# the originals: the very inode where the file system can link it, else a copy that keeps everything, compared
keep_originals() {
  for vault in $VAULTS; do
    list=''
    exec 3<"$D/items" 4<"$D/before"
    while read -r op _ _ _ _ _ _ _ path <&3; do
      read -r V okind _ <&4
      [ "$op" != M ] && [ "$V" = "$vault" ] && [ "$okind" != - ] && list="$list .$path"
    done
    exec 3<&- 4<&-
    [ -n "$list" ] || continue
    # shellcheck disable=SC2086
    cp -alP --parents -- $list "$vault/vault/" 2>/dev/null || link_each "$vault" $list
    for file in $list; do
      copy=$vault/vault/${file#./}
      [ "$copy" -ef "$file" ] && continue
      if [ -L "$file" ] && [ -L "$copy" ] && [ "$(readlink "$file")" = "$(readlink "$copy")" ]; then continue; fi
      cmp -s "$copy" "$file" || refuse "${file#.} cannot be kept" "is the disk full?"
    done
  done
}

link_each() {
  vault=$1
  shift
  for file; do
    copy=$vault/vault/${file#./}
    rm -f "$copy"
    ln -- "$file" "$copy" 2>/dev/null || cp -a -- "$file" "$copy" || refuse "${file#.} cannot be kept" "is the disk full?"
  done
}

# what else may change, as it is now: files of tools and of accounts, units, kernel settings
keep_runtime() {
  kept=''
  [ -f "$D/keeps" ] && while read -r n path; do
    if [ -e ".$path" ] || [ -L ".$path" ]; then
      only_root "$path"
      place "$path"
      [ "$V" = "$D" ] || refuse "$path is on another file system than /var/lib" "it cannot be kept there"
      kept="$kept .$path"
    fi
  done <"$D/keeps"
  mkdir -p "$D/kept"
  if [ -n "$kept" ]; then
    # shellcheck disable=SC2086
    cp -a --parents -- $kept "$D/kept/" 2>/dev/null || keep_each $kept
    # shellcheck disable=SC2086
    find $kept >"$D/kept.list"
    # shellcheck disable=SC2086
    find $kept -type d >"$D/kept.folders"
    while IFS= read -r path; do
      count=$((count + 1))
      echo "$count $path" >>"$D/mtimes"
      mkdir "$D/mtimes.d/$count"
      keep_mtime
    done <"$D/kept.folders"
    trees >"$D/before.kept"
  elif [ -f "$D/keeps" ]; then
    : >"$D/before.kept"
  fi
  [ "$LIVE" = 1 ] || return 0
  systemd && t 30 systemctl list-units --all --plain --no-legend --full \
    --type=service,socket,timer,path,mount,automount,swap >"$D/units"
  settings >"$D/sysctls"
}

keep_each() {
  for file; do
    folder=${file%/*}
    mkdir -p "$D/kept/$folder" && cp -a -- "$file" "$D/kept/$folder/" || refuse "${file#.} cannot be kept" "is the disk full?"
  done
}

# each setting that changes; one for all interfaces changes those of each
# (what is below /proc/sys is read in one piece or not at all, which `read` does not do)
keep_sysctl() {
  case $1 in
    /proc/sys/net/ipv[46]/conf/all/* | /proc/sys/net/ipv[46]/conf/default/*)
      set +f
      set -- "${1%/*/*}"/*/"${1##*/}"
      set -f
      ;;
  esac
  t 20 grep -H '' "$@" 2>/dev/null
}

# the hashes of all that undo relies on
seal() {
  cat /proc/sys/kernel/random/boot_id >"$D/boot" 2>/dev/null
  list=''
  for file in undo.sh apply.sh items before folders mtimes made vaults keeps kept.list before.kept units sysctls ports about; do
    [ -f "$D/$file" ] && list="$list $D/$file"
  done
  for vault in $VAULTS; do list="$list $vault/vault"; done
  # shellcheck disable=SC2086
  find $list "$D/kept" "$D/secrets" -type f -exec sha256sum {} + >"$D/sums" || refuse "the record cannot be sealed" "is the disk full?"
  settle
}

# what the owners' own tools say of the merged result
validate() {
  if ! has unshare; then
    say VALID "the merged result" "unshare is not on this host"
    return
  fi
  said=$(t 90 unshare --mount --propagation private /bin/sh "$D/validate.sh" 2>/dev/null) || said="the merged result${tab}it could not be looked at"
  IFS=$nl
  for line in $said; do
    unset IFS
    case $line in
      *"${tab}fail$tab"*)
        refuse "${line%%"$tab"*} refuses the new files: ${line#*"${tab}fail$tab"}" "nothing was changed; mend the settings first" ;;
      *"$tab"*) say VALID "${line%%"$tab"*}" "${line#*"$tab"}" ;;
      *) say VALID "$line" - ;;
    esac
  done
  unset IFS
}

# the guard: a timer for the deadline, a unit for the next boot, and each must show that it can do its work
arm() {
  armed=1
  echo "$N" >"$D/rehearsal"
  if [ -w /proc/sys/kernel/panic ]; then
    cat /proc/sys/kernel/panic >"$D/panic"
    echo 10 >/proc/sys/kernel/panic
  fi 2>/dev/null
  write_units
  t 60 systemctl daemon-reload || refuse "systemd does not reload" "look at: systemctl status"
  t 60 systemctl start "thornwall-undo-$ID.service" "thornwall-boot-$ID.service" ||
    refuse "the units that would take the change back do not start" "look at: journalctl -u 'thornwall-*'"
  for way in undo boot; do
    for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      acknowledged=
      [ -s "$D/acknowledged.$way" ] && read -r acknowledged <"$D/acknowledged.$way"
      [ "$acknowledged" = "$N" ] && break
      sleep 0.2 2>/dev/null || sleep 1
    done
    [ "$acknowledged" = "$N" ] || refuse "the way back was rehearsed and did not work (thornwall-$way-$ID.service)" \
      "nothing was changed; look at: journalctl -u thornwall-$way-$ID"
  done
  set_timer
  echo "$deadline" >"$D/deadline"
  say ARMED "$deadline"
  tell ARMED "$deadline"
}

# An absolute time: a countdown would begin again at every reload of systemd. In a container systemd counts from its own
# start, so that is what we count from everywhere. Its clock stands still while the host sleeps, and the uptime does not:
# what systemd answers is looked at, and set right once.
set_timer() {
  began=$(t 20 systemctl show -p UserspaceTimestampMonotonic --value)
  case $began in '' | *[!0-9]*) refuse "systemd does not tell its clock" "is it older than 236?" ;; esac
  uptime_
  deadline=$((up + WINDOW)) slept=0
  for tries in 1 2; do
    after=$((deadline + 1 - slept - began / 1000000))
    t 30 systemd-run --quiet --unit="thornwall-undo-$ID" --on-startup="$after" --timer-property=AccuracySec=100ms \
      --description="Thornwall: takes change $ID back unless it is confirmed" || break
    shown=$(t 20 systemctl show -p NextElapseUSecMonotonic -p ActiveEnterTimestampMonotonic "thornwall-undo-$ID.timer")
    entered=${shown#*ActiveEnterTimestampMonotonic=} next=${shown#*NextElapseUSecMonotonic=}
    entered=${entered%%"$nl"*} next=${next%%"$nl"*}
    case $entered in '' | *[!0-9]*) break ;; esac
    uptime_
    slept=$((up - entered / 1000000))
    timespan "$next"
    ahead=$((span - entered / 1000000))
    [ "$ahead" -ge $((WINDOW - 2)) ] && [ "$ahead" -le $((WINDOW + 3)) ] && return 0
    t 30 systemctl stop "thornwall-undo-$ID.timer"
  done
  refuse "the timer that would take the change back does not start" "nothing was changed; systemctl list-timers tells more"
}

# sets `span`: whole seconds of what systemd writes as `1d 2h 3min 4.5s`
timespan() {
  span=0
  for word in $1; do
    count=${word%%[!0-9]*}
    case $word in
      *us | *ms) count=0 ;;
      *month) count=$((count * 2629800)) ;;
      *min) count=$((count * 60)) ;;
      *h) count=$((count * 3600)) ;;
      *d) count=$((count * 86400)) ;;
      *w) count=$((count * 604800)) ;;
      *y) count=$((count * 31557600)) ;;
      *s) ;;
      *) count=0 ;;
    esac
    span=$((span + count))
  done
}

write_units() {
  [ ! -f "$D/made.armed" ] || mkdir -m 755 /etc/systemd/system/sysinit.target.wants
  printf '%s\n' '[Unit]' \
    "Description=Thornwall: takes change $ID back" \
    'DefaultDependencies=no' 'Conflicts=shutdown.target' 'Before=shutdown.target' 'IgnoreOnIsolate=yes' \
    '[Service]' 'Type=oneshot' 'TimeoutStartSec=900' "ExecStart=/bin/sh /var/lib/thornwall/$ID/undo.sh --deadline" \
    >"/run/systemd/system/thornwall-undo-$ID.service" &&
    printf '%s\n' '[Unit]' \
      "Description=Thornwall: looks after change $ID at boot" \
      'DefaultDependencies=no' 'Conflicts=shutdown.target' 'Before=shutdown.target' 'IgnoreOnIsolate=yes' \
      'RequiresMountsFor=/var/lib/thornwall' 'After=systemd-remount-fs.service local-fs.target' \
      '[Service]' 'Type=simple' "ExecStart=/bin/sh /var/lib/thornwall/$ID/undo.sh --boot" \
      '[Install]' 'WantedBy=sysinit.target' \
      >"/etc/systemd/system/thornwall-boot-$ID.service" &&
    chmod 644 "/run/systemd/system/thornwall-undo-$ID.service" "/etc/systemd/system/thornwall-boot-$ID.service" &&
    ln -s "../thornwall-boot-$ID.service" "/etc/systemd/system/sysinit.target.wants/thornwall-boot-$ID.service" ||
    refuse "the units that would take the change back cannot be written" "is the disk full?"
  settle
}

# a unit of its own: neither the end of this session nor that of sshd stops it half-way
launch() {
  if [ "$LIVE" != 1 ]; then
    /bin/sh "$D/apply.sh" >/dev/null 2>&1
    return 0
  fi
  t 30 systemd-run --quiet --collect --no-block --unit="thornwall-apply-$ID" \
    --description="Thornwall: makes change $ID" -p OnFailure="thornwall-undo-$ID.service" -p TimeoutStopSec=5 \
    -p IgnoreOnIsolate=yes -p DefaultDependencies=no \
    /bin/sh "/var/lib/thornwall/$ID/apply.sh" && return 0
  tell FAILED start "systemd-run does not start the change"
  t 30 systemctl start --no-block "thornwall-undo-$ID.service"
}

# new_file PATH TEXT, new_link PATH TARGET: beside the old ones, on the same file system
new_file() {
  place "$1"
  printf %b "$2" >"$V/new$1" || refuse "the new $1 cannot be written" "is the disk full?"
}

new_link() {
  place "$1"
  ln -s -- "$2" "$V/new$1" || refuse "the new $1 cannot be written" "is the disk full?"
}

# hashed USER FILE PASSWORD: the password goes through a pipe, and only its hash is written
hashed() {
  hash=''
  has perl && hash=$(printf '%s\n' "$3" | timeout -k 2 20 perl -e '
    my $p = <STDIN>; chomp $p; open(my $r, "<", "/dev/urandom") or exit 1; read($r, my $b, 24);
    my @c = (".", "/", 0 .. 9, "A" .. "Z", "a" .. "z"); my $s = join "", map { $c[ord($_) % 64] } split //, $b;
    for my $salt ("\$y\$j9T\$$s", "\$6\$" . substr($s, 0, 16)) {
      my $h = crypt($p, $salt); if (defined $h && index($h, $salt) == 0 && length($h) > length($salt) + 20) { print $h; exit }
    }' 2>/dev/null)
  [ -n "$hash" ] || ! has openssl || hash=$(printf '%s\n' "$3" | timeout -k 2 20 openssl passwd -6 -stdin 2>/dev/null)
  case $hash in
    '$y$'* | '$6$'*) printf '%s:%s\n' "$1" "$hash" >"$D/secrets/$2" ;;
    *) refuse "the password of $1 cannot be hashed on this host" "install perl or openssl" ;;
  esac
}

# show: an event of the journal to whoever asked; the status once it is over
show() {
  printf '%s\t%s\t%s\n' "$N" "$event" "$fields"
  case $event in
    APPLIED | COMMITTED) return 100 ;;
    UNDONE) return 10 ;;
    STUCK) return 12 ;;
  esac
}
