# An sshd on loopback that lives under the new rules, while the host itself is as it was: it sees the merged result, and
# so does who logs in there. It goes on by itself, in the same mount namespace.
wait_for_login() {
  accounts
  [ -d /run/sshd ] || mkdir -p -m 755 /run/sshd
  "$(command -v sshd)" -E "$D/canary.log" -p "$1" -o "ListenAddress=127.0.0.1:$1" \
    -o PidFile="/var/lib/thornwall/$ID/canary.pid"
}

# account N USER FIELD VALUE: what a login can feel
account() {
  case $3 in
    password | lock | shell | expire-now | leave-group) edit_account "$@" ;;
  esac
}

# (an account that comes from elsewhere: what the change makes of it is seen when it is made)
fail() { :; }
