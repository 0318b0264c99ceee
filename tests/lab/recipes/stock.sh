# An up-to-date Debian server with one ordinary administrator, and nothing else changed.
useradd --create-home --uid 1000 --user-group --shell /bin/bash --groups sudo debian
printf 'debian:%s\n' "$USER_PASSWORD" | chpasswd
name_host debian

use_all_suites
apt-get -q update
apt_get full-upgrade
