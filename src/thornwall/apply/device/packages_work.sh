# Installs and upgrades, in a unit of its own.
main() {
  here=$(cd -P "${0%/*}" && pwd -P)
  ID=${here##*/} LIVE=1
  cd / || exit 1
  setup
  journal_end
  echo $$ >"$D/work.pid"
  # (whoever came first may have taken it for over)
  [ -e "$D/state/open" ] || exit 0
  APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1
  export APT_LISTCHANGES_FRONTEND NEEDRESTART_MODE NEEDRESTART_SUSPEND
  step=0 steps=@steps@ fresh='@fresh@' going='' denied=''
  timers=''
  for timer in apt-daily.timer apt-daily-upgrade.timer; do
    t 20 systemctl is-active --quiet "$timer" && timers="$timers $timer"
  done
  echo "$timers" >"$D/timers"
  # shellcheck disable=SC2086
  [ -z "$timers" ] || t 30 systemctl stop $timers
  trap 'exit 143' HUP INT TERM
  trap 'allow_starts; let_go' EXIT
  if deny_starts; then
@work@
  else
    text="no program runs there: is it mounted noexec?"
    trouble "keeping services from starting by /var/lib/thornwall/$ID/policy"
  fi
  allow_starts
  trap - EXIT
  let_go
  reckon || { text="is the disk full?" && trouble "accounting for the packages"; }
}

# doing NAME: the next piece of work begins
doing() {
  step=$((step + 1))
  tell DOING "$step" "$steps" "$1"
}

# apt ARGUMENT…: what it complains of last is in `text`. It takes nothing of others away, which nobody could put
# back. A card that is slow, and a thousand files to unpack, take hours.
apt() {
  said=$(timeout -k 60 10800 apt-get -q -y --no-remove -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" </dev/null 2>&1)
  status=$?
  printf '%s\n' "$said" >>"$D/log"
  [ "$status" = 0 ] && return 0
  why=$(printf '%s\n' "$said" | grep '^E: ' | tail -n 2)
  case $status in 124 | 137) why="it was not done in time" && whole ;; esac
  one_line "${why:-status $status}"
  return 1
}

trouble() { tell TROUBLE "$1" "$text"; }

update() {
  doing "fetch the lists of packages"
  apt update || { trouble "fetching the lists" && return 0; }
  # (apt is content with what it had)
  silent=$(printf '%s\n' "$said" | grep -c '^Err:')
  [ "$silent" = 0 ] || { text="$silent of them did not come, and what was known before counts (sudo apt-get update names them)" && trouble "fetching the lists"; }
}

# lists that are too old name files that are gone; and one package that cannot be had must not keep the others out
install() {
  doing "install packages"
  apt install --no-install-recommends "$@" && return 0
  if [ -z "$fresh" ]; then apt update && apt install --no-install-recommends "$@" && return 0; fi
  for name; do
    apt install --no-install-recommends "$name" || trouble "$name"
  done
}

upgrade() {
  doing "install updates"
  apt full-upgrade && return 0
  why=$text
  case $why in *'need to be removed'*) apt upgrade --with-new-pkgs ;; esac
  text=$why
  trouble "the updates"
}
