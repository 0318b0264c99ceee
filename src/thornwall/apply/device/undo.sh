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
    watch) watch ;;
    run | here) now ;;
    *) by_hand ;;
  esac
}

usage() {
  echo "sh undo.sh [--check] [--root FOLDER] [--force] [--bring-back-known-passwords] [--here]" >&2
  exit 2
}

# Whether all that undo relies on is whole. Somebody may begin to take it back meanwhile: what goes then is not missing.
check() {
  for tries in 1 2 3; do
    [ -s "$D/sums" ] && sha256sum -c "$D/sums" >/dev/null 2>&1 && return 0
    read_state
    case $state in
      undone) return 0 ;;
      undoing) rest_is_whole && return 0 ;;
      *) break ;;
    esac
    sleep 1
  done
  echo "the record of change $ID is damaged: see sha256sum -c $PWD/var/lib/thornwall/$ID/sums" >&2
  return 1
}

# what was given back already is not in the record any more; all else is as it was
rest_is_whole() {
  rest=''
  while read -r sum file; do
    case $file in
      */vault/* | */kept/*) [ -e "$file" ] || continue ;;
    esac
    rest="$rest$sum  $file$nl"
  done <"$D/sums"
  [ -n "$rest" ] && printf %s "$rest" | sha256sum -c >/dev/null 2>&1
}

# sets `how`: inside its window a change goes whatever has come on top; later others have to be asked
set_how() {
  how=window
  [ -e "$D/later" ] && how=later
  return 0
}

# (a rename needs no room; and whoever goes on with it must know)
from_now_later() { mv "$D/window" "$D/later" 2>/dev/null || true >"$D/later"; }

# Only one at a time takes it back; whoever comes second waits for the first. A link is made in one piece, holds the
# number of its maker, and needs no room on the disk.
alone() {
  BUSY=/run/thornwall-$ID.busy broke='' tries=0
  [ "$LIVE" = 1 ] || BUSY=$D/busy
  while :; do
    if ln -s "pid-$$" "$BUSY" 2>/dev/null; then
      [ -n "$broke" ] || break
      # (two may have seen that the one before is dead, and the second may have removed what the first had made)
      sleep 1
      broke=''
    fi
    holder=$(readlink "$BUSY" 2>/dev/null) || holder=''
    case $holder in
      "pid-$$") break ;;
      '')
        # neither there nor to be made: rather together than not at all
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || break
        ;;
    esac
    case $(tr '\0' ' ' 2>/dev/null <"/proc/${holder#pid-}/cmdline") in
      *undo.sh*) sleep 1 ;;
      *) rm -rf "$BUSY" && broke=1 ;;
    esac
  done
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
  if [ "$state" = rehearsal ]; then
    # (when the time is up, whoever prepared it is dead)
    over || { rehearse undo && exit 0; }
    never
    exit 0
  fi
  alone
  case $state in
    open | undoing) ;;
    undone)
      clear_away
      leave 0
      ;;
    confirmed)
      rm -f "/run/systemd/system/thornwall-undo-$ID.service"
      panic_back
      leave 0
      ;;
    *) leave 0 ;;
  esac
  journal_end
  if [ "$state" = open ]; then
    # who was faster has confirmed it
    token open undoing || leave 0
    why="it did not come to its end"
    [ ! -f "$D/applied" ] || why="nobody confirmed it in time"
    tell TAKING_BACK "$why"
  fi
  set_how
  for tries in 1 2 3; do
    take_back "$how" && leave 0
    sleep 2
  done
  if [ ! -e "$D/rebooted" ]; then
    tell REBOOTING "what could not be taken back at once is taken back at boot"
    true >"$D/rebooted"
    settle
    reboot_
    leave 1
  fi
  tell STUCK "$problems"
  leave 1
}

# without systemd: waits for the deadline
watch() {
  echo $$ >"$D/watch.pid"
  read -r until_ <"$D/deadline"
  while uptime_ && [ "$up" -lt "$until_" ]; do
    sleep 1
    read_state
    case $state in open | rehearsal) ;; *) exit 0 ;; esac
  done
  deadline
}

# whether there is a deadline, and it has come
over() {
  [ -s "$D/deadline" ] && read -r until_ <"$D/deadline" && uptime_ && [ "$up" -ge "$until_" ]
}

# The preparation of a change that came to no end: it never was. Who prepares it finds that out by the same rename.
never() {
  token rehearsal never || return 0
  drop_links
  disarm
  mtimes_back
  holder=''
  [ -f /run/thornwall.lock/pid ] && read -r holder </run/thornwall.lock/pid
  [ -d "/proc/${holder:-none}" ] || rm -rf /run/thornwall.lock
  rm -rf "$D"
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
      if same_boot; then rehearse boot; else never; fi
      exit
      ;;
    confirmed) health ;;
    open | undoing) ;;
    undone)
      alone
      journal_end
      # (taken back while it was mounted elsewhere)
      [ -e "$D/vaults" ] || disarm
      clear_away
      leave 0
      ;;
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
  true >"$D/rebooted"
  settle
}

# After the confirmation: the first boot must still let people in. Only what the change can have broken counts.
health() {
  if systemd; then t 300 systemctl is-system-running --wait >/dev/null; else sleep 60; fi
  journal_end
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if ways_in_listen || moved; then
      # (whoever takes it back meanwhile needs the unit of the boot)
      read_state
      [ "$state" = confirmed ] || exit 0
      tell HEALTHY
      disarm
      mtimes_back
      exit 0
    fi
    sleep 10
  done
  from_now_later
  token confirmed undoing || exit 1
  tell TAKING_BACK "after the boot nothing listened on port$deaf"
  set_how
  alone
  files_first
  reboot_
  leave 0
}

# whether sshd listens wherever it is told to by now: an owner who has moved it since is not shut out
moved() {
  told=$(t 20 sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }')
  [ -n "$told" ] || return 1
  for each in $told; do listens "$each" || return 1; done
}

# by hand: in a unit of its own where there is one, for this session may end when sshd starts again
by_hand() {
  case $state in
    rehearsal | '') refuse "change $ID was never made" "there is nothing to take back" ;;
    undone) ;;
    *)
      check 2>/dev/null || [ -n "$FORCE" ] || refuse "the record of change $ID is damaged" \
        "see: sha256sum -c /var/lib/thornwall/$ID/sums; with --force what can be given back is given back"
      ;;
  esac
  journal_end
  number=$seq
  # (it may be going on already, and may end any moment: what it tells from here on is heard)
  read_state
  if all_done; then
    out UNDONE "$ID"
    exit 0
  fi
  if [ "$state" = confirmed ]; then
    in_the_way
    conflicts
  fi
  if systemd; then begin_unit; else now & fi
  follow show_hand "$number" still_going
  status=$?
  [ "$status" = 100 ] && exit 0
  exit "$status"
}

# whether it is taken back, and all that was there for it is cleared away
all_done() { [ "$state" = undone ] && [ ! -e "$D/vaults" ]; }

# a unit that takes it back, if there is none yet: whoever comes second follows the first
begin_unit() {
  options=''
  [ -z "$FORCE" ] || options="$options --force"
  [ -z "$BRING" ] || options="$options --bring-back-known-passwords"
  # shellcheck disable=SC2086
  thrice run_unit over_already "thornwall-back-$ID" \
    -p Restart=on-abnormal -p RestartSec=500ms -p StartLimitIntervalSec=0 --description="Thornwall: takes change $ID back" \
    /bin/sh "/var/lib/thornwall/$ID/undo.sh" --run $options && return 0
  refuse "systemd-run does not start it${text:+: $text}" "try: sh undo.sh --here"
}

over_already() {
  read_state
  all_done
}

# Whoever took it back may have been stopped: then it is begun anew.
still_going() {
  systemd || return 0
  case $(ask 20 systemctl is-active "thornwall-back-$ID.service" "thornwall-undo-$ID.service" "thornwall-boot-$ID.service") in
    *activ*ing* | active* | *"${nl}active"*) return 0 ;;
  esac
  read_state
  all_done || begin_unit
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
  for other in ./var/lib/thornwall/[0-9]*/state; do
    [ -e "$other/confirmed" ] || [ -e "$other/open" ] || [ -e "$other/undoing" ] || continue
    other=${other%/state}
    other=${other##*/}
    [ "$other" -gt "$ID" ] && later="$later $other"
  done
  set -f
  [ -z "$later" ] || [ -n "$FORCE" ] || refuse "later changes are in the way:$later" "undo those first, the latest one before the others"
}

# the unit of the boot goes with the first boot after the confirmation: it is needed again
arm_again() {
  systemd || return 0
  [ ! -e "/etc/systemd/system/thornwall-boot-$ID.service" ] || return 0
  touch -r /etc/systemd/system "$D/armed.system"
  if [ -d /etc/systemd/system/sysinit.target.wants ]; then
    touch -r /etc/systemd/system/sysinit.target.wants "$D/armed.wants"
  else
    mkdir -m 755 /etc/systemd/system/sysinit.target.wants && echo /etc/systemd/system/sysinit.target.wants >>"$D/made.armed"
  fi
  boot_unit
} 2>/dev/null

# claims the change and takes it back, here and now
now() {
  alone
  journal_end
  case $state in open | confirmed | undoing) arm_again ;; esac
  case $state in
    open) token open undoing || leave 1 ;;
    confirmed)
      from_now_later
      token confirmed undoing || leave 1
      ;;
    undoing) ;;
    undone)
      clear_away
      leave 0
      ;;
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

tools_before() {
  :
@tools_before@
}

runtime_back() {
  :
@runtime_back@
}

KNOWN='@known@'
