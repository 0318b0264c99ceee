# Packages that go. What puts them back is kept first: packages made of what is installed here, for those that they came
# in may be had nowhere by now.

# remove NAME…: one that something else needs stays, and one that somebody has set up
remove() {
  doing "remove packages"
  going='' asked=" $* "
  mkdir -p "$D/debs"
  for name; do
    if goes_alone && keep_deb; then going="$going $name"; else trouble "$name"; fi
  done
  rm -rf "$D/tree" "$D/tar" "$D/paths" "$D/list"
  [ -n "$going" ] || return 0
  if ! { mkdir -p "$D/copy" && cp -a ./etc "$D/copy/" && look_etc >"$D/etc.before"; }; then
    rm -rf "$D/copy"
    text="the settings in /etc cannot be kept: is the disk full?"
    trouble "removing packages"
    return 0
  fi
  # shellcheck disable=SC2086
  automatic=$(t 60 apt-mark showauto $going | tr '\n' ' ')
  echo "$automatic" >"$D/automatic"
  list=$going
  active_units
  dependents
  echo "$active" >"$D/active"
  settle
  stop_units
  # shellcheck disable=SC2086
  if dpkg_ 1800 --remove $going; then
    stop_again
  else
    complaint
    trouble "dpkg --remove"
    # shellcheck disable=SC2086
    stays $going
    [ ! -d /run/systemd/system ] || t 60 systemctl daemon-reload
    # shellcheck disable=SC2086
    [ -z "$active" ] || t 120 systemctl start -- $active 2>/dev/null # what stays runs again
  fi
  printf '%s\n' "$said" >>"$D/log"
  keep_changed
}

# adds to `active` what systemd stops with them, and nobody would start again
dependents() {
  [ -n "$active" ] || return 0
  # shellcheck disable=SC2086
  for unit in $(t 30 systemctl show --value -p RequiredBy -p BoundBy -p ConsistsOf -- $active); do
    case " $active " in
      *" $unit "*) ;;
      *) t 20 systemctl is-active --quiet "$unit" && active="$active $unit" ;;
    esac
  done
}

# whether nothing goes with it but what goes anyway
goes_alone() {
  for each in $(t 120 apt-get -s -q remove "$name" 2>/dev/null | sed -n 's/^Remv \([^ ]*\).*/\1/p'); do
    case $asked in
      *" $each "*) ;;
      *)
        text="$each needs it"
        return 1
        ;;
    esac
  done
}

# the files of `name` and its part of dpkg's records as one package
keep_deb() {
  tree=$D/tree diverted='' text="the package cannot be kept: is the disk full?"
  if [ "$(state_of "$name")" != 'ii ' ]; then
    text="it is not installed, or not to its end"
    return 1
  fi
  rm -rf "$tree"
  mkdir -m 755 "$tree" "$tree/DEBIAN" && dpkg-query -L "$name" >"$D/paths" || return 1
  while IFS= read -r path; do
    case $path in
      /.) ;;
      # (links into /usr by now: the package has folders there)
      /bin | /sbin | /lib | /lib32 | /lib64 | /libx32 | /libo32) mkdir -m 755 "$tree$path" ;;
      /*) if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\n' "${path#/}"; fi ;;
      *) diverted=$path ;;
    esac
  done <"$D/paths" >"$D/list"
  if [ -n "$diverted" ]; then
    text="dpkg-divert moved some of it: $diverted"
    return 1
  fi
  as_shipped || return 1
  text="the package cannot be kept: is the disk full?"
  tar -c --no-recursion -T "$D/list" -f "$D/tar" && tar -x -p -C "$tree" -f "$D/tar" || return 1
  dpkg-query -s "$name" | awk '
    /^[^ ]/ { skip = /^(Status|Conffiles|Config-Version|Triggers-Pending|Triggers-Awaited):/ }
    !skip' >"$tree/DEBIAN/control"
  set +f
  for file in ./var/lib/dpkg/info/"$name".* ./var/lib/dpkg/info/"$name":*.*; do
    set -f
    part=${file#"./var/lib/dpkg/info/$name"}
    case ${part%.*} in '' | :*) part=${part##*.} ;; *) continue ;; esac
    [ "$part" = list ] || [ ! -f "$file" ] || cp -p "$file" "$tree/DEBIAN/$part" || return 1
  done
  set -f
  said=$(timeout -k 60 1800 dpkg-deb --build -Zgzip -z1 "$tree" "$D/debs/$name.deb" 2>&1 </dev/null) && return 0
  one_line "it cannot be kept: $said"
  return 1
}

# whether its settings are those that came with it: else somebody has set it up, and dpkg would take his for its own
as_shipped() {
  conffiles=$(dpkg-query -W -f '${Conffiles}\n' "$name")
  IFS=$nl
  for line in $conffiles; do
    unset IFS
    # shellcheck disable=SC2086
    set -- $line
    [ $# = 2 ] && [ -f "$1" ] && [ "$(md5sum <"$1")" = "$2  -" ] && continue
    text="somebody has changed ${1:-a setting}"
    return 1
  done
  unset IFS
}

# What their scripts changed in /etc stays as it was, in `was`. (What cannot be kept there stays in `copy`.)
keep_changed() {
  failed=''
  look_etc >"$D/etc.after" && mkdir -p "$D/was" || failed=1
  grep -vxF -f "$D/etc.after" "$D/etc.before" | sed 's|.* \./etc/|./etc/|' | sort -u >"$D/changed"
  while IFS= read -r path; do
    mkdir -p "$D/was/${path%/*}" && cp -a "$D/copy/$path" "$D/was/${path%/*}/" || failed=1
  done <"$D/changed"
  settle
  [ -z "$failed" ] || {
    nothing_changed
    text="is the disk full? What it was before is in /var/lib/thornwall/$ID/copy"
    trouble "keeping what changed in /etc"
    return 0
  }
  rm -rf "$D/copy"
}
