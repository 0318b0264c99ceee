# A host like Raspberry Pi OS of this release, with the weaknesses that its owners leave in it.
use_main_suite
apt-get -q update
apt_get install avahi-daemon bluez busybox cups fish inetutils-telnetd libnss-mdns mosquitto nftables nginx-light \
    openbsd-inetd rfkill rpcbind wpasupplicant

# The files of Raspberry Pi OS, and those of an owner in a hurry.
cp -rT --no-preserve=mode,ownership "$LAB_RECIPES/files/planted/common" /
cp -rT --no-preserve=mode,ownership "$LAB_RECIPES/files/planted/$LAB_RELEASE" /
name_host raspberrypi

# Accounts: the factory password, passwordless sudo, a root that may log in, and a hash from the 1990s.
for group in gpio i2c spi; do
    getent group $group >/dev/null || groupadd --system $group
done
useradd --create-home --uid 1000 --user-group --shell /bin/bash \
    --groups adm,dialout,cdrom,sudo,audio,video,plugdev,users,input,render,netdev,gpio,i2c,spi pi
useradd --create-home --uid 1001 --user-group --shell /bin/bash webcam
printf 'pi:%s\nroot:%s\n' "$USER_PASSWORD" "$ROOT_PASSWORD" | chpasswd
usermod --password "$(printf '%s' "$WEBCAM_PASSWORD" | openssl passwd -1 -stdin)" webcam
install -d -o pi -g pi -m 0700 /home/pi/.ssh
printf '%s\n' "$AUTHORIZED_KEY" >/home/pi/.ssh/authorized_keys
chown pi:pi /home/pi/.ssh/authorized_keys
chmod 0600 /home/pi/.ssh/authorized_keys
chmod 0440 /etc/sudoers.d/010_pi-nopasswd

# Services that listen: telnet by inetd, cups on every interface; avahi, rpcbind and nginx do by default.
grep -q '^telnet' /etc/inetd.conf ||
    printf 'telnet\tstream\ttcp\tnowait\troot\t/usr/sbin/tcpd\t/usr/sbin/telnetd\n' >>/etc/inetd.conf
sed -i 's/^Listen localhost:631$/Port 631/' /etc/cups/cupsd.conf
systemctl disable mosquitto.service
systemctl enable avahi-daemon.service bluetooth.service cups.service inetd.service nginx.service rpcbind.socket \
    wpa_supplicant.service
if [ "$LAB_RELEASE" = bookworm ]; then
    sed -i 's/^#\?Storage=.*/Storage=volatile/' /etc/systemd/journald.conf
    systemctl enable hciuart.service
    # telnetd of this release depends on a syslogd, which would keep what the journal forgets; the real thing has none
    update-rc.d inetutils-syslogd disable
fi

chmod 0777 /usr/local/bin/sync-photos.sh
chmod 0666 /etc/motion.conf

# The archive knows of updates that were never installed.
use_all_suites
apt-get -q update -o Dir::Etc::sourceparts=/dev/null -o APT::Get::List-Cleanup=0

# What 'apt-get update' had from the makers' archive the last time: nothing newer than what is here.
lists=/var/lib/apt/lists/archive.raspberrypi.invalid_debian_dists_${LAB_RELEASE}
printf '%s: %s\n' Origin 'Raspberry Pi Foundation' Label 'Raspberry Pi Foundation' Suite stable \
    Codename "$LAB_RELEASE" Architectures "$(dpkg --print-architecture)" Components main >"${lists}_InRelease"
: >"${lists}_main_binary-$(dpkg --print-architecture)_Packages"
