# The planted host as a machine of its own: what a virtual machine needs beside it. Starts from the planted root.
# The initramfs has what such a machine boots from, and no more: under emulation every megabyte counts.
mkdir -p /etc/initramfs-tools/conf.d
printf 'MODULES=list\nFSTYPE=ext4\nRESUME=none\n' >/etc/initramfs-tools/conf.d/lab
printf 'virtio_pci\nvirtio_blk\next4\n' >/etc/initramfs-tools/modules
apt_get install linux-image-amd64 initramfs-tools qemu-guest-agent

printf 'PARTUUID=5a1c7e09-02  /               ext4    defaults,noatime  0       1\n' >>/etc/fstab

# Each machine is told its addresses on the kernel's command line.
cat >/etc/network/interfaces.d/eth0 <<'END'
auto eth0
iface eth0 inet manual
    up for word in $(cat /proc/cmdline); do case $word in lab.address=*) ip address add ${word#*=} dev eth0 nodad;; esac; done
    up ip link set eth0 up
END
