# The record of a change: what will be put in place, and everything that is needed to take it back.

# The folders on the way to what changes: where others than root may change them, somebody could put a link there while
# root writes. Their mtimes are kept. Sets `devs`, `missing`.
folders() {
  there='' missing='' unsafe=''
  touched=' '
  while read -r how path; do
    [ "$how" = - ] || touched="$touched$path "
    if [ -d "$path" ]; then
      there="$there $path"
    else
      missing="$missing $path" touched="$touched${path%/*} "
    fi
  done <"$D/folders"
  # shellcheck disable=SC2086
  stats=$(stat -c '%f %a %u %d %.9Y %n' -- "$D" $there)
  # shellcheck disable=SC2086
  set -- ${stats%%"$nl"*}
  stats=${stats#*"$nl"} home_dev=$4
  devs=$nl kept_folders=0
  true >"$D/mtimes"
  IFS=$nl
  for line in $stats; do
    unset IFS
    # shellcheck disable=SC2086
    set -- $line
    path=$6 mtime=$5
    case $1 in 4*) ;; *) unsafe="$unsafe $path" ;; esac
    case $2 in *[2367]? | *[2367]) unsafe="$unsafe $path" ;; esac
    [ "$3" = 0 ] || [ "$3" = "$me" ] || unsafe="$unsafe $path"
    devs=$devs$path:$4$nl
    # (a folder of somebody else's is none of ours: nothing comes or goes in it)
    case $touched in *" $path "*) ;; *) continue ;; esac
    safe "${path#.}/" || continue
    keep_mtime
  done
  unset IFS
  case $mtime in *.*) exact=1 ;; *) exact='' ;; esac
  case " $missing " in *" ./etc "*) refuse "there is no /etc" "is this the root of a system?" ;; esac
  for path in $missing; do
    echo "$path" >>"$D/made"
  done
}

# the folders in which the guard puts something: they do not show it when it is gone. Sets `hook` without systemd.
guard_folders() {
  if systemd; then
    guard_folder ./etc/systemd/system
    guard_folder ./etc/systemd/system/sysinit.target.wants
    return
  fi
  if [ -d ./etc/local.d ] && has rc-update; then
    hook=etc/local.d/thornwall-$ID.start
  elif [ -d ./etc/rc2.d ] && [ -d ./etc/init.d ]; then
    hook=etc/init.d/thornwall-$ID
    for level in 2 3 4 5; do
      [ -d "./etc/rc$level.d" ] && guard_folder "./etc/rc$level.d"
    done
  else
    hook=etc/init.d/S99thornwall$ID
  fi
  guard_folder "./${hook%/*}"
}

guard_folder() {
  path=$1
  if [ ! -d "$path" ]; then
    mkdir -m 755 "$path" && echo "$path" >>"$D/made.armed"
    return
  fi
  keep_once
}

keep_once() {
  while read -r _ _ known; do [ "$known" = "$path" ] && return; done <"$D/mtimes"
  mtime=$(stat -c %.9Y -- "$path")
  keep_mtime
}

# the folder `path` as one more whose time comes back. `mtime`: what stat says of it; where that knows no fractions of a
# second, a folder of the record keeps it
keep_mtime() {
  kept_folders=$((kept_folders + 1))
  kept_=$D/mtimes.d/$kept_folders
  case $mtime in
    *.*) ;;
    *) mtime=- && mkdir "$kept_" && touch -r "$path" "$kept_" ;;
  esac && names "$path" && printf '%s\n' "$entries" >"$kept_.names" && echo "$kept_folders $mtime $path" >>"$D/mtimes" ||
    refuse "the record cannot be written" "is the disk full?"
}

# whether none but root can change the way to PATH
safe() {
  folder=.$1
  while [ "$folder" != . ]; do
    folder=${folder%/*}
    case " $unsafe " in *" $folder "*) return 1 ;; esac
  done
}

only_root() {
  safe "$1" || refuse "${folder#.}, on the way to $1, is not root's alone (or a link): a link could be put there while root writes" \
    "name the real path; or take that right away first: chown root ${folder#.}; chmod go-w ${folder#.}"
}

# place PATH: sets V: the folder for what belongs to PATH, on the same file system
place() {
  folder=.${1%/*}
  until case $devs in *"$nl$folder:"*) true ;; *) false ;; esac; do folder=${folder%/*}; done
  number_=${devs#*"$nl$folder:"}
  number_=${number_%%"$nl"*}
  V=$D
  [ "$number_" = "$home_dev" ] && return 0
  mounted=
  while read -r _ point _; do
    case ${PWD%/}/${folder#./}/ in
      "${point%/}"/*) [ "${#point}" -gt "${#mounted}" ] && mounted=$point ;;
    esac
  done </proc/mounts
  mounted=${mounted#"${PWD%/}"}
  V=.${mounted%/}/.thornwall-$ID
  case " $VAULTS " in *" $V "*) return 0 ;; esac
  VAULTS="$VAULTS $V"
  asked_for=$path path=.${mounted%/}
  keep_once
  path=$asked_for
  mkdir -m 700 "$V" && [ "$(stat -c %d "$V")" = "$number_" ] ||
    refuse "the file system of $1 is not the one at /${mounted#/}" "is something mounted over it?"
}

# one path, before: as it was expected to be, or nothing is done at all
look_before() {
  if [ "$op" = M ]; then
    V=$D
    safe "$path" || V=fd
    case $kind in
      -) refuse "$path is not there" "audit again: the host has changed since it was read" ;;
      f | d) ;;
      *) refuse "$path is a link or no plain file" "root changes no mode behind a link" ;;
    esac
    case $expect in - | "m$mode_") ;; *)
      refuse "$path has mode $mode_, not ${expect#m} as it was read" "audit again: the host has changed" ;;
    esac
  else
    only_root "$path"
    place "$path"
    case $kind in d | o) refuse "$path is a folder or no plain file" "audit again: the host has changed" ;; esac
    case $expect in - | "$what") ;; *)
      if [ "$what" = absent ]; then now="is gone"
      elif [ "$expect" = absent ]; then now="is there by now"
      else now="is not as it was when it was read"; fi
      refuse "$path $now" "plan again: somebody has changed it in between" ;;
    esac
  fi
  echo "$V $kind $mode_ $uid $gid $ino $what" >>"$D/before.new"
}

# the new files, complete and with mode and owner, beside the old ones: only a rename is left to do
staged_files() {
  true >>"$D/before.new"
  mv "$D/before.new" "$D/before"
  for vault in $VAULTS; do echo "$vault"; done >"$D/vaults"
  folders_='' owners='' modes='' checks='' attributes=''
  exec 3<"$D/items" 4<"$D/before"
  while read -r op n mode user group _ new _ path <&3; do
    read -r V okind omode ouid ogid _ <&4
    [ "$op" = M ] && continue
    folders_="$folders_ $V/new${path%/*} $V/vault${path%/*}"
    [ "$op" = P ] || continue
    checks="$checks$new  $V/new$path$nl"
    if [ "$mode" = keep ] && [ "$okind" = f ]; then
      attributes="$attributes$V $omode $ouid $ogid $path$nl"
    else
      modes="$modes$mode $V/new$path$nl"
      if [ "$user:$group" != root:root ]; then
        owned_by "$user" "$group" || refuse "$said" "audit again"
        owners="$owners$who $V/new$path$nl"
      fi
    fi
  done
  exec 3<&- 4<&-
  # (what is put into them to be looked at takes their modes along)
  umask 022
  # shellcheck disable=SC2086
  mkdir -p "$D/vault" "$D/put" $folders_
  umask 077
  new_files
  # (a new owner takes away the bits by which a program runs as its owner: modes come after)
  IFS=$nl
  for line in $owners; do
    unset IFS
    chown "${line%% *}" "${line#* }" || refuse "there is no ${line%% *} on this host" "audit again"
  done
  unset IFS
  while [ -n "$modes" ]; do
    one_mode
    # shellcheck disable=SC2086
    chmod "$mode" $these || refuse "the mode of the new files cannot be set" "is the disk full?"
  done
  for vault in $VAULTS; do keep_attributes; done
  [ -z "$checks" ] || printf %s "$checks" | sha256sum -c >/dev/null 2>&1 ||
    refuse "the new files did not arrive whole" "try again; is the disk full?"
}

# the attributes of what was there already, for the files on one file system; with ACLs and extended ones, where cp knows them
keep_attributes() {
  list=''
  IFS=$nl
  for line in $attributes; do case $line in "$vault "*) list="$list .${line##* }" ;; esac; done
  unset IFS
  [ -n "$list" ] || return 0
  # shellcheck disable=SC2086
  cp --attributes-only --preserve=mode,ownership,xattr --parents -- $list "$vault/new/" 2>/dev/null && return 0
  IFS=$nl
  for line in $attributes; do
    unset IFS
    # shellcheck disable=SC2086
    set -- $line
    [ "$1" = "$vault" ] || continue
    chown "$3:$4" "$1/new$5" && chmod "$2" "$1/new$5" || refuse "the mode of $5 cannot be kept" "is the disk full?"
  done
  unset IFS
}

# the originals: the very inode where the file system can link it, else a copy that keeps everything, compared
keep_originals() {
  if has lsattr; then
    list=''
    while read -r op _ _ _ _ _ _ _ path; do
      [ -f ".$path" ] && [ ! -L ".$path" ] && list="$list .$path"
    done <"$D/items"
    # shellcheck disable=SC2086
    [ -z "$list" ] || flags=$(lsattr -d -- $list 2>/dev/null)
    IFS=$nl
    for line in $flags; do
      unset IFS
      case ${line%% *} in *[ai]*) refuse "${line##* .} must not be changed, says its attribute (chattr +i or +a)" \
        "ask who set that; to allow it: chattr -ia ${line##* .}" ;; esac
    done
    unset IFS
  fi
  for vault in $VAULTS; do
    list=''
    exec 3<"$D/items" 4<"$D/before"
    while read -r op _ _ _ _ _ _ _ path <&3; do
      read -r V okind _ <&4
      [ "$op" != M ] && [ "$V" = "$vault" ] && [ "$okind" != - ] && list="$list .$path"
    done
    exec 3<&- 4<&-
    [ -n "$list" ] || continue
    # shellcheck disable=SC2086
    cp -alP --parents -- $list "$vault/vault/" 2>/dev/null || link_each "$vault" $list
    for file in $list; do
      copy=$vault/vault/${file#./}
      [ "$copy" -ef "$file" ] && continue
      if [ -L "$file" ] && [ -L "$copy" ] && [ "$(readlink "$file")" = "$(readlink "$copy")" ]; then continue; fi
      cmp -s "$copy" "$file" || refuse "${file#.} cannot be kept" "is the disk full?"
    done
  done
}

link_each() {
  vault=$1
  shift
  for file; do
    copy=$vault/vault/${file#./}
    rm -f "$copy"
    ln -- "$file" "$copy" 2>/dev/null || cp -a -- "$file" "$copy" || refuse "${file#.} cannot be kept" "is the disk full?"
  done
}

# what else may change, as it is now: files of tools and of accounts, units, kernel settings
keep_runtime() {
  kept='' where=''
  [ -f "$D/keeps" ] && while read -r n path; do
    if [ -e ".$path" ] || [ -L ".$path" ]; then
      only_root "$path"
      # (of a mounted system the accounts are written in place, and a link may lead to those of this machine)
      [ "$LIVE$n" != 00 ] || [ ! -L ".$path" ] || refuse "$path is a link" "put the file itself there"
      place "$path"
      [ "${where:=$V}" = "$V" ] ||
        refuse "$path is on another file system than what else the tools write to" "make two changes of this one"
      kept="$kept .$path"
    fi
  done <"$D/keeps"
  K=${where:-$D}/kept
  echo "$K" >"$D/kept.place"
  for vault in $VAULTS; do echo "$vault"; done >"$D/vaults"
  mkdir -p "$K"
  if [ -n "$kept" ]; then
    # shellcheck disable=SC2086
    cp -a --parents -- $kept "$K/" 2>/dev/null || keep_each $kept
    kept_names >"$D/kept.list"
    kept_times
    trees >"$D/before.kept"
  elif [ -f "$D/keeps" ]; then
    true >"$D/before.kept"
  fi
  [ "$LIVE" = 1 ] || return 0
  if systemd; then
    persist 30 systemctl list-units --all --plain --no-legend --full \
      --type=service,socket,timer,path,mount,automount,swap >"$D/units"
    [ -s "$D/units" ] || refuse "systemd does not tell what runs" "look at: systemctl status"
  fi
  settings >"$D/sysctls"
}

kept_times() {
  list=''
  while IFS= read -r path; do
    if [ -d "$path" ] && [ ! -L "$path" ]; then list=$list$path$nl; fi
  done <"$D/kept.list"
  IFS=$nl
  # shellcheck disable=SC2086
  [ -z "$list" ] || list=$(stat -c '%.9Y %n' -- $list)
  for line in $list; do
    unset IFS
    path=${line#* } mtime=${line%% *}
    keep_mtime
  done
  unset IFS
  # (the cp of busybox forgets the fractions of a second, and its stat knows none)
  [ -z "$exact" ] || return 0
  while IFS= read -r path; do
    [ -f "$path" ] && [ ! -L "$path" ] && touch -r "$path" "$K/$path"
  done <"$D/kept.list"
}

keep_each() {
  for file; do
    folder=${file%/*}
    mkdir -p "$K/$folder" && cp -a -- "$file" "$K/$folder/" || refuse "${file#.} cannot be kept" "is the disk full?"
  done
}

# each setting that changes; one for all interfaces changes those of each
# (what is below /proc/sys is read in one piece or not at all, which `read` does not do)
keep_sysctls() {
  files=''
  for file; do
    case $file in
      /proc/sys/net/ipv[46]/conf/all/* | /proc/sys/net/ipv[46]/conf/default/*)
        set +f
        for each in "${file%/*/*}"/*/"${file##*/}"; do files="$files $each"; done
        set -f
        ;;
      *) files="$files $file" ;;
    esac
  done
  # shellcheck disable=SC2086
  grep -H '' $files 2>/dev/null
}

# the hashes of all that undo relies on
seal() {
  read -r boot </proc/sys/kernel/random/boot_id && echo "$boot" >"$D/boot"
  list=''
  for file in undo.sh apply.sh items before folders mtimes made vaults keeps kept.place kept.list before.kept units sysctls ports about; do
    [ -f "$D/$file" ] && list="$list $D/$file"
  done
  for vault in $VAULTS; do list="$list $vault/vault"; done
  # shellcheck disable=SC2086
  find $list "$K" "$D/secrets" -type f -exec sha256sum {} + >"$D/sums" || refuse "the record cannot be sealed" "is the disk full?"
  settle
}


# new_file PATH TEXT, new_link PATH TARGET: beside the old ones, on the same file system
new_file() {
  place "$1"
  printf %b "$2" >"$V/new$1" || refuse "the new $1 cannot be written" "is the disk full?"
}

new_link() {
  place "$1"
  ln -s -- "$2" "$V/new$1" || refuse "the new $1 cannot be written" "is the disk full?"
}

# hashed USER FILE PASSWORD: the password goes through a pipe, and only its hash is written
hashed() {
  hash=''
  has perl && hash=$(printf '%s\n' "$3" | perl -e '
    my $p = <STDIN>; chomp $p; open(my $r, "<", "/dev/urandom") or exit 1; read($r, my $b, 24);
    my @c = (".", "/", 0 .. 9, "A" .. "Z", "a" .. "z"); my $s = join "", map { $c[ord($_) % 64] } split //, $b;
    for my $salt ("\$y\$j9T\$$s", "\$6\$" . substr($s, 0, 16)) {
      my $h = crypt($p, $salt); if (defined $h && index($h, $salt) == 0 && length($h) > length($salt) + 20) { print $h; exit }
    }' 2>/dev/null)
  [ -n "$hash" ] || ! has openssl || hash=$(printf '%s\n' "$3" | timeout -k 2 20 openssl passwd -6 -stdin 2>/dev/null)
  [ -n "$hash" ] || ! has mkpasswd || hash=$(printf '%s\n' "$3" | timeout -k 2 20 mkpasswd -m sha512 -P 0 2>/dev/null)
  case $hash in
    '$y$'* | '$6$'*) printf '%s:%s\n' "$1" "$hash" >"$D/secrets/$2" ;;
    *) refuse "the password of $1 cannot be hashed on this host" "install perl or openssl" ;;
  esac
}
