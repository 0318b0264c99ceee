# Thornwall brings packages to this host, and keeps a record of what came: undo removes just that, and no upgrade.
main() {
  LIVE=1 ID='' N=@nonce@ locked=''
  setup
  cd / || exit 1
  [ "$(id -u)" = 0 ] || refuse "this needs root" "log in as root, or let sudo ask for the password"
  has apt-get && has dpkg-query || refuse "this host has no apt" "install what the plan names by its own means, then plan again"
  take_lock
  number
  write_parts
  sed 's/:.*//' ./etc/passwd >"$D/accounts"
  # (settings: those of packages that went, which are somebody's)
  installed >"$D/before" && settings_left >"$D/settings" ||
    refuse "dpkg-query does not tell what is installed" "run: dpkg --audit"
  true >"$D/journal" || refuse "/var/lib/thornwall cannot be written" "is the disk full?"
  seq=0
  tell STAGED "$ID"
  settle
  token rehearsal open || refuse "the record of the change is gone" "try again"
  rm -rf "$LOCK"
  locked=''
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
  [ -z "$ID" ] || rm -rf "$D"
  [ -z "$locked" ] || rm -rf "$LOCK"
  exit 11
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

# Whoever is at it may be stopped by force: then it is accounted for all the same. (So it may be in the last moment; and a
# full disk may have kept the last line out of the journal.)
still_working() {
  works && return 0
  if [ ! -e "$D/state/open" ]; then
    ! grep -q "${tab}BROUGHT$tab" "$D/journal" || return 0
    read -r came <"$D/came"
    read -r upgraded <"$D/upgraded"
    read -r went <"$D/went"
    read -r again <"$D/restarts"
    say BROUGHT "$ID" "${came:--}" "${upgraded:--}" "${went:--}" "${again:--}"
    exit 0
  fi
  sh "$D/undo.sh" --cut-off >/dev/null 2>&1
  attempts=$((${attempts:-0} + 1))
  [ ! -e "$D/state/open" ] || [ "$attempts" -lt 3 ] || {
    say REFUSED "the packages cannot be accounted for" "is the disk full? Afterwards: thornwall undo"
    exit 11
  }
}

begun() { grep -qv "${tab}STAGED$tab" "$D/journal"; }

show() {
  printf '%s\t%s\t%s\n' "$N" "$event" "$fields"
  case $event in BROUGHT) return 100 ;; esac
}
