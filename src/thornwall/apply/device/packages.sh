# Thornwall brings packages to this host, and keeps a record of what came: undo removes just that, and no upgrade.
main() {
  LIVE=1 ID='' N=@nonce@
  setup
  cd / || exit 1
  [ "$(id -u)" = 0 ] || refuse "this needs root" "log in as root, or let sudo ask for the password"
  has apt-get && has dpkg-query || refuse "this host has no apt" "install what the plan names by its own means, then plan again"
  number
  write_parts
  sed 's/:.*//' ./etc/passwd >"$D/accounts"
  installed >"$D/before" || refuse "dpkg-query does not tell what is installed" "run: dpkg --audit"
  : >"$D/journal"
  seq=0
  tell STAGED "$ID"
  rm "$D/state/rehearsal" && : >"$D/state/open"
  settle
  launch
  follow show 0 still_working
  status=$?
  [ "$status" = 100 ] && status=0
  exit "$status"
}

say() {
  printf '%s' "$N"
  for field; do printf '\t%s' "$field"; done
  printf '\n'
}

refuse() {
  say REFUSED "$1" "$2"
  [ -n "$ID" ] && rm -rf "$D"
  exit 11
}

number() {
  [ -d ./var/lib/thornwall ] || { mkdir -m 700 ./var/lib/thornwall || refuse "/var/lib cannot be written" "is the disk full?"; }
  last=0
  [ -f ./var/lib/thornwall/last ] && read -r last <./var/lib/thornwall/last
  case $last in '' | *[!0-9]*) last=0 ;; esac
  set +f
  for other in ./var/lib/thornwall/[0-9]*; do
    [ -d "$other" ] || continue
    after_a_cut "$other"
    [ -e "$other/state/open" ] && refuse "change ${other##*/} is still open on this host" "confirm it, or undo it: thornwall status tells"
    other=${other##*/}
    while :; do case $other in 0?*) other=${other#0} ;; *) break ;; esac; done
    case $other in *[!0-9]*) continue ;; esac
    [ "$other" -gt "$last" ] && last=$other
  done
  set -f
  last=$((last + 1))
  ID=$(printf '%04d' "$last")
  D=./var/lib/thornwall/$ID
  mkdir -p "$D/state" && : >"$D/state/rehearsal" && echo "$last" >./var/lib/thornwall/last ||
    refuse "/var/lib/thornwall cannot be written" "is the disk full, or broken?"
}

# a unit of its own: a link that breaks must not stop dpkg half-way
launch() {
  text=''
  if [ -d /run/systemd/system ]; then
    thrice run_unit begun "thornwall-packages-$ID" \
      --description="Thornwall: brings packages ($ID)" /bin/sh "/var/lib/thornwall/$ID/work.sh" && return 0
  elif has setsid; then
    setsid /bin/sh "/var/lib/thornwall/$ID/work.sh" </dev/null >/dev/null 2>&1 &
    return 0
  fi
  refuse "no unit of its own can be started for the packages${text:+: $text}" "look at: systemctl status"
}

# whoever is at it may be stopped by force: then it is accounted for all the same
still_working() {
  works && return 0
  sh "$D/undo.sh" --cut-off >/dev/null 2>&1
  [ ! -e "$D/state/open" ] || ! [ "$((tries_ = ${tries_:-0} + 1))" -ge 3 ] || {
    say REFUSED "the packages cannot be accounted for" "is the disk full? Afterwards: thornwall undo"
    exit 11
  }
}

begun() { grep -qv "${tab}STAGED$tab" "$D/journal"; }

show() {
  printf '%s\t%s\t%s\n' "$N" "$event" "$fields"
  case $event in BROUGHT) return 100 ;; esac
}
