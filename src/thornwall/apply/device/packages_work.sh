# Installs and upgrades, in a unit of its own. Services do not start while packages come in: they start under guard.
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
  step=0 steps=@steps@ fresh='@fresh@' going=''
  timers=''
  for timer in apt-daily.timer apt-daily-upgrade.timer; do
    t 20 systemctl is-active --quiet "$timer" && timers="$timers $timer"
  done
  echo "$timers" >"$D/timers"
  # shellcheck disable=SC2086
  [ -z "$timers" ] || t 30 systemctl stop $timers
  deny_starts
  trap 'allow_starts' EXIT
@work@
  allow_starts
  trap - EXIT
  let_go
  reckon || { text="is the disk full?" && trouble "accounting for the packages"; }
}

# A link into /run: after a power cut it leads nowhere, and invoke-rc.d takes that for no policy at all.
deny_starts() {
  policy=/usr/sbin/policy-rc.d
  [ -L "$policy" ] && [ "$(readlink "$policy")" = /run/thornwall-policy-rc.d ] && rm -f "$policy"
  denied=''
  if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
    touch -r /usr/sbin "$D/sbin"
    names /usr/sbin
    programs=$entries
    printf '#!/bin/sh\nexit 101\n' >/run/thornwall-policy-rc.d && chmod 755 /run/thornwall-policy-rc.d
    ln -s /run/thornwall-policy-rc.d "$policy" && denied=1
  fi
}

allow_starts() {
  [ -n "$denied" ] || return 0
  rm -f /usr/sbin/policy-rc.d /run/thornwall-policy-rc.d
  denied=''
  # where nothing came or went, nothing is to be seen
  names /usr/sbin
  [ "$entries" != "$programs" ] || touch -r "$D/sbin" /usr/sbin
}

# doing NAME: the next piece of work begins
doing() {
  step=$((step + 1))
  tell DOING "$step" "$steps" "$1"
}

# apt ARGUMENT…: what it complains of last is in `text`. A card that is slow, and a thousand files to unpack, take hours.
apt() {
  said=$(timeout -k 60 10800 apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef \
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
  apt update || trouble "fetching the lists"
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
  apt full-upgrade || trouble "the updates"
}
