# Thornwall reads this host. It installs nothing and writes nothing but its scratch folder on tmpfs, which it removes.
main() {
  umask 077
  # the system comes first: what somebody put into /usr/local must not answer in its place
  LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
  THORNWALL_PASSWORD_SECONDS=@password_seconds@
  export LC_ALL PATH THORNWALL_PASSWORD_SECONDS
  unset CDPATH ENV BASH_ENV GREP_OPTIONS POSIXLY_CORRECT PERL5LIB PERL5OPT PYTHONPATH PYTHONHOME LD_PRELOAD LD_LIBRARY_PATH
  N=@nonce@ LIVE=@live@ told=''
  nl='
'
  say BEGIN 1
  cd -P @root@ || { say ERROR root; exit 1; }
  ROOT=$(pwd -P)
  UID_=$(id -u)
  scratch || { say ERROR scratch; exit 1; }
  export S
  mkdir "$S/c"
  say SCRATCH "$S"
  limit_of_time
  # no file of ours grows over 8 MiB, whatever a command answers
  ulimit -f 16384
  choose >"$S/list"
  commands
  contents
  step waiting 90
  wait
  times >"$S/times"
  send
}

say() { printf '%s %s\n' "$N" "$*"; }

# step NAME SECONDS: for whoever watches or waits; what may take long is told at once, the rest once a second, since
# each line costs both ends a packet. (/proc/uptime is a clock that takes no process.)
step() {
  up=''
  read -r up _ </proc/uptime
  if [ "$2" -le 5 ] && [ -n "$up" ] && [ "${up%.*}" = "$told" ]; then return; fi
  told=${up%.*}
  say STEP "$1"
}

# a folder of our own on the first tmpfs that has 16 MiB to spare
scratch() {
  tmpfs=
  while read -r _ point type _; do
    case $type in tmpfs | ramfs) tmpfs="$tmpfs$point$nl" ;; esac
  done </proc/mounts
  # (/run/user/UID last: it goes with the last session of its user, and on a full /run even before)
  for d in /run /dev/shm /tmp /var/volatile "/run/user/$UID_"; do
    case $nl$tmpfs in *"$nl$d$nl"*) ;; *) continue ;; esac
    if [ ! -d "$d" ] || [ ! -w "$d" ]; then continue; fi
    free=$(df -Pk "$d" 2>/dev/null | { read -r _; read -r _ _ _ free _; printf %s "$free"; })
    [ "${free:-0}" -ge 16384 ] 2>/dev/null || continue
    S=$d/thornwall.$N
    mkdir "$S" 2>/dev/null || continue
    trap '[ -d "$S" ] || say ERROR scratch; rm -rf "$S"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    return 0
  done
  return 1
}

limit_of_time() {
  command -v timeout >/dev/null 2>&1 && return
  timeout() {
    shift 2
    seconds=$1
    shift
    "$@" &
    child=$!
    (sleep "$seconds"; kill -9 "$child") >/dev/null 2>&1 &
    watcher=$!
    wait "$child"
    result=$?
    kill "$watcher" 2>/dev/null
    return "$result"
  }
}

# run NAME SECONDS PROGRAM ARGUMENT...
run() {
  step "$1" "$2"
  name=$1 seconds=$2
  shift 2
  if command -v "$1" >/dev/null 2>&1; then
    timeout -k 1 "$seconds" "$@" </dev/null >"$S/c/$name.out" 2>"$S/c/$name.err"
    printf '%s %s\n' "$?" "$name" >>"$S/status"
  else
    printf '127 %s\n' "$name" >>"$S/status"
  fi
}

# dir GLOB? DIRECTORY: says so if an ordinary user may not look into it, so that nothing there passes for absent
dir() {
  [ "$UID_" = 0 ] && return
  for d in $2; do
    [ -d "$d" ] || continue
    if [ ! -x "$d" ] || { [ "$1" = 1 ] && [ ! -r "$d" ]; }; then printf 'B %s\n' "$d"; fi
  done
}

# want CLASS LIMIT PATTERN: what of the files that match can be read
want() {
  count=0
  for f in $3; do
    [ -e "$f" ] || [ -L "$f" ] || continue
    count=$((count + 1))
    [ "$count" -gt 500 ] && { printf 'M %s\n' "$3"; break; }
    case $f in *[!A-Za-z0-9_./@:+,%~=\ -]* | *\ ) printf 'O %s\n' "$3"; continue ;; esac
    if [ "$LIVE" = 0 ]; then
      inside "${f%/*}" || { printf 'E %s\n' "$f"; continue; }
      [ -L "$f" ] && { printf 'L %s\n' "$f"; continue; }
    else
      case $f in
        ./home/*) at_home "$1" "$f" || continue ;;
      esac
      [ -L "$f" ] && printf 'S %s\n' "$f"
    fi
    if [ ! -f "$f" ]; then
      printf 'N %s\n' "$f"
    elif [ ! -r "$f" ]; then
      printf 'D %s\n' "$f"
    else
      case $f in
        # what a device says of itself could pass for the head of another file: it goes with those that are framed
        ./sys/bus/usb/*) printf 'R %s %s %s\n' "$1" "$2" "$f" ;;
        ./proc/* | ./sys/*) printf 'P %s\n' "$f" ;;
        *) printf 'R %s %s %s\n' "$1" "$2" "$f" ;;
      esac
    fi
  done
}

# at_home CLASS FILE: says so of a file in a home that its owner made a link, or put behind one: as root we might read
# for him what he may not read himself
at_home() {
  case $1 in @strict@) return 0 ;; esac
  [ -L "$2" ] && { printf 'L %s\n' "$2"; return 1; }
  rest=${2#./home/*/}
  home=${2%"/$rest"}
  case $rest in */*) rest=/${rest%/*} ;; *) return 0 ;; esac
  [ "$(cd -P "$home$rest" && pwd -P)" = "$(cd -P "$home" && pwd -P)$rest" ] && return 0
  printf 'E %s\n' "$2"
  return 1
}

# whether a folder of a mounted root is really in it: a link must not lead to the files of this machine
inside() {
  [ "$1" = "$inside_last" ] && return "$inside_was"
  inside_last=$1 inside_was=1
  case $(cd -P "$1" 2>/dev/null && pwd -P)/ in "${ROOT%/}"/*) inside_was=0 ;; esac
  return "$inside_was"
}

# out NAME PATH...: whether one of the paths leads out of a mounted root; then the command NAME is not run
out() {
  name=$1
  shift
  for p in "$@"; do
    if [ -d "$p" ]; then
      d=$p
    else
      [ -e "$p" ] || [ -L "$p" ] || continue
      d=${p%/*}
    fi
    if ! inside "$d" || { [ -L "$p" ] && [ ! -d "$p" ] && ! within "$p"; }; then
      printf '155 %s\n' "$name" >>"$S/status"
      return 0
    fi
  done
  return 1
}

# within LINK: whether what a link to a file names is in the mounted root
within() {
  case $(readlink -f "$1")/ in "${ROOT%/}"/*) return 0 ;; esac
  return 1
}

choose() {
  IFS=''
  inside_last='' inside_was=1
@choose@
  unset IFS
}

commands() {
  : >"$S/status"
  inside_last=''
@commands@
}

contents() {
  step files 10
  files='' links='' kernel=''
  while read -r kind path; do
    case $kind in
      R)
        path=${path#* }
        files=$files$nl${path#* }
        ;;
      P) kernel=$kernel$nl$path ;;
      S | L) links=$links$nl$path ;;
    esac
  done <"$S/list"
  : >"$S/meta"
  : >"$S/links"
  : >"$S/kernel"
  : >"$S/files"
  set -f
  IFS=$nl
  # shellcheck disable=SC2086 # one path a line, and no globbing
  {
    [ -n "$files" ] && timeout -k 1 10 stat -L -c '%f %u %g %U %G %s %Y %n' -- $files >"$S/meta" 2>/dev/null
    [ -n "$links" ] && timeout -k 1 10 stat -c '%f %u %g %U %G %s %Y %N' -- $links >"$S/links" 2>/dev/null
    [ -n "$kernel" ] && timeout -k 1 10 head -v -c 262144 -- $kernel >"$S/kernel" 2>/dev/null </dev/null
  }
  unset IFS
  set +f
  # an unreadable sector ends some awks at once: then go on behind that file
  after='' tries=0
  until timeout -k 1 30 awk -v "N=$N" -v "S=$S" -v "after=$after" @awk@ </dev/null >>"$S/files" 2>/dev/null; do
    tries=$((tries + 1))
    after=$(awk -v "N=$N" '$1 == "\001" N && $2 == "F" { last = substr($0, length(N) + 5) } END { print last }' "$S/files")
    if [ "$tries" -gt 8 ] || [ -z "$after" ]; then break; fi
    printf 'X %s\n' "$after" >>"$S/list"
  done
}

send() {
  now=$(date +%s)
  say HOST "$UID_" "$now"
  cd "$S" || exit 1
  set -- list status times meta links kernel files c/*
  [ -e "$8" ] || set -- list status times meta links kernel files
  say TABLE
  wc -c "$@"
  say DATA
  cat "$@"
  printf '\n'
  say END
}

{ main </dev/null 2>/dev/null; }
