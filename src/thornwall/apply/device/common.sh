# What both halves of a change need: the one that applies it and the one that takes it back.
# All paths are relative to the root of the system (./etc/…), and hold plain characters only: no blanks, no wildcards.

setup() {
  umask 077
  set -f
  LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
  # (SYSTEMD_…: a pager or colours; DEBIAN_FRONTEND: tools of packages ask nobody)
  SYSTEMD_PAGER='' SYSTEMD_COLORS=0 DEBIAN_FRONTEND=noninteractive
  export LC_ALL PATH SYSTEMD_PAGER SYSTEMD_COLORS DEBIAN_FRONTEND
  unset CDPATH ENV BASH_ENV GREP_OPTIONS POSIXLY_CORRECT PERL5LIB PERL5OPT PYTHONPATH PYTHONHOME LD_PRELOAD LD_LIBRARY_PATH
  unset IFS
  nl='
'
  tab='	'
  D=./var/lib/thornwall/$ID
  if has timeout; then limited=1; else limited='' && timeout() { shift 3; "$@"; }; fi
}

# t SECONDS PROGRAM ARGUMENT…: never waits for ever
t() {
  seconds=$1
  shift
  timeout -k 2 "$seconds" "$@" </dev/null
}

# ask SECONDS PROGRAM ARGUMENT…: the same in a $(…), whose shell the program takes the place of: a process less
ask() {
  seconds=$1
  shift
  [ -z "$limited" ] || exec timeout -k 2 "$seconds" "$@" </dev/null
  exec "$@" </dev/null
}

has() { command -v "$1" >/dev/null 2>&1; }

# thrice COMMAND…: until it works: while systemd is executed anew it answers nobody
thrice() {
  "$@" || { sleep 1 && "$@"; } || { sleep 1 && "$@"; }
}

# run_unit OVER UNIT OPTION… COMMAND…: systemd runs it, by itself. It may say no and have begun it all the same: then it is
# running, or the function OVER knows that it has been. `text` is why it is not.
run_unit() {
  over=$1 unit=$2
  shift 2
  said=$(ask 30 systemd-run --quiet --collect --no-block --unit="$unit" "$@" 2>&1) && return 0
  case $(ask 20 systemctl is-active "$unit.service") in active | activating | deactivating) return 0 ;; esac
  one_line "$said"
  "$over"
}

systemd() { [ "$LIVE" = 1 ] && [ -d /run/systemd/system ]; }

# sets `up`: seconds since the boot, `ticks`: hundredths of them
uptime_() {
  read -r up _ </proc/uptime
  ticks=${up%.*}${up#*.} up=${up%.*}
}

# All that the change has to do with is on the disk. (A time limit would be of no use: what waits for a disk cannot be
# killed.)
settle() {
  places="$D ./etc"
  [ ! -f "$D/vaults" ] || while read -r place_; do
    [ "$place_" = "$D" ] || places="$places $place_"
  done <"$D/vaults"
  # shellcheck disable=SC2086
  sync -f $places 2>/dev/null || sync
}

# one_line TEXT: sets `text`: the same without tabs and line ends
one_line() {
  IFS=$tab$nl
  # shellcheck disable=SC2086 # it is to be split
  set -- $1
  IFS=' '
  text=$*
  unset IFS
}

# tell EVENT FIELD…: one line of the journal, `seq uptime event fields… length`, fields between tabs. What is torn at its
# end by a power cut does not have its length there. A full disk does not stop what is going on.
tell() {
  line=$1
  shift
  for field; do
    one_line "$field"
    line=$line$tab${text:--}
  done
  uptime_
  seq=$((${seq:-0} + 1))
  line=$seq$tab$up$tab$line
  printf '%s\t%s\n' "$line" "${#line}" 2>/dev/null >>"$D/journal" || :
}

# sets `seq` to the last line's number
journal_end() {
  seq=0
  [ -f "$D/journal" ] || return 0
  while read -r first _; do
    case $first in '' | *[!0-9]*) ;; *) seq=$first ;; esac
  done <"$D/journal"
  # behind a torn line ours begins on a line of its own
  printf '\n' 2>/dev/null >>"$D/journal" || :
}

# token FROM TO: whoever renames it decides; there is only one
token() {
  mv "$D/state/$1" "$D/state/$2" 2>/dev/null || return 1
  settle
}

# after_a_cut FOLDER: package work that a power cut ended is accounted for (on this system alone: it runs what is there)
after_a_cut() {
  [ "$LIVE" = 0 ] || [ ! -e "$1/state/open" ] || [ ! -f "$1/work.sh" ] || sh "$1/undo.sh" --cut-off >/dev/null 2>&1
}

# sets `state`: rehearsal, open, confirmed, undoing, undone, or empty
read_state() {
  state=''
  for state_ in rehearsal open confirmed undoing undone; do
    [ -e "$D/state/$state_" ] && state=$state_
  done
  return 0
}

# walk FUNCTION: calls it for each path of the change. It finds what the change is to make of the path (op n mode user
# group owner new expect path), what was there before, once that is known (V okind omode ouid ogid oino owhat), and what
# is there now (kind mode_ uid gid dev ino links what).
walk() {
  all='' hashed='' stats='' sums=''
  while read -r op n _ _ _ _ _ _ path; do
    if [ -L ".$path" ]; then
      all="$all .$path"
    elif [ -e ".$path" ]; then
      all="$all .$path"
      [ "$op" != M ] && [ -f ".$path" ] && hashed="$hashed .$path"
    fi
  done <"$D/items"
  # shellcheck disable=SC2086 # plain words
  [ -z "$all" ] || stats=$(stat -c '%f %a %u %g %d %i %h %N' -- $all)$nl
  # shellcheck disable=SC2086
  [ -z "$hashed" ] || sums=$(sha256sum -- $hashed)$nl
  exec 3<"$D/items"
  if [ -f "$D/before" ]; then exec 4<"$D/before"; else exec 4</dev/null; fi
  while read -r op n mode user group owner new expect path <&3; do
    read -r V okind omode ouid ogid oino owhat <&4
    look
    "$1"
  done
  exec 3<&- 4<&-
}

# the next line of `stats`, and of `sums`, if they are about `path`
look() {
  kind=- mode_=- uid=- gid=- dev=- ino=- links=- what=absent
  first=${stats%%"$nl"*}
  case $first in
    *" .$path" | *" '.$path'" | *" '.$path' -> '"*"'") ;;
    *) return 0 ;;
  esac
  stats=${stats#*"$nl"}
  # shellcheck disable=SC2086
  set -- $first
  raw=$1 mode_=$2 uid=$3 gid=$4 dev=$5 ino=$6 links=$7
  shift 7
  name=$*
  case $raw in
    8*)
      kind=f what=-
      case $sums in
        *"  .$path$nl"*)
          what=${sums%%"  .$path$nl"*}
          what=${what##*"$nl"}
          ;;
      esac
      ;;
    a*)
      kind=l name=${name#*"' -> '"}
      what=link:${name%"'"}
      ;;
    4*) kind=d what=dir ;;
    *) kind=o what=other ;;
  esac
}

# takes the files of one mode out of `modes` (`mode path` a line): sets `mode` and `these`
one_mode() {
  mode=${modes%% *} these='' others=''
  IFS=$nl
  for line in $modes; do
    case $line in "$mode "*) these="$these ${line#* }" ;; *) others=$others$line$nl ;; esac
  done
  unset IFS
  modes=$others
}

# owned_by USER GROUP: sets `who` for chown; `-` is as it was. A system that is mounted has accounts and numbers of its own:
# those of this machine are others, or none. Where there is no such account, `said` tells it.
owned_by() {
  user_=${1#-} group_=${2#-} who=-
  if [ "$LIVE" = 0 ]; then
    [ -z "$user_" ] || id_of passwd "$user_" || return 1
    [ -z "$user_" ] || user_=$id_
    [ -z "$group_" ] || id_of group "$group_" || return 1
    [ -z "$group_" ] || group_=$id_
  fi
  [ -z "$user_$group_" ] || who=$user_${group_:+:$group_}
}

# id_of passwd|group NAME: sets `id_`, and `login_group_` of an account, by the files of this system
id_of() {
  id_=0 login_group_=0
  [ "$2" != root ] || return 0
  while IFS=: read -r name_ _ id_ login_group_ _ || [ -n "$name_" ]; do [ "$name_" != "$2" ] || return 0; done <"./etc/$1"
  said="there is no $2 in its /etc/$1"
  return 1
}

# meta HOW ACCOUNT MODE USER:GROUP PATH STATE: where others than root may change the folders on the way. Either with the
# rights of the account in whose home it lies, or on the file that was opened, after a look that it is the right one.
meta() {
  if [ "$2" != - ]; then
    if [ "$LIVE" = 0 ]; then
      id_of passwd "$2" || { echo "$said" && return 1; }
      set -- "$@" setpriv --reuid="$id_" --regid="$login_group_" --clear-groups
    elif has setpriv && gid_=$(id -g "$2"); then
      set -- "$@" setpriv --reuid="$2" --regid="$gid_" --init-groups
    else
      set -- "$@" runuser -u "$2" --
    fi
    mode_wanted=$3 who_wanted=$4 file_=$5
    shift 6
    [ "$who_wanted" = - ] || t 30 "$@" chown -h "$who_wanted" "$file_" || return 1
    [ "$mode_wanted" = - ] || t 30 "$@" chmod "$mode_wanted" "$file_"
  else
    # shellcheck disable=SC2016
    t 30 sh -c '
      if [ ! -f "$3" ] && [ ! -d "$3" ]; then exit 1; fi
      exec 9<"$3" || exit 1
      found=$(stat -L -c "%f %a %u %g %i %h" /proc/self/fd/9) || exit 1
      case $found in
        8*" 1") found="f ${found#* }" ;;
        4*) found="d ${found#* }" ;;
        *) found=other ;;
      esac
      [ "${found% *}" = "$4" ] || { echo "it is not what was looked at before"; exit 1; }
      [ "$2" = - ] || chown "$2" /proc/self/fd/9 || exit 1
      [ "$1" = - ] || chmod "$1" /proc/self/fd/9' sh "$3" "$4" "$5" "$6"
  fi
}

# whether a TCP port is being listened on, in any family
listens() {
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    while read -r _ local_ _ how _; do
      [ "$how" = 0A ] && [ "$((0x${local_##*:}))" = "$1" ] && return 0
    done <"$table"
  done
  return 1
}

# whether what listened for logins before does so still; it may need a moment
ways_in_listen() {
  deaf=''
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    deaf=''
    while read -r wanted; do
      listens "$wanted" || deaf="$deaf $wanted"
    done <"$D/ports"
    [ -z "$deaf" ] && return 0
    [ "$tries" = 10 ] || sleep 0.3 2>/dev/null || sleep 1
  done
  return 1
}

# whether the name that was found before is found still (whoever answers may have been started anew a moment ago)
names_found() {
  [ -s "$D/found" ] && read -r name <"$D/name" || return 0
  for tries in 1 2 3; do
    t 5 getent hosts "$name" >/dev/null 2>&1 && return 0
    sleep 2
  done
  return 1
}

# follow FUNCTION [LINE [CHECK]]: hands every line of the journal after number LINE to FUNCTION as `event` and its fields,
# and ends when the function says 1 or more: that is the status. The work goes on whoever watches. CHECK is called now
# and then while nothing comes.
follow() {
  waits=0
  exec 5<"$D/journal"
  while :; do
    if IFS=$tab read -r number when_ event fields <&5; then
      case $number in '' | *[!0-9]*) continue ;; esac
      [ "$number" -gt "${2:-0}" ] || continue
      long=${fields##*"$tab"}
      case $fields in *"$tab"*) fields=${fields%"$tab"*} ;; *) fields='' ;; esac
      # (a power cut may have torn it)
      line_=$number$tab$when_$tab$event${fields:+$tab$fields}
      [ "$long" = "${#line_}" ] || continue
      unset IFS
      "$1" && continue
      status=$?
      exec 5<&-
      return "$status"
    fi
    waits=$((waits + 1))
    [ $((waits % 20)) != 0 ] || ${3:-:}
    case $waits in
      [1-5]) pause=0.2 ;;
      [6-9]) pause=0.5 ;;
      *) pause=1 ;;
    esac
    sleep "$pause" 2>/dev/null || sleep 1
  done
}

# what is in the files and folders that tools and accounts may change, a line each, twice for files
trees() {
  sort_kept
  [ -n "$deep$single" ] || return 0
  # (no brackets: the find of busybox runs nothing of what is between them)
  # shellcheck disable=SC2086
  find $deep $single ! -name 'thornwall-*[0-9][0-9][0-9][0-9]*' -type d -exec stat -c '%f %u %g - %N' {} + -o \
    ! -name 'thornwall-*[0-9][0-9][0-9][0-9]*' ! -type d -exec stat -c '%f %u %g %Y %N' {} + -type f -exec sha256sum {} +
}

# what is there of them, by name: a line each
kept_names() {
  sort_kept
  for path in $single; do echo "$path"; done
  # shellcheck disable=SC2086
  [ -z "$deep" ] || find $deep ! -name 'thornwall-*[0-9][0-9][0-9][0-9]*'
}

# sets `deep`: the folders of those that are there; `single`: all else
sort_kept() {
  deep='' single=''
  while read -r _ path; do
    if [ -d ".$path" ] && [ ! -L ".$path" ]; then
      deep="$deep .$path"
    elif [ -e ".$path" ] || [ -L ".$path" ]; then
      single="$single .$path"
    fi
  done <"$D/keeps"
}

# stop_process NAME [SIGNAL]: what runs in a session of its own, with all that it started; only if the number is still its.
# (`timeout` makes a process group of its own: the session is what they have in common)
stop_process() {
  pid_file=$D/$1.pid
  [ -f "$pid_file" ] || return 0
  read -r process <"$pid_file"
  # (a number of an earlier boot may be this very process)
  [ "$process" != $$ ] || return 0
  line_=''
  read -r line_ 2>/dev/null <"/proc/$process/cmdline"
  case $line_ in
    *"/var/lib/thornwall/$ID/"*)
      kill "-${2:-KILL}" "$process" 2>/dev/null
      set +f
      for each_ in /proc/[0-9]*; do
        read -r line_ 2>/dev/null <"$each_/stat" || continue
        # shellcheck disable=SC2086 # `state parent group session …`
        set -- ${line_##*) }
        [ "$4" != "$process" ] || kill -KILL "${each_##*/}" 2>/dev/null
      done
      set -f
      ;;
  esac
  rm -f "$pid_file"
}

# detached PROGRAM ARGUMENT…: outlives this session
detached() { setsid "$@" </dev/null >/dev/null 2>&1 & }

# names FOLDER: what is in it, as one word
names() {
  set +f
  # shellcheck disable=SC2046,SC2086
  set -- "$1"/* "$1"/.[!.]* "$1"/..?*
  set -f
  IFS=/
  entries="$*"
  unset IFS
}

# the unit of the boot
boot_unit() {
  unit_=/etc/systemd/system/thornwall-boot-$ID.service
  printf '%s\n' '[Unit]' \
    "Description=Thornwall: looks after change $ID at boot" \
    'DefaultDependencies=no' 'Conflicts=shutdown.target' 'Before=shutdown.target' 'IgnoreOnIsolate=yes' \
    'RequiresMountsFor=/var/lib/thornwall' 'After=systemd-remount-fs.service local-fs.target' 'StartLimitIntervalSec=0' \
    '[Service]' 'Type=simple' 'Restart=on-abnormal' 'RestartSec=500ms' \
    "ExecStart=/bin/sh /var/lib/thornwall/$ID/undo.sh --boot" \
    '[Install]' 'WantedBy=sysinit.target' >"$unit_" && chmod 644 "$unit_" &&
    ln -s "../${unit_##*/}" "/etc/systemd/system/sysinit.target.wants/${unit_##*/}"
}

# persist SECONDS systemctl ARGUMENT…: once more where systemd answers nobody, since it is just executed anew (status 1).
# Not for what starts something: that fails with the same status.
persist() {
  for tries_ in 1 2 3; do
    t "$@" 2>/dev/null
    status_=$?
    [ "$status_" = 1 ] || return "$status_"
    sleep 1
  done
  return 1
}

# whether systemd answers: what says no at once may be just executed anew, what hangs has crashed
answers() {
  for tries_ in 1 2 3; do
    t 20 systemctl show -p Version >/dev/null 2>&1
    case $? in
      0) return 0 ;;
      124) return 1 ;;
    esac
    sleep 1
  done
  return 1
}

# takes the guard away: a login that waits, the timer, the unit or hook of the boot, the kernel's panic.
# The unit that this runs in, `own`, stays one in /run until its very end: when this is killed, systemd begins it anew, and
# what it has forgotten it does not.
disarm() {
  if [ "$LIVE" = 1 ]; then
    [ "$WANT" = watch ] || stop_process watch
    stop_process canary
    stop_process standby TERM
    panic_back
    if [ -d /run/systemd/system ]; then
      # (where the disk was full, the number of the second hand is not known)
      others="thornwall-undo-$ID.timer"
      [ "$own" = boot ] || others="$others thornwall-boot-$ID.service"
      # shellcheck disable=SC2086
      persist 30 systemctl stop $others
    fi
    others=''
    [ "$own" = undo ] || others="/run/systemd/system/thornwall-undo-$ID.service"
    [ "$own" = boot ] || others="$others /run/systemd/system/thornwall-boot-$ID.service"
    # shellcheck disable=SC2086
    rm -f $others
    [ "$own" != boot ] || cp "/etc/systemd/system/thornwall-boot-$ID.service" /run/systemd/system/ 2>/dev/null
  fi
  [ ! -f "$D/mtimes" ] || mtimes_back
  guard_files_go
  if [ "$LIVE" = 1 ] && [ -d /run/systemd/system ]; then
    persist 60 systemctl daemon-reload
    persist 20 systemctl reset-failed "thornwall-*-$ID.service"
  fi
  return 0
}

panic_back() {
  [ -f "$D/panic" ] || return 0
  read -r panic <"$D/panic"
  [ -w /proc/sys/kernel/panic ] && echo "$panic" >/proc/sys/kernel/panic
  rm -f "$D/panic"
}

# The last of the guard that a boot would find. After a power cut from here on nobody goes on with it: so the times of all
# other folders are back by now, those of its own come at once (within a millisecond or two), and what takes long comes last.
guard_files_go() {
  places_=' ./etc/systemd/system ./etc/systemd/system/sysinit.target.wants '
  files_="./etc/systemd/system/sysinit.target.wants/thornwall-boot-$ID.service"
  files_="$files_ ./etc/systemd/system/thornwall-boot-$ID.service"
  [ ! -f "$D/hook" ] || while read -r path; do files_="$files_ $path" places_="$places_${path%/*} "; done <"$D/hook"
  # shellcheck disable=SC2086
  rm -f $files_
  [ ! -f "$D/made.armed" ] || while read -r path; do rmdir "$path" 2>/dev/null; done <"$D/made.armed"
  [ ! -f "$D/mtimes" ] || mtimes_back "$places_"
}

# mtimes_back [" FOLDER … "]: the mtimes of the folders in which things came and went, if they hold again what they held
mtimes_back() {
  [ ! -e "$D/armed.system" ] || touch -r "$D/armed.system" ./etc/systemd/system
  [ ! -e "$D/armed.wants" ] || [ ! -d ./etc/systemd/system/sysinit.target.wants ] ||
    touch -r "$D/armed.wants" ./etc/systemd/system/sysinit.target.wants
  while read -r count mtime path; do
    case ${1:-" $path "} in *" $path "*) ;; *) continue ;; esac
    [ -d "$path" ] || continue
    names "$path"
    before_=''
    [ -f "$D/mtimes.d/$count.names" ] && IFS= read -r before_ <"$D/mtimes.d/$count.names"
    [ "$entries" = "$before_" ] || continue
    if [ "$mtime" = - ]; then
      touch -r "$D/mtimes.d/$count" "$path"
    else
      # (a rescue system's own touch may know whole seconds only)
      touch -d "@$mtime" "$path" 2>/dev/null || touch -d "@${mtime%.*}" "$path"
    fi
  done <"$D/mtimes"
}
