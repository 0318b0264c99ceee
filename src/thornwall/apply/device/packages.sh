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
  watch
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

begun() { grep -qv "${tab}STAGED$tab" "$D/journal"; }
