# The twin of the planted host, after a good administrator has been there. Starts from the planted root.
apt_get full-upgrade
apt_get purge avahi-daemon avahi-autoipd cups cups-daemon inetutils-telnetd libnss-mdns openbsd-inetd rpcbind
apt_get autoremove --purge
# without cracklib-runtime, which is only recommended, pam_pwquality refuses every new password
apt_get install cracklib-runtime libpam-google-authenticator libpam-pwquality restic ufw unattended-upgrades

cp -rT --no-preserve=mode,ownership "$LAB_RECIPES/files/hardened/common" /

# Accounts: strong passwords with the distribution's own hash, sudo asks every time, root is locked.
printf 'pi:%s\nwebcam:%s\n' "$USER_PASSWORD" "$WEBCAM_PASSWORD" | chpasswd
passwd --lock root
rm /etc/sudoers.d/010_pi-nopasswd
chmod 0440 /etc/sudoers.d/10-timestamp
visudo --check --quiet

# Login: a key and then a code. The code replaces the password in sshd's stack, so common-auth goes out.
rm -f /etc/ssh/sshd_config.d/50-owner.conf
sed -i 's/^@include common-auth$/auth required pam_google_authenticator.so/' /etc/pam.d/sshd
grep -q '^auth required pam_google_authenticator.so$' /etc/pam.d/sshd
# No RATE_LIMIT and no DISALLOW_REUSE line: a test logs in more often than a person does.
printf '%s\n" WINDOW_SIZE 3\n" TOTP_AUTH\n' "$TOTP_SECRET" >/home/pi/.google_authenticator
chown pi:pi /home/pi/.google_authenticator
chmod 0400 /home/pi/.google_authenticator
mkdir -p /run/sshd
sshd -t

# Firewall. Nothing is loaded here, where no network is: ufw.service does that at every boot.
ufw logging low
ufw default deny incoming
ufw default allow outgoing
for port in 22/tcp 80/tcp 443/tcp; do
    ufw allow "$port"
done
sed -i 's/^ENABLED=no$/ENABLED=yes/' /etc/ufw/ufw.conf
grep -q '^ENABLED=yes$' /etc/ufw/ufw.conf
systemctl enable ufw.service

# http only to say where https is.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj /CN=raspberrypi \
    -addext subjectAltName=DNS:raspberrypi,DNS:raspberrypi.local \
    -keyout /etc/ssl/private/raspberrypi.key -out /etc/ssl/certs/raspberrypi.pem 2>/dev/null
chmod 0600 /etc/ssl/private/raspberrypi.key
nginx -t -q

chown root:root /usr/local/bin/sync-photos.sh /etc/motion.conf
chmod 0755 /usr/local/bin/sync-photos.sh
chmod 0644 /etc/motion.conf

# Updates come by themselves, the makers' own archive included (52raspberrypi).
systemctl enable apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service

# The makers' archive is taken for its key, not on trust. It is out of the lab's reach, so a key of this build signs
# what apt had from it the last time.
apt_get install gpg gpg-agent
export GNUPGHOME="$(mktemp -d)"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Raspberry Pi Foundation (lab)' ed25519 sign never
gpg --quiet --export >/usr/share/keyrings/raspberrypi-archive-keyring.pgp
release=/var/lib/apt/lists/archive.raspberrypi.invalid_debian_dists_${LAB_RELEASE}_InRelease
gpg --batch --quiet --clearsign --output "$release.signed" "$release"
mv "$release.signed" "$release"
gpgconf --kill all
rm -r "$GNUPGHOME"
unset GNUPGHOME release
apt_get purge --autoremove gpg gpg-agent
signed=/usr/share/keyrings/raspberrypi-archive-keyring.pgp
sed -i "s|^Trusted: yes$|Signed-By: $signed|; s|trusted=yes|signed-by=$signed|" /etc/apt/sources.list.d/raspi.*
grep -q "$signed" /etc/apt/sources.list.d/raspi.*

# A journal that survives a reboot and cannot fill the card.
rm -f /usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf
sed -i 's/^Storage=volatile$/#Storage=auto/' /etc/systemd/journald.conf
install -d -g systemd-journal -m 2755 /var/log/journal

# Radios off in the firmware, and nothing that would drive them; no console on the serial pins.
printf '\n[all]\ndtoverlay=disable-bt\ndtoverlay=disable-wifi\nenable_uart=0\n' >>/boot/firmware/config.txt
sed -i 's/console=serial0,115200 //' /boot/firmware/cmdline.txt
for unit in bluetooth.service hciuart.service wpa_supplicant.service; do
    systemctl disable "$unit" 2>/dev/null || true
    rm -f "/etc/systemd/system/$unit"
    systemctl mask "$unit"
done

# A backup that has run once, and runs every night.
install -d -m 0700 /etc/restic /srv/backup
(umask 077 && printf '%s\n' "$BACKUP_PASSWORD" >/etc/restic/password)
restic --quiet --repo /srv/backup --password-file /etc/restic/password init
restic --quiet --repo /srv/backup --password-file /etc/restic/password backup --no-cache /etc
systemctl enable backup.timer
