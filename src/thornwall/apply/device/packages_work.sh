# Installs and upgrades, in a unit of its own. Services do not start while packages come in: they start under guard.
main() {
  here=$(cd -P "${0%/*}" && pwd -P)
  ID=${here##*/} LIVE=1
  cd / || exit 1
  setup
  journal_end
  APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1
  export APT_LISTCHANGES_FRONTEND NEEDRESTART_MODE NEEDRESTART_SUSPEND
  step=0 steps=@steps@ fresh='@fresh@' going=''
  timers=''
  for timer in apt-daily.timer apt-daily-upgrade.timer; do
    t 20 systemctl is-active --quiet "$timer" && timers="$timers $timer"
  done
  # shellcheck disable=SC2086
  [ -z "$timers" ] || t 30 systemctl stop $timers
  deny_starts
  trap 'allow_starts' EXIT
@work@
  allow_starts
  trap - EXIT
  # shellcheck disable=SC2086
  [ -z "$timers" ] || t 30 systemctl start $timers
  account_for
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

# What was stopped in the middle is brought to its end: no package stays half there, and the next ones can come.
whole() {
  timeout -k 60 3600 dpkg --force-confdef --force-confold --configure -a </dev/null >>"$D/log" 2>&1 || :
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

# exactly what came, what was upgraded and what went
account_for() {
  installed >"$D/after"
  came='' upgraded='' went=''
  while read -r name version; do
    had=''
    # shellcheck disable=SC2094
    while read -r name_ version_; do
      [ "$name_" = "$name" ] && had=$version_ && break
    done <"$D/before"
    case $had in
      '') came="$came $name" ;;
      "$version") ;;
      *) upgraded="$upgraded $name" ;;
    esac
  done <<END
$(diff "$D/before" "$D/after" | sed -n 's/^> //p')
END
  printf '%s\n' "${came# }" >"$D/came"
  printf '%s\n' "${upgraded# }" >"$D/upgraded"
  for name in $going; do
    grep -q "^${name}[ :]" "$D/after" || went="$went $name"
  done
  printf '%s\n' "${went# }" >"$D/went"
  sed 's/:.*//' ./etc/passwd | grep -vxF -f "$D/accounts" >"$D/accounts.came"
  find "$D" -maxdepth 2 -type f \( -name undo.sh -o -name came -o -name went -o -name '*.deb' \) -exec sha256sum {} + >"$D/sums"
  token open confirmed
  tell BROUGHT "$ID" "${came:--}" "${upgraded:--}" "${went:--}"
  settle
}
