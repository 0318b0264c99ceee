# Files of tools and of accounts, which whole programs write as they like: kept as copies, given back byte for byte.

# sets what the kept files and folders hold now, held before, and held when the change was done
states() {
  read -r K <"$D/kept.place"
  trees_now=$nl$(trees)$nl trees_before=$nl$(cat "$D/before.kept")$nl trees_after='' after_list=''
  kept_list=$nl
  [ -f "$D/kept.list" ] && kept_list=$nl$(cat "$D/kept.list")$nl
  if [ -f "$D/after.kept" ]; then
    trees_after=$nl$(cat "$D/after.kept")$nl after_list=$nl$(cat "$D/after.list")$nl
  fi
}

# part LINES FILE: sets `parts`: the lines about it
part() {
  parts=''
  IFS=$nl
  for line in $1; do
    case $line in *" $2" | *" '$2'" | *" '$2' -> "*) parts=$parts$nl$line ;; esac
  done
  unset IFS
}

# compare FILE: sets `now_`, `before_`, `after_`
compare() {
  part "$trees_now" "$1"
  now_=$parts
  part "$trees_before" "$1"
  before_=$parts
  part "$trees_after" "$1"
  after_=$parts
}

is_account() {
  case " $accounts " in *" ${1#.} "*) return 0 ;; esac
  return 1
}

# what somebody has changed since is not thrown away
conflicts() {
  [ -z "$FORCE" ] && [ -f "$D/after" ] || return 0
  differing=''
  exec 6<"$D/after"
  walk look_conflict
  exec 6<&-
  if [ -f "$D/keeps" ] && [ -f "$D/after.kept" ]; then
    account_files
    states
    IFS=$nl
    for file in $kept_list $after_list; do
      unset IFS
      is_account "$file" && continue
      compare "$file"
      [ "$before_" = "$after_" ] || [ "$now_" = "$after_" ] || [ "$now_" = "$before_" ] && continue
      case "$differing " in *" ${file#.} "*) ;; *) differing="$differing ${file#.}" ;; esac
    done
    unset IFS
  fi
  [ -z "$differing" ] && return 0
  for path in $differing; do
    out DIFFERS "$path"
    show_difference
  done
  refuse "changed since:$differing" "look at them, then undo with --force: what is there now is kept in /var/lib/thornwall/$ID/aside"
}

look_conflict() {
  read -r after <&6
  now_="$kind $mode_ $uid $gid $what"
  [ "$now_" = "$after" ] || [ "$now_" = "$okind $omode $ouid $ogid $owhat" ] || differing="$differing $path"
}

# only of what everybody may read
show_difference() {
  has diff && [ -f ".$path" ] && [ -f "$D/put$path" ] || return 0
  case $(stat -c %a ".$path") in *[4567]) ;; *) return 0 ;; esac
  difference=$(t 20 diff -U0 "$D/put$path" ".$path" | sed -n '3,60p')
  IFS=$nl
  for line in $difference; do
    unset IFS
    one_line "$line"
    out DIFF "$text"
  done
  unset IFS
}

account_files() {
  accounts=''
  while read -r n path; do [ "$n" = 0 ] && accounts="$accounts $path"; done <"$D/keeps"
  return 0
}

# in the window all of it; later what the change itself did, and not what others did since
kept_back() {
  [ -f "$D/keeps" ] || return 0
  account_files
  [ -z "$accounts" ] || litter
  states
  fields_only=''
  [ "$1" = later ] && accounts_differ && fields_only=1
  while read -r n path; do
    [ "$n" = 0 ] && [ -n "$fields_only" ] && continue
    came_goes "$1"
    was_comes "$1"
  done <"$D/keeps"
}

# What a tool for accounts leaves beside its files when it is killed: locks and halves, by the number of its process.
litter() {
  were=''
  while read -r count _ folder; do
    [ "$folder" != ./etc ] || { [ -f "$D/mtimes.d/$count.names" ] && IFS= read -r were <"$D/mtimes.d/$count.names"; }
  done <"$D/mtimes"
  [ -n "$were" ] || return 0
  set +f
  for file in ./etc/passwd.[0-9]* ./etc/shadow.[0-9]* ./etc/group.[0-9]* ./etc/gshadow.[0-9]* \
    ./etc/passwd.lock ./etc/shadow.lock ./etc/group.lock ./etc/gshadow.lock \
    ./etc/passwd+ ./etc/shadow+ ./etc/group+ ./etc/gshadow+; do
    [ -f "$file" ] || continue
    case /$were/ in *"/$file/"*) continue ;; esac
    process=${file##*.}
    [ "$process" != lock ] || read -r process <"$file" || :
    name=''
    case $process in
      '' | *[!0-9]*) ;;
      *) [ ! -r "/proc/$process/comm" ] || read -r name <"/proc/$process/comm" ;;
    esac
    # (somebody else's, who is at it now)
    case $name in user* | group* | ch[aps]* | gpasswd | passwd | vipw | vigr | newusers) continue ;; esac
    rm -f -- "$file"
  done
  set -f
}

# what was not there before goes
came_goes() {
  if [ ! -e ".$path" ] && [ ! -L ".$path" ]; then return 0; fi
  found=$(find ".$path" -depth ! -name 'thornwall-*[0-9][0-9][0-9][0-9]*')
  IFS=$nl
  for file in $found; do
    unset IFS
    case $kept_list in *"$nl$file$nl"*) continue ;; esac
    if [ "$1" = later ]; then case $after_list in *"$nl$file$nl"*) ;; *) continue ;; esac; fi
    changed=1
    if [ -d "$file" ] && [ ! -L "$file" ]; then rmdir "$file" 2>/dev/null; else rm -f -- "$file"; fi
  done
  unset IFS
}

# what was there comes back
was_comes() {
  IFS=$nl
  for file in $kept_list; do
    unset IFS
    case $file in ".$path" | ".$path/"*) ;; *) continue ;; esac
    compare "$file"
    [ "$now_" = "$before_" ] && continue
    [ "$1" = later ] && [ "$after_" = "$before_" ] && continue
    copy=$K/$file
    if [ ! -e "$copy" ] && [ ! -L "$copy" ]; then
      problem "what ${file#.} was is not in the record any more"
      continue
    fi
    changed=1
    if [ -d "$copy" ] && [ ! -L "$copy" ]; then
      folder_as_before
    else
      found_=$now_
      [ -z "${trees_found:-}" ] || { part "$trees_found" "$file" && found_=$parts; }
      [ -z "$found_" ] || [ "$1" = window ] || [ "$found_" = "$after_" ] || keep_aside
      mv -f -- "$copy" "$file" || problem "cannot put back ${file#.}"
    fi
  done
  unset IFS
}

folder_as_before() {
  [ -d "$file" ] || mkdir -p "$file"
  # shellcheck disable=SC2086 # `mode uid gid …`
  set -- $before_
  chown "$2:$3" "$file" && chmod "$(printf %o $((0x$1 & 07777)))" "$file" || problem "the mode of ${file#.}"
}

keep_aside() {
  mkdir -p "$D/aside/${file%/*}" && cp -a -- "$file" "$D/aside/$file"
  tell ASIDE "${file#.}" "/var/lib/thornwall/$ID/aside${file#.}"
}

# accounts: whether others have changed them since, or a known password would come back
accounts_differ() {
  [ -n "$BRING" ] || [ -z "$KNOWN" ] || return 0
  [ -n "$trees_after" ] || return 1
  for path in $accounts; do
    compare ".$path"
    # What they hold decides, not their modes, which are given back on their own; and a try before this one may have
    # given back some of them.
    held "$now_"
    now_=$sum_
    held "$after_"
    [ "$now_" = "$sum_" ] && continue
    held "$before_"
    [ "$now_" = "$sum_" ] || return 0
  done
  return 1
}

# held LINES: sets `sum_`: what a file holds, out of what is known of it
held() {
  sum_=''
  IFS=$nl
  for line in $1; do
    case $line in *"  ."*) sum_=${line%%"  ."*} ;; esac
  done
  unset IFS
}

# account USER FIELD VALUE: one field as it was, where not the whole file comes back
account_back() {
  [ -n "$fields_only" ] || return 0
  old=''
  file=shadow
  [ "$2" = shell ] && file=passwd
  while IFS= read -r line; do
    case $line in "$1:"*) old=$line ;; esac
  done <"$K/etc/$file"
  [ -n "$old" ] || return 0
  IFS=:
  # (an empty field stays one: each is marked)
  while :; do case $old in *::*) old=${old%%::*}:-1:${old#*::} ;; *) break ;; esac; done
  # shellcheck disable=SC2086
  set -- "$1" "$2" "$3" $old
  unset IFS
  case $2 in
    lock | password)
      case " $KNOWN " in *" $1 "*)
        if [ -z "$BRING" ]; then
          tell LEFT "the password of $1: the one before was a known default or empty"
          return 0
        fi ;;
      esac ;;
  esac
  if [ "$LIVE" = 0 ]; then
    at_rest "$@" || problem "$2 of $1"
    return 0
  fi
  case $2 in
    lock | password)
      hash=$5
      [ "$hash" = -1 ] && hash=
      printf '%s:%s\n' "$1" "$hash" | timeout -k 2 30 chpasswd -e 2>/dev/null || problem "the password of $1"
      t 30 chage -d "$6" "$1"
      ;;
    shell) t 30 usermod -s "${10}" "$1" ;;
    expire-now) t 30 chage -E "${11}" "$1" ;;
    min-days) t 30 chage -m "$7" "$1" ;;
    max-days) t 30 chage -M "$8" "$1" ;;
    warn-days) t 30 chage -W "$9" "$1" ;;
    inactive-days) t 30 chage -I "${10}" "$1" ;;
    leave-group) t 30 gpasswd -a "$1" "$3" >/dev/null ;;
  esac || problem "$2 of $1"
}

# the same on a mounted system, where no tool for accounts runs
at_rest() {
  case $2 in
    lock | password) field_back shadow "$1" 2 "$5" && field_back shadow "$1" 3 "$6" ;;
    shell) field_back passwd "$1" 7 "${10}" ;;
    expire-now) field_back shadow "$1" 8 "${11}" ;;
    min-days) field_back shadow "$1" 4 "$7" ;;
    max-days) field_back shadow "$1" 5 "$8" ;;
    warn-days) field_back shadow "$1" 6 "$9" ;;
    inactive-days) field_back shadow "$1" 7 "${10}" ;;
    leave-group)
      for file in group gshadow; do
        [ ! -f "./etc/$file" ] || lines_back "$3" "$1" 'n = split($4, all, ","); there = 0
          for (i = 1; i <= n; i++) if (all[i] == value) there = 1
          if (!there) $4 = $4 ($4 == "" ? "" : ",") value' || return 1
      done ;;
  esac
}

# field_back FILE NAME COLUMN VALUE (-1: empty)
field_back() {
  file=$1
  lines_back "$2" "${4#-1}" "\$$3 = value"
}

# lines_back NAME VALUE ACTION: in ./etc/$file, in the lines that begin with NAME; whole, or as it was where the disk is full.
# (a link there may lead to what is of the machine that mounted it)
lines_back() {
  [ ! -L ./etc ] && [ ! -L "./etc/$file" ] || return 1
  edited=$(awk -F: -v OFS=: -v name="$1" -v value="$2" '$1 == name { '"$3"' } { print }' "./etc/$file") || return 1
  cp -a "./etc/$file" "$D/edited" && printf '%s\n' "$edited" >"$D/edited" && cp -a "$D/edited" "./etc/$file.thornwall-$ID" &&
    mv -f "./etc/$file.thornwall-$ID" "./etc/$file"
  edited=$?
  rm -f "$D/edited" "./etc/$file.thornwall-$ID"
  return "$edited"
}
