main() {
  FORCE='' BRING='' FRAME='' WANT=hand
  case $0 in */*) here=$(cd -P "${0%/*}" && pwd -P) ;; *) here=$(pwd -P) ;; esac
  ID=${here##*/} ROOT=${here%/var/lib/thornwall/*}
  while [ $# -gt 0 ]; do
    case $1 in
      --check | --deadline | --boot | --run | --here | --watch) WANT=${1#--} ;;
      --force) FORCE=1 ;;
      --bring-back-known-passwords) BRING=1 ;;
      --root) ROOT=$2 && shift ;;
      --frame) FRAME=$2 && shift ;;
      -*) usage ;;
      *) ROOT=$1 ;;
    esac
    shift
  done
  cd -P "${ROOT:-/}" || exit 1
  LIVE=0
  [ "$PWD" = / ] && LIVE=1
  setup
  [ -d "$D" ] || { echo "there is no $PWD/var/lib/thornwall/$ID" >&2; exit 1; }
  read_state
  case $WANT in
    check) check && echo "the record of change $ID is whole" ;;
    deadline) deadline ;;
    boot) at_boot ;;
    run | here) now ;;
    *) by_hand ;;
  esac
}

usage() {
  echo "sh undo.sh [--check] [--root FOLDER] [--force] [--bring-back-known-passwords] [--here]" >&2
  exit 2
}

# whether all that undo relies on is whole
check() {
  [ -s "$D/sums" ] && sha256sum -c "$D/sums" >/dev/null 2>&1 && return 0
  echo "the record of change $ID is damaged: see sha256sum -c $PWD/var/lib/thornwall/$ID/sums" >&2
  return 1
}

# sets `how`: inside its window a change goes whatever has come on top; later others have to be asked
set_how() {
  how=window
  [ -e "$D/later" ] && how=later
  return 0
}

# Only one at a time takes it back; whoever comes second waits for the first. (On the disk there may be no room.)
alone() {
  BUSY=/run/thornwall-$ID.busy
  [ "$LIVE" = 1 ] || BUSY=$D/busy
  until mkdir "$BUSY" 2>/dev/null; do
    holder=''
    [ -f "$BUSY/pid" ] && read -r holder <"$BUSY/pid"
    if [ -n "$holder" ] && [ "$holder" != $$ ] && [ -d "/proc/$holder" ]; then
      sleep 1
    else
      [ "$holder" = $$ ] && break
      rm -rf "$BUSY"
    fi
  done
  echo $$ >"$BUSY/pid"
  read_state
}

same_boot() {
  [ "$(cat /proc/sys/kernel/random/boot_id)" = "$(cat "$D/boot")" ]
}

# before anything starts, the units show that they could
rehearse() {
  check || exit 1
  read -r nonce <"$D/rehearsal" && echo "$nonce" >"$D/acknowledged.$1"
}

deadline() {
  case $state in
    rehearsal) rehearse undo && exit 0 ;;
  esac
  alone
  case $state in open | undoing) ;; *) leave 0 ;; esac
  journal_end
  if [ "$state" = open ]; then
    # who was faster has confirmed it
    token open undoing || leave 0
    tell TAKING_BACK "${WHY:-nobody confirmed it in time, or it failed}"
  fi
  set_how
  for tries in 1 2 3; do
    take_back "$how" && leave 0
    sleep 2
  done
  if [ ! -e "$D/rebooted" ]; then
    tell REBOOTING "what could not be taken back at once is taken back at boot"
    : >"$D/rebooted"
    settle
    reboot_
    leave 1
  fi
  tell STUCK "$problems"
  leave 1
}

leave() {
  rm -rf "$BUSY"
  exit "$1"
}

reboot_() {
  if systemd; then t 60 systemctl --no-block reboot; else t 60 reboot; fi
}

at_boot() {
  case $state in
    rehearsal)
      if same_boot; then rehearse boot; else disarm; fi
      exit
      ;;
    confirmed) health ;;
    open | undoing) ;;
    *)
      disarm
      exit
      ;;
  esac
  journal_end
  if [ "$state" = open ]; then
    token open undoing || exit 1
    tell TAKING_BACK "the host started again before anybody had confirmed it"
  fi
  alone
  set_how
  if [ ! -e "$D/rebooted" ]; then
    files_first
    # what has been started meanwhile has read the files as they were: once more, from the beginning
    if [ -n "$changed" ]; then
      tell REBOOTING "the files are back; once more, so that everything starts with them"
      settle
      reboot_ && leave 0
    fi
  fi
  systemd && t 300 systemctl is-system-running --wait >/dev/null
  for tries in 1 2 3; do
    take_back "$how" && leave 0
    sleep 5
  done
  tell STUCK "$problems"
  leave 1
}

# at boot: the files, before all else; and only one reboot ever
files_first() {
  problems=''
  files_back
  kept_back "$how"
  folders_back
  : >"$D/rebooted"
  settle
}

# After the confirmation: the first boot must still let people in. Only what the change can have broken counts.
health() {
  if systemd; then t 300 systemctl is-system-running --wait >/dev/null; else sleep 60; fi
  journal_end
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if ways_in_listen; then
      tell HEALTHY
      disarm
      mtimes_back
      exit 0
    fi
    sleep 10
  done
  token confirmed undoing || exit 1
  tell TAKING_BACK "after the boot nothing listened on port$deaf"
  : >"$D/later"
  set_how
  alone
  files_first
  reboot_
  leave 0
}

# by hand: in a unit of its own where there is one, for this session may end when sshd starts again
by_hand() {
  case $state in
    undone)
      out UNDONE "$ID"
      exit 0
      ;;
    rehearsal | '') refuse "change $ID was never made" "there is nothing to take back" ;;
  esac
  check 2>/dev/null || [ -n "$FORCE" ] || refuse "the record of change $ID is damaged" \
    "see: sha256sum -c /var/lib/thornwall/$ID/sums; with --force what can be given back is given back"
  journal_end
  number=$seq
  if [ "$state" = confirmed ]; then
    in_the_way
    conflicts
  fi
  if systemd; then
    options=''
    [ -z "$FORCE" ] || options="$options --force"
    [ -z "$BRING" ] || options="$options --bring-back-known-passwords"
    # shellcheck disable=SC2086
    t 30 systemd-run --quiet --collect --no-block --unit="thornwall-back-$ID" \
      --description="Thornwall: takes change $ID back" \
      /bin/sh "/var/lib/thornwall/$ID/undo.sh" --run $options || refuse "systemd-run does not start it" "try: sh undo.sh --here"
  else
    now &
  fi
  follow show_hand "$number"
  status=$?
  [ "$status" = 100 ] && exit 0
  exit "$status"
}

show_hand() {
  out "$event" "$fields"
  case $event in
    UNDONE) return 100 ;;
    REFUSED) return 11 ;;
    STUCK) return 12 ;;
    REBOOTING) return 13 ;;
  esac
}

# out EVENT FIELDS: framed for a program, or words for a person
out() {
  if [ -n "$FRAME" ]; then
    printf '%s\t%s\t%s\n' "$FRAME" "$1" "$2"
    return
  fi
  case $1 in
    UNDONE) echo "Change $ID is taken back: the host is as it was before." ;;
    DIFFERS) echo "Not as it was left: $2" ;;
    STUCK) echo "Not everything could be taken back: $2" ;;
    *) echo "$1 $2" ;;
  esac
}

refuse() {
  one_line "$1"
  why=$text
  one_line "$2"
  out REFUSED "$why$tab$text"
  exit 11
}

# the order of a stack: what came later may stand on this
in_the_way() {
  later=''
  set +f
  for other in ./var/lib/thornwall/[0-9]*/state/confirmed; do
    other=${other%/state/*}
    other=${other##*/}
    [ -d "./var/lib/thornwall/$other" ] && [ "$other" -gt "$ID" ] && later="$later $other"
  done
  set -f
  [ -z "$later" ] || [ -n "$FORCE" ] || refuse "later changes are in the way:$later" "undo those first, the latest one before the others"
}

# what somebody has changed since is not thrown away
conflicts() {
  [ -z "$FORCE" ] || return 0
  differing=''
  [ -f "$D/after" ] || return 0
  exec 6<"$D/after"
  walk look_conflict
  exec 6<&-
  if [ -f "$D/keeps" ] && [ -f "$D/after.kept" ]; then
    trees_now=$nl$(trees)$nl trees_after=$nl$(cat "$D/after.kept")$nl trees_before=$nl$(cat "$D/before.kept")$nl
    while read -r n path; do
      [ "$n" = 0 ] && continue
      part "$trees_now" "$path"
      now_=$parts
      part "$trees_after" "$path"
      [ "$now_" = "$parts" ] && continue
      part "$trees_before" "$path"
      [ "$now_" = "$parts" ] || differing="$differing $path"
    done <"$D/keeps"
  fi
  [ -z "$differing" ] && return 0
  for path in $differing; do out DIFFERS "$path"; done
  refuse "changed since:$differing" "look at them, then undo with --force: what is there now is kept in /var/lib/thornwall/$ID/aside"
}

look_conflict() {
  read -r after <&6
  now_="$kind $mode_ $uid $gid $what"
  [ "$now_" = "$after" ] || [ "$now_" = "$okind $omode $ouid $ogid $owhat" ] || differing="$differing $path"
}

# part LINES PATH: sets `parts`: the lines about it
part() {
  parts=''
  IFS=$nl
  for line in $1; do
    case $line in *".$2" | *".$2'" | *".$2/"* | *".$2' -> "*) parts=$parts$nl$line ;; esac
  done
  unset IFS
}

# claims the change and takes it back, here and now
now() {
  alone
  journal_end
  case $state in
    open) token open undoing || leave 1 ;;
    confirmed)
      token confirmed undoing || leave 1
      : >"$D/later"
      ;;
    undoing) ;;
    *) leave 0 ;;
  esac
  tell TAKING_BACK "it was asked for"
  set_how
  for tries in 1 2 3; do
    take_back "$how" && leave 0
    sleep 1
  done
  tell STUCK "$problems"
  leave 1
}

take_back() {
  problems=''
  stop_apply
  [ -e "$D/rebooted" ] || tools_before
  files_back
  kept_back "$1"
  folders_back
  settle
  if [ "$LIVE" = 1 ]; then
    systemd && t 60 systemctl daemon-reload
    [ -e "$D/rebooted" ] || sysctls_back
    runtime_back
    systemd && units_back
  fi
  verify_back
  [ -z "$problems" ] || { tell NOT_YET "$problems"; return 1; }
  settle
  token undoing undone || return 1
  drop_links
  [ "$LIVE" = 1 ] && disarm
  mtimes_back
  tell UNDONE "$ID"
  settle
  return 0
}

problem() { problems="$problems${problems:+; }$1"; }

stop_apply() {
  systemd || return 0
  t 20 systemctl kill -s KILL "thornwall-apply-$ID.service" 2>/dev/null
  t 20 systemctl stop "thornwall-apply-$ID.service" 2>/dev/null
}

# every path as it was: the original is renamed back, so that it is the very inode. Needs no room on the disk.
files_back() {
  pending='' target='' gone='' changed=''
  walk back_one
  back_pending
  # shellcheck disable=SC2086
  [ -z "$gone" ] || rm -f -- $gone || problem "cannot remove$gone"
}

back_one() {
  if [ "$kind $mode_ $uid $gid $what" = "$okind $omode $ouid $ogid $owhat" ]; then
    [ "$op" = M ] || [ "$okind" = - ] || [ "$ino" = "$oino" ] && return 0
    [ -e "$V/vault$path" ] || [ -L "$V/vault$path" ] || return 0
  fi
  changed=1
  if [ "$op" = M ]; then
    back_meta
    return 0
  fi
  if [ "$kind" != - ] && [ "$what" != "$new" ] && [ "$what" != "$owhat" ]; then set_aside; fi
  if [ "$okind" = - ]; then
    gone="$gone .$path"
  elif [ -e "$V/vault$path" ] || [ -L "$V/vault$path" ]; then
    if [ "$V ${path%/*}" != "$target" ]; then
      back_pending
      target="$V ${path%/*}"
    fi
    pending="$pending $V/vault$path"
  else
    problem "what $path was is not in the record any more"
  fi
}

back_pending() {
  [ -n "$pending" ] || return 0
  folder=.${target#* }
  [ -d "$folder" ] || mkdir -p "$folder"
  # shellcheck disable=SC2086
  mv -f -- $pending "$folder/" || problem "cannot put back$pending"
  pending=''
}

# somebody else's work of the meantime is kept
set_aside() {
  mkdir -p "$V/aside${path%/*}"
  rm -f "$V/aside$path"
  ln -- ".$path" "$V/aside$path" 2>/dev/null || cp -a -- ".$path" "$V/aside$path" 2>/dev/null
  tell ASIDE "$path" "/var/lib/thornwall/$ID/aside$path"
}

back_meta() {
  case $kind in f | d) ;; *) return 0 ;; esac
  if [ "$V" = fd ] || [ "$owner" != - ]; then
    who=$ouid:$ogid
    [ "$owner" = - ] || [ "$uid:$gid" != "$who" ] || who=-
    meta "$V" "$owner" "$omode" "$who" ".$path" "$kind $mode_ $uid $gid $oino" || problem "cannot set the mode of $path"
  else
    chown "$ouid:$ogid" ".$path" && chmod "$omode" ".$path" || problem "cannot set the mode of $path"
  fi
}

# files of tools and of accounts: byte for byte, with those that came gone
kept_back() {
  [ -f "$D/keeps" ] || return 0
  trees_now=$nl$(trees)$nl trees_before=$nl$(cat "$D/before.kept")$nl
  fields_only=''
  [ "$1" = later ] && accounts_differ && fields_only=1
  kept_list=$nl
  [ -f "$D/kept.list" ] && kept_list=$nl$(cat "$D/kept.list")$nl
  pending='' target=''
  while read -r n path; do
    [ "$n" = 0 ] && [ -n "$fields_only" ] && continue
    # what was not there before goes
    if [ -e ".$path" ] || [ -L ".$path" ]; then
      find ".$path" -depth ! -name 'thornwall-*' >"$D/found" 2>/dev/null
      while IFS= read -r file; do
        case $kept_list in *"$nl$file$nl"*) continue ;; esac
        changed=1
        if [ -d "$file" ] && [ ! -L "$file" ]; then rmdir "$file" 2>/dev/null; else rm -f -- "$file"; fi
      done <"$D/found"
      rm -f "$D/found"
    fi
    part "$trees_before" "$path"
    before_=$parts
    part "$trees_now" "$path"
    [ "$before_" = "$parts" ] && continue
    # what was there comes back
    IFS=$nl
    for file in $kept_list; do
      unset IFS
      case $file in ".$path" | ".$path/"*) ;; *) continue ;; esac
      copy=$D/kept/$file
      if [ -d "$copy" ] && [ ! -L "$copy" ]; then
        [ -d "$file" ] || mkdir -p "$file"
        continue
      fi
      if [ -e "$copy" ] || [ -L "$copy" ]; then
        unchanged "$file" && continue
        changed=1
        mv -f -- "$copy" "$file" || problem "cannot put back ${file#.}"
      fi
    done
    unset IFS
  done <"$D/keeps"
}

# whether the lines about one file are what they were before
unchanged() {
  part "$trees_now" "${1#.}"
  now_=$parts
  part "$trees_before" "${1#.}"
  [ "$now_" = "$parts" ]
}

# accounts: whether others have changed them since, or a known password would come back
accounts_differ() {
  [ -n "$BRING" ] || [ -z "$KNOWN" ] || return 0
  [ -f "$D/after.kept" ] || return 1
  trees_after=$nl$(cat "$D/after.kept")$nl
  while read -r n path; do
    [ "$n" = 0 ] || continue
    part "$trees_now" "$path"
    now_=$parts
    part "$trees_after" "$path"
    [ "$now_" = "$parts" ] || return 0
  done <"$D/keeps"
  return 1
}

# account USER FIELD VALUE: one field as it was, where not the whole file comes back
account_back() {
  [ -n "$fields_only" ] || return 0
  old=''
  file=shadow
  [ "$2" = shell ] && file=passwd
  while IFS= read -r line; do
    case $line in "$1:"*) old=$line ;; esac
  done <"$D/kept/etc/$file"
  [ -n "$old" ] || return 0
  IFS=:
  # (an empty field stays one: each is marked)
  while :; do case $old in *::*) old=${old%%::*}:-1:${old#*::} ;; *) break ;; esac; done
  # shellcheck disable=SC2086
  set -- "$1" "$2" "$3" $old
  unset IFS
  case $2 in
    lock | password)
      case " $KNOWN " in *" $1 "*)
        if [ -z "$BRING" ]; then
          tell LEFT "the password of $1: the one before was a known default or empty"
          return 0
        fi ;;
      esac
      hash=$5
      [ "$hash" = -1 ] && hash=
      printf '%s:%s\n' "$1" "$hash" | timeout -k 2 30 chpasswd -e 2>/dev/null || problem "the password of $1"
      t 30 chage -d "$6" "$1"
      ;;
    shell) t 30 usermod -s "${10}" "$1" ;;
    expire-now) t 30 chage -E "${11}" "$1" ;;
    min-days) t 30 chage -m "$7" "$1" ;;
    max-days) t 30 chage -M "$8" "$1" ;;
    warn-days) t 30 chage -W "$9" "$1" ;;
    inactive-days) t 30 chage -I "${10}" "$1" ;;
    leave-group) t 30 gpasswd -a "$1" "$3" >/dev/null ;;
  esac || problem "$2 of $1"
}

# folders that came with the change go, if nobody uses them
folders_back() {
  [ -s "$D/made" ] || return 0
  reversed=''
  while read -r path; do reversed="$path $reversed"; done <"$D/made"
  for path in $reversed; do
    [ -d "$path" ] || continue
    rmdir "$path" 2>/dev/null || tell LEFT "${path#.}: something else is in it by now"
  done
}

# originals that never left their place have one link less again
drop_links() {
  while read -r vault; do rm -rf "$vault/vault" "$vault/new"; done <"$D/vaults"
  rm -rf "$D/kept" "$D/secrets"
  return 0
}

sysctls_back() {
  [ -s "$D/sysctls" ] || return 0
  files=''
  while IFS=: read -r file _; do files="$files $file"; done <"$D/sysctls"
  # shellcheck disable=SC2086
  now_=$nl$(t 20 grep -H '' $files 2>/dev/null)$nl
  while IFS= read -r line; do
    case $now_ in *"$nl$line$nl"*) continue ;; esac
    printf '%s\n' "${line#*:}" 2>/dev/null >"${line%%:*}" || problem "the kernel does not take ${line%%:*} back"
  done <"$D/sysctls"
}

# reread UNIT…: what read the files of the change reads those of before
reread() {
  for unit; do
    t 20 systemctl reset-failed -- "$unit" 2>/dev/null
    t 20 systemctl is-active --quiet -- "$unit" || continue
    [ "$action" = reload ] && t 90 systemctl try-reload-or-restart -- "$unit" 2>/dev/null && continue
    t 90 systemctl try-restart -- "$unit" 2>/dev/null || problem "$unit does not restart"
  done
}

back_units() {
  [ -e "$D/rebooted" ] && return 0
  action=$1
  shift
  case $action in
    restart | reload) reread "$@" ;;
    start)
      for unit; do
        was_active "$unit" || t 90 systemctl stop -- "$unit" || problem "$unit does not stop"
      done
      ;;
  esac
}

was_active() {
  while read -r name _ active _; do
    [ "$name" = "$1" ] && [ "$active" = active ] && return 0
  done <"$D/units"
  return 1
}

# runs SECONDS PROGRAM ARGUMENT…: a tool's own way back
runs() {
  t "$@" >/dev/null 2>&1 && return 0
  shift
  problem "$* fails"
}

# what ran before the change and does not now is started again
units_back() {
  now_=$nl$(t 30 systemctl list-units --plain --no-legend --full --state=active \
    --type=service,socket,timer,path,mount,automount,swap)$nl
  lost=''
  while read -r unit _ active _; do
    [ "$active" = active ] || continue
    case $unit in
      thornwall-* | user@* | user-runtime-dir@* | ssh@* | sshd@* | sshd-session@* | run-* | packagekit.service) continue ;;
      systemd-hostnamed.service | systemd-localed.service | systemd-timedated.service | dev-*) continue ;;
    esac
    case $now_ in *"$nl$unit "*) ;; *) lost="$lost $unit" ;; esac
  done <"$D/units"
  [ -n "$lost" ] || return 0
  # shellcheck disable=SC2086
  t 20 systemctl reset-failed -- $lost 2>/dev/null
  # shellcheck disable=SC2086
  t 120 systemctl start -- $lost 2>/dev/null
  for unit in $lost; do
    t 20 systemctl is-active --quiet -- "$unit" || problem "$unit ran before and does not now"
  done
}

# taken back means: seen to be
verify_back() {
  walk look_back
  if [ "$LIVE" = 1 ]; then ways_in_listen || problem "nothing listens on port$deaf"; fi
}

look_back() {
  [ "$kind $mode_ $uid $gid $what" = "$okind $omode $ouid $ogid $owhat" ] && return 0
  [ "$op" = M ] && [ "$kind" = - ] && return 0
  problem "$path is not as it was"
}

tools_before() {
  :
@tools_before@
}

runtime_back() {
  :
@runtime_back@
}

KNOWN='@known@'
