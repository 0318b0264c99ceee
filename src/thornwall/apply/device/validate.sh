# Looks at the merged result before any real file changes: /etc with the new files in it, seen by this process alone.
# Runs in a mount namespace of its own (unshare -m). One line for each check: `name`, then why it was left out, or
# `fail` and what the owner's tool said. Its argument, if any, is the port for a login under these rules.
main() {
  here=$(cd -P "${0%/*}" && pwd -P)
  ID=${here##*/} LIVE=1
  cd / || exit 1
  setup
  anything || [ -n "$1" ] || exit 0
  merged || {
    printf '%s\t%s\n' "the merged result" "this kernel shows /etc to one process alone neither by an overlay nor by a bind mount"
    exit 0
  }
  put || exit 1
  wrong='' before=''
  check_sshd
  check_sudo
  check_nft
  check_apt
  check_pam
  if [ -n "$wrong" ]; then
    as_it_is
  elif [ -n "$1" ]; then
    wait_for_login "$1" >/dev/null 2>&1
  fi
  return 0
}

# Whether what is refused was refused already, without the change: then it is for another reason, or for one more.
as_it_is() {
  umount /etc 2>/dev/null || return
  before=1
  for check in $wrong; do "check_$check"; done
}

# whether anything changes that an owner's tool can judge
anything() {
  while read -r _ _ _ _ _ _ _ _ path; do
    case $path in
      /etc/ssh/* | /etc/crypto-policies/* | /etc/sudoers* | /etc/nftables* | /etc/apt/apt.conf* | /etc/pam.d/*) return 0 ;;
    esac
  done <"$D/items"
  return 1
}

# /etc as a copy that only we see: an overlay, or where the kernel has none, a real copy
merged() {
  scratch=/run/thornwall.lock
  mount -t tmpfs -o mode=700,size=64m thornwall "$scratch" 2>/dev/null || return 1
  # (the uppermost folder is what /etc looks like)
  mkdir -m 755 "$scratch/upper" "$scratch/work" "$scratch/etc"
  mount -t overlay -o "lowerdir=/etc,upperdir=$scratch/upper,workdir=$scratch/work" thornwall /etc 2>/dev/null && return 0
  cp -a /etc/. "$scratch/etc/" 2>/dev/null && mount --bind "$scratch/etc" /etc
}

# only what is below /etc: the rest is checked by nobody
put() {
  touched='' gone=''
  [ -f "$D/made" ] && while read -r path; do
    case $path in ./etc/*) mkdir -p -m 755 "$path" ;; esac
  done <"$D/made"
  while read -r op _ _ _ _ _ _ _ path; do
    case $path in /etc/*) ;; *) continue ;; esac
    touched="$touched $path "
    [ "$op" = M ] || gone="$gone .$path"
  done <"$D/items"
  # shellcheck disable=SC2086
  [ -z "$gone" ] || rm -f -- $gone
  while read -r vault; do put_new "$vault" || return 1; done <"$D/vaults"
  put_modes
}

# (without `./` before the names: the folders on the way get the modes of those in the record, and / is not ours)
put_new() {
  list=''
  exec 3<"$D/items" 4<"$D/before"
  while read -r op _ _ _ _ _ _ _ path <&3; do
    read -r V _ <&4
    case $V:$op$path in "$1":[PL]/etc/*) list="$list ${path#/}" ;; esac
  done
  exec 3<&- 4<&-
  [ -n "$list" ] || return 0
  cd "$1/new" || return 1
  # shellcheck disable=SC2086
  cp -a --parents -- $list / 2>/dev/null || for file in $list; do
    cp -a -- "$file" "/$file" || return 1
  done
  cd /
}

# sudo and others judge the mode as well
put_modes() {
  while read -r op _ mode user group _ _ _ path; do
    case $op$path in M/etc/*) ;; *) continue ;; esac
    [ "$user" = - ] || chown -h "$user" ".$path"
    [ "$group" = - ] || chown -h ":$group" ".$path"
    [ "$mode" = - ] || [ -L ".$path" ] || chmod "$mode" ".$path"
  done <"$D/items"
  return 0
}

# judge NAME CHECK PROGRAM ARGUMENT…
judge() {
  name=$1 check_=$2
  shift 2
  if ! has "$1"; then
    printf '%s\t%s\n' "$name" "$1 is not on this host"
    return
  fi
  if said=$(ask 30 "$@" 2>&1); then verdict ''; else verdict "${said:-it says nothing}"; fi
}

# verdict WHAT-IS-WRONG: of the check `name`
verdict() {
  one_line "$1"
  if [ -n "$before" ]; then
    [ -z "$text" ] || printf '%s\tbefore\t%s\n' "$name" "$text"
  elif [ -n "$text" ]; then
    wrong="$wrong $check_"
    printf '%s\tfail\t%s\n' "$name" "$text"
  else
    printf '%s\n' "$name"
  fi
}

check_sshd() {
  case $touched in *" /etc/ssh/"* | *" /etc/crypto-policies/"*) ;; *) return ;; esac
  judge "sshd -t" sshd sshd -t
}

check_sudo() {
  case $touched in *" /etc/sudoers"*) judge "visudo -c" sudo visudo -c ;; esac
}

check_nft() {
  case $touched in *" /etc/nftables"*) judge "nft -c" nft nft -c -f /etc/nftables.conf ;; esac
}

check_apt() {
  case $touched in *" /etc/apt/apt.conf"*) judge "apt-config" apt apt-config dump ;; esac
}

# every module that a file of PAM names is there: a missing one shuts everybody out
check_pam() {
  case $touched in *" /etc/pam.d/"*) ;; *) return ;; esac
  missing_='' name="PAM modules" check_=pam
  for file in $touched; do
    case $file in /etc/pam.d/*) ;; *) continue ;; esac
    [ -f "$file" ] || continue
    while read -r line || [ -n "$line" ]; do
      case $line in '#'* | @*) continue ;; esac
      for word in $line; do
        case $word in
          '#'*) break ;;
          *.so)
            pam_module "$word" || missing_="$missing_ $word ($file)"
            break
            ;;
        esac
      done
    done <"$file"
  done
  verdict "${missing_:+not there:$missing_}"
}

pam_module() {
  case $1 in /*) [ -e "$1" ] && return 0 ;; esac
  set +f
  for file_ in /lib/security/"$1" /lib/*/security/"$1" /lib64/security/"$1" /usr/lib/security/"$1" \
    /usr/lib/*/security/"$1" /usr/lib64/security/"$1"; do
    [ -e "$file_" ] && { set -f; return 0; }
  done
  set -f
  return 1
}
