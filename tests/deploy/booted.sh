#!/usr/bin/env bash
# A systemd of our own as process 1, over this machine's files, in namespaces that end with it.
#
#   booted.sh FOLDER
#
# It sees this machine's root below a layer in memory, /proc and /sys without the right to change the kernel, and FOLDER as /mnt.
# Nothing that this machine has enabled is started. Started as process 1 by sandbox.py, with namespaces of its own for mounts,
# processes, cgroups, host name and network.
set -euo pipefail
folder=$1 place=$1/boot

# What systemd keeps its services apart by; each hierarchy begins at a group of ours, because of the cgroup namespace.
mount_cgroups() {
    mount -t tmpfs tmpfs "$1"
    mkdir "$1/systemd" "$1/unified" "$1/memory" "$1/pids"
    mount -t cgroup -o none,name=systemd cgroup "$1/systemd"
    mount -t cgroup2 cgroup2 "$1/unified"
    mount -t cgroup -o memory cgroup "$1/memory"
    mount -t cgroup -o pids cgroup "$1/pids"
}

mount --make-rprivate /
mkdir "$place"
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" "$place/root"
cd "$place/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount_cgroups sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/mqueue dev/hugepages && ln -s pts/ptmx dev/ptmx
for device in null zero full random urandom tty; do touch "dev/$device" && mount --bind "/dev/$device" "dev/$device"; done
mkdir dev/shm && mount -t tmpfs tmpfs dev/shm
mkdir dev/pts && mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount --bind "$folder" mnt

# Neither a gateway that is installed here, nor this machine's services and timers, nor what would look for its devices and disks.
# The paths are relative: in the layer.
rm -rf etc/systemd/system/*.wants etc/systemd/system/numbers-gateway* etc/numbers-gateway
rm -rf usr/local/bin/numbers-gateway var/lib/numbers-gateway* var/lib/private
: >etc/fstab
for unit in timers.target systemd-udevd.service systemd-journald-audit.socket systemd-remount-fs.service networking.service; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
mkdir -p before && pivot_root . before && umount -l before
# As on a real machine: what a helper mounts for a service (its credentials), systemd sees.
mount --make-rshared /
# Without what belongs to the machine: its clock, its modules, its start.
exec setpriv --bounding-set=-sys_time,-sys_module,-sys_boot,-sys_rawio,-mknod --inh-caps=-all \
    env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=basic.target --show-status=no --log-target=journal
