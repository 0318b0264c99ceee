"""The one walk of the local file systems, as it runs on the device."""

from __future__ import annotations

# what the walk reads, or enters by a path of more than one name; find itself follows no link
FOLLOWS = (
    *("./etc/passwd", "./etc/group", "./usr/lib/systemd/system", "./lib/systemd/system", "./usr/local/lib/systemd"),
    *("./usr/local/bin", "./usr/local/sbin", "./usr/bin", "./usr/sbin", "./usr/lib", "./var/spool/cron"),
    *("./var/spool/at", "./var/log", "./var/tmp", "./var/mail", "./boot/firmware"),
)

WALK = r"""
set -f
gnu=y end='\0' uid=-uid gid=-gid
find . --version >/dev/null 2>&1 || gnu='' end='\n' uid=-user gid=-group
printf '! %s%b' "${gnu:+gnu}" "$end"
nl='
'
many=''
ids() { # LETTER TEST FILE: the accounts or groups of this root, not of the machine that mounted it
    known="$2 0" count=0
    while IFS=: read -r name _ id _; do
        case $id in '' | *[!0-9]* | ???????????*) continue ;; esac
        printf '%s %s %s%b' "$1" "$id" "$name" "$end"
        count=$((count + 1))
        # a command line has an end
        if [ "$count" -gt 2000 ]; then many=y; else known="$known -o $2 $id"; fi
    done <"$3"
}
stray='-name /' # nothing, until the accounts are known
if [ -r ./etc/passwd ] && [ -r ./etc/group ]; then
    elsewhere=''
    # Accounts from elsewhere (LDAP, systemd): NSS knows them, and is asked last. As a test of its own find 4.9 asks it
    # first, which reads the two files anew for each path.
    [ -z "$gnu" ] || [ "$PWD" != / ] || elsewhere=y
    ids u "$uid" ./etc/passwd
    users="! ( $known ${elsewhere:+-o ! -nouser} )"
    ids g "$gid" ./etc/group
    groups="! ( $known ${elsewhere:+-o ! -nogroup} )"
    if [ -z "$many" ]; then stray="$users -o $groups"; else printf '! many%b' "$end"; fi
fi
fat='' disks='' seen=' '
if [ "$PWD" = / ] && [ -r /proc/self/mounts ]; then
    while read -r device at type options _; do
        case $options in *,subvol=*) device="$device:${options##*,subvol=}" ;; esac
        case $seen in *" $device "*) continue ;; esac
        case $at in
            /) seen="$seen$device " && continue ;;
            /proc/* | /sys/* | /dev/* | /run/* | /var/lib/docker/* | /var/lib/containers/*) continue ;;
        esac
        case $type in
            ext[234] | xfs | btrfs | f2fs | jfs | nilfs2 | bcachefs | zfs) walked=y ;;
            vfat | exfat | msdos | ntfs | ntfs3 | fuseblk) walked='' ;; # one mode for all of it: that of its top
            *) continue ;;
        esac
        case $at in *[!A-Za-z0-9_./@:+,%~=-]*) printf '! unwalked %s%b' "$at" "$end" && continue ;; esac
        [ -d "$at" ] || continue
        [ -n "$walked" ] || { fat="$fat .$at" && continue; }
        seen="$seen$device " disks="$disks .$at"
    done </proc/self/mounts
fi
any() { # PATTERN...: the test of find that is true for each of them
    tests="-path $1" && shift
    for path in "$@"; do tests="$tests -o -path $path"; done
}
idle=''
command -v nice >/dev/null && idle='nice -n 19'
command -v timeout >/dev/null && idle="$idle timeout 12"
# \\c writes it out at once: a walk that is cut off keeps what it found
record='%y %m %U %G %s %Ts %p\t%l' stat='%f %u %g %s %Y %N'
trap '' XFSZ # a file that reaches its limit ends there, and the walk goes on
ulimit -f 8192

# Everywhere: what is set-user-ID or set-group-ID, what everybody may write, what belongs to nobody. /usr and /etc come
# first, so that they are seen even where the rest takes too long; what starts with `././` is the rest.
# Originals that are kept for undo are as they were, faults and all.
any ././usr ././etc ././proc ././sys ././dev ././run ././snap ././var/lib/docker ././var/lib/containerd \
    ././var/lib/containers/storage ././var/lib/lxc ././var/lib/lxd ././var/lib/incus ././var/lib/machines \
    ././var/lib/portables ././var/lib/kubelet ././var/lib/rancher ././var/lib/flatpak ././var/lib/snapd \
    ././var/lib/private ././var/cache/private ././var/log/private ././.snapshots '*/.local/share/containers' \
    '*/.local/share/docker' '*/lost+found' ././var/lib/thornwall '*/.thornwall-*'
(
    ulimit -f 512
    # `./.` is always noted, to show that the walk has begun
    if [ -n "$gnu" ]; then
        # shellcheck disable=SC2086
        exec $idle find ./usr ./etc ./. $disks -xdev -type d \( $tests \) -prune -o \
            \( ! -path ./. -o -fprintf "$S/walk.s" "\\0! begun\\c" \) \
            \( ! \( -type f \( -perm -4000 -o -perm -2000 \) \) -o -fprintf "$S/walk.s" "\\0s $record\\c" \) \
            \( ! \( -perm -0002 \( -type f -o -type d ! -perm -1000 \) \) -o -fprintf "$S/walk.w" "\\0w $record\\c" \) \
            \( $stray \) -fprintf "$S/walk.n" "\\0n $record\\c"
    fi
    # busybox keeps what only the last -exec … + of several collected: one for all, told apart by whoever reads it
    # shellcheck disable=SC2086
    exec $idle find ./usr ./etc ./. $disks -xdev -type d \( $tests \) -prune -o ! -name "*$nl*" \
        \( -path ./. -o -type f \( -perm -4000 -o -perm -2000 -o -perm -0002 \) -o -type d -perm -0002 ! -perm -1000 \
            -o $stray \) \
        -exec stat -c "b $stat" {} + >"$S/walk.s"
)
[ $? != 124 ] || printf '! late%b' "$end"
[ -s "$S/walk.s" ] || printf '! none%b' "$end"
cat "$S/walk.s" "$S/walk.w" "$S/walk.n" 2>/dev/null

# What others look up: configuration, units, the administrator's programs, schedules, tops of homes and of the system.
present() { # PATH...: those that exist
    found=''
    for path in "$@"; do [ ! -e "$path" ] || found="$found $path"; done
}
lib='' && [ -h ./lib ] || lib=./lib/systemd/system
# shellcheck disable=SC2086 # lists of paths
present ./etc ./boot ./usr/lib/systemd/system $lib ./usr/local/lib/systemd ./usr/local/bin ./usr/local/sbin \
    ./var/spool/cron ./var/spool/at ./var/log ./root ./home
lists=$found
case $disks$fat in *' ./boot/firmware'*) lists="$lists ./boot/firmware" ;; esac
present . ./bin ./sbin ./lib ./usr ./usr/bin ./usr/sbin ./usr/lib ./opt ./srv ./tmp ./var ./var/tmp ./var/mail
tops="$found $fat"
# shellcheck disable=SC2086
any $tops
top=$tests
any './home/*/[!.]*' './home/*/.*/*' './root/[!.]*' './root/.*/*' './var/log/*/*' './boot*/overlays/*' './etc/.git/*' \
    './etc/ssl/certs/*' './etc/alternatives/*'
if [ -n "$gnu" ]; then
    set -- -printf "\\0l $record"
else
    set -- ! -name "*$nl*" -exec stat -c "l $stat" {} +
fi
# shellcheck disable=SC2086
find $tops $lists -xdev \( \( -path '*/.ssh/*' -o $top \) -prune -o ! \( \( $tests \) -prune \) \) "$@"
printf '%b! end%b' "$end" "$end"
"""
