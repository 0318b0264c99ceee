# Packages that went come back from what was kept of them, and what their scripts change in /etc is as it was.
put_back() {
  went=''
  [ ! -f "$D/went" ] || read -r went <"$D/went"
  installed >"$D/now"
  away=''
  for name in $went; do
    if grep -q "^${name}[ :]" "$D/now"; then event LEFT "$name, which somebody has installed again"; else away="$away $name"; fi
  done
  went=$away
  [ -n "$went" ] || return 0
  [ -d "$D/copy" ] || { mkdir -p "$D/new" && cp -a ./etc "$D/new/" && look_etc >"$D/etc.then" && mv "$D/new" "$D/copy"; } || {
    rm -rf "$D/new"
    give_up "/etc cannot be kept: is the disk full?"
  }
  debs=''
  for name in $went; do debs="$debs $D/debs/$name.deb"; done
  # shellcheck disable=SC2086
  said=$(timeout -k 60 3600 dpkg --force-confdef --force-confold -i $debs </dev/null 2>&1) || {
    complaint
    give_up "dpkg -i: $text"
  }
  printf '%s\n' "$said" >>"$D/log"
  etc_back
  read -r automatic <"$D/automatic"
  # shellcheck disable=SC2086
  [ -z "$automatic" ] || t 60 apt-mark -q auto $automatic >/dev/null 2>&1
  list=$went
  [ ! -d /run/systemd/system ] || units_again
}

# it can be tried again
give_up() {
  token undoing confirmed
  event STUCK "$1"
  exit 12
}

# What somebody has edited meanwhile stays. (A file of the packages that nobody changed is as it was by now.)
etc_back() {
  edited=$nl$(grep -vxF -f "$D/etc.then" "$D/etc.after" | sed 's|.* \./etc/|./etc/|')$nl
  while IFS= read -r path; do
    case $edited in
      *"$nl$path$nl"*) event LEFT "${path#.}, which somebody has changed since" ;;
      *) mkdir -p "${path%/*}" && cp -a --remove-destination "$D/was/$path" "$path" ;;
    esac
  done <"$D/changed"
  look_etc >"$D/etc.now"
  grep -vxF -f "$D/etc.then" "$D/etc.now" | sed 's|.* \./etc/|./etc/|' | sort -u >"$D/came.new"
  while IFS= read -r path; do
    grep -qxF -- "$path" "$D/changed" && continue
    if [ -e "$D/copy/$path" ] || [ -L "$D/copy/$path" ]; then
      cp -a --remove-destination "$D/copy/$path" "$path"
    else
      rm -f -- "$path"
    fi
  done <"$D/came.new"
  rm -rf "$D/copy" "$D/etc.then" "$D/etc.now" "$D/came.new"
}

# what ran runs again, and nothing else of them
units_again() {
  t 60 systemctl daemon-reload
  read -r ran <"$D/active"
  active_units
  for unit in $active; do
    case " $ran " in *" $unit "*) ;; *) t 60 systemctl stop -- "$unit" 2>/dev/null ;; esac
  done
  # shellcheck disable=SC2086
  [ -z "$ran" ] || t 120 systemctl start -- $ran 2>/dev/null
  # (the line of a server in it may have come back)
  ! grep -qxF ./etc/inetd.conf "$D/changed" || t 60 systemctl try-reload-or-restart inetd.service xinetd.service 2>/dev/null
}
