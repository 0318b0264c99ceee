# What both halves of package work need.

# name, architecture and version of all that is installed
installed() {
  t 60 dpkg-query -W -f '${db:Status-Status} ${binary:Package} ${Version}\n' | sed -n 's/^installed //p' | sort
}

# all that is in /etc but folders, a line each, and once more with its hash (but ldconfig's own, which it makes anew)
look_etc() {
  find ./etc ! -type d ! -path ./etc/ld.so.cache -printf '%y %m %U %G %T@ %l %p\n' -type f -exec sha256sum {} +
}

# sets `active`: the units of the packages in `list` that run
active_units() {
  active=''
  [ -d /run/systemd/system ] || return 0
  patterns=''
  # shellcheck disable=SC2086
  for path in $(dpkg-query -L $list 2>/dev/null); do
    case $path in
      */systemd/system/*/*) continue ;;
      */systemd/system/*.service | */systemd/system/*.socket | */systemd/system/*.timer | */systemd/system/*.path) ;;
      /etc/init.d/*) path=$path.service ;;
      *) continue ;;
    esac
    unit=${path##*/}
    # (of a template: each that was made of it)
    case $unit in *@.*) unit="${unit%@.*}@*.${unit##*.}" ;; esac
    patterns="$patterns $unit"
  done
  [ -n "$patterns" ] || return 0
  # shellcheck disable=SC2086
  for unit in $(t 30 systemctl list-units --plain --no-legend --full --state=active,activating,reloading $patterns |
    sed 's/ .*//'); do active="$active $unit"; done
}

# Nothing of a package runs on without its files: not every package stops what it has started. Sets `active`.
stop_units() {
  active_units
  # shellcheck disable=SC2086
  [ -z "$active" ] || t 120 systemctl stop -- $active 2>/dev/null
}

# sets `text` to what dpkg, which said `said`, complains of
complaint() {
  text=$(printf '%s\n' "$said" | grep -E '^ .*(depends|conflicts)|^dpkg: ' | head -n 4)
  [ -n "$text" ] || text=$(printf '%s\n' "$said" | tail -n 4)
  one_line "$text"
}
