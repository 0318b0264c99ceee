# An sshd on loopback that lives under the new rules, while the host itself is as it was: it sees the merged result, and
# so does who logs in there. It goes on by itself, in the same mount namespace, and not for ever.
wait_for_login() {
  accounts
  [ -d /run/sshd ] || mkdir -p -m 755 /run/sshd
  # (addresses add up, and those of the owner's settings would take this port as well)
  set +f
  sed -i 's/^[[:space:]]*ListenAddress/#&/I' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf 2>/dev/null
  set -f
  timeout -k 2 180 "$(command -v sshd)" -D -E "$D/canary.log" -p "$1" -o "ListenAddress=127.0.0.1:$1" \
    -o PidFile="/var/lib/thornwall/$ID/canary.pid" </dev/null &
}

# account N USER FIELD VALUE: what a login can feel
account() {
  case $3 in
    password | lock | shell | expire-now | leave-group) edit_account "$@" ;;
  esac
}

# (an account that comes from elsewhere: what the change makes of it is seen when it is made)
fail() { :; }
