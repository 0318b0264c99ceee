# Packages that went come back from what was kept of them, and what their scripts changed in /etc is as it was.
put_back() {
  went='' away='' debs=''
  [ ! -f "$D/went" ] || read -r went <"$D/went"
  for name in $went; do
    kept=$(dpkg-deb -f "$D/debs/$name.deb" Version)
    case $(state_of "$name")$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null) in
      "ii $kept") ;; # (by a try before this one)
      'ii '*)
        tell LEFT "$name, of which somebody has installed another version"
        continue
        ;;
    esac
    away="$away $name" debs="$debs $D/debs/$name.deb"
  done
  [ -n "$away" ] || return 0
  look_etc >"$D/etc.then"
  paths_of <"$D/etc.then" >"$D/there.then"
  paths_of <"$D/etc.after" >"$D/there.after"
  # (changed or gone since, or made)
  edited=$nl$(grep -vxF -f "$D/etc.then" "$D/etc.after" | paths_of
    grep -vxF -f "$D/there.after" "$D/there.then")$nl
  # shellcheck disable=SC2086
  dpkg_ 3600 --force-confdef --force-confold -i $debs || newer
  printf '%s\n' "$said" >>"$D/log"
  etc_back
  read -r automatic <"$D/automatic"
  list=''
  for name in $automatic; do case " $away " in *" $name "*) list="$list $name" ;; esac; done
  # shellcheck disable=SC2086
  [ -z "$list" ] || t 60 apt-mark -q auto $list >/dev/null 2>&1
  list=$away
  [ ! -d /run/systemd/system ] || units_again
}

# the paths of what look_etc has seen
paths_of() { sed 's|.* \./etc/|./etc/|'; }

# What was kept may need a library in the very version of that day: then what the archive has now comes.
newer() {
  complaint
  why=$text
  # shellcheck disable=SC2086
  timeout -k 60 3600 apt-get -q -y --no-remove -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold --no-install-recommends install $away </dev/null >>"$D/log" 2>&1 9>&- || {
    half=''
    for name in $away; do
      case $(state_of "$name") in 'ii ' | 'rc ' | ?n* | '') ;; *) half="$half $name" ;; esac
    done
    # (half there, they would keep apt from all other work)
    # shellcheck disable=SC2086
    [ -z "$half" ] || dpkg_ 900 --remove $half
    give_up "dpkg -i: $why"
  }
  tell LEFT "the versions of$away: what was kept did not fit any more, so the newer ones came"
}

# What somebody has edited meanwhile stays. (A file of the packages that nobody changed is as it was by now.)
etc_back() {
  while IFS= read -r path; do
    [ -e "$D/was/$path" ] || [ -L "$D/was/$path" ] || {
      tell LEFT "${path#.}, of which no copy was kept"
      continue
    }
    # (by a try before this one)
    ! same "$D/was/$path" "$path" || continue
    case $edited in
      *"$nl$path$nl"*)
        edits=1
        tell LEFT "${path#.}, which is not as the packages left it: what it was is in ${D#.}/was"
        continue
        ;;
    esac
    mkdir -p "${path%/*}" && cp -a "$D/was/$path" "$path.thornwall-$ID" && mv -f "$path.thornwall-$ID" "$path" || {
      rm -f "$path.thornwall-$ID"
      give_up "${path#.} cannot be written: is the disk full?"
    }
  done <"$D/changed"
}

# same ONE OTHER: whether two files, or links, are the same but for their names
same() {
  [ "$(stat -c '%f %u %g %Y' "$1")" = "$(stat -c '%f %u %g %Y' "$2" 2>/dev/null)" ] || return 1
  if [ -L "$1" ]; then [ "$(readlink "$1")" = "$(readlink "$2")" ]; else cmp -s "$1" "$2"; fi
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
