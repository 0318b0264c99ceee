# Fetches, and does not install, what a host may be asked to install: one package a line below, with what each brings
# along, and all updates that wait. /run/lab/packages gets them. The lists of packages stay those of the image.
none=$(mktemp -d)

take() { # APT-GET'S WORDS...
    apt_get -o APT::Install-Recommends=true --download-only "$@"
    for file in $(apt-get -qq -o APT::Install-Recommends=true -o Dir::Cache::archives="$none" --print-uris "$@" |
        awk '{ print $2 }'); do
        cp "/var/cache/apt/archives/$file" /run/lab/packages/
    done
}

apt_get() { # lib.sh's leaves out what is recommended; a host that installs for itself may not
    apt-get -q -y -o Dpkg::Use-Pty=0 "$@"
}

take upgrade
take full-upgrade
while read -r package; do
    take install "$package"
done <<END
acl
aide
aide-common
apparmor
apparmor-profiles
apparmor-utils
apt-listchanges
attr
auditd
busybox
chrony
cloud-init
debsums
etckeeper
fail2ban
firewalld
libpam-cap
libpam-google-authenticator
libpam-modules
libpam-pwquality
libpam-tmpdir
mosquitto
mosquitto-clients
needrestart
nftables
nginx
nginx-light
restic
rsyslog
systemd-timesyncd
ufw
unattended-upgrades
usbguard
END
