# An sshd on loopback that lives under the new rules, while the host itself is as it was: /etc with the new files in it,
# seen by this process and by who logs in there. Runs in a mount namespace of its own; its argument is the port.
main() {
  here=$(cd -P "${0%/*}" && pwd -P)
  ID=${here##*/} LIVE=1
  cd / || exit 1
  setup
  merged || exit 1
  put
  accounts
  mkdir -p -m 755 /run/sshd
  exec "$(command -v sshd)" -D -E "$D/canary.log" -p "$1" -o "ListenAddress=127.0.0.1:$1" -o PidFile=none
}

# account N USER FIELD VALUE: what a login can feel
account() {
  case $3 in
    password) timeout -k 2 30 chpasswd -e <"$D/secrets/$1" ;;
    lock) t 30 usermod -L "$2" ;;
    shell) t 30 usermod -s "$4" "$2" ;;
    expire-now) t 30 chage -E 0 "$2" ;;
    leave-group) t 30 gpasswd -d "$2" "$4" ;;
  esac
}
