#!/bin/bash
# Becomes process 1 of a machine whose root is a folder, in namespaces of its own: called by
# `unshare --pid --mount --cgroup --uts --ipc --net --fork`. Its words go to console.log in the root. Arguments: the root,
# a Node for it, and the program.
set -eu
root=$1
node=$2
shift 2

mount --make-rprivate /
mount --rbind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty kvm net/tun; do
  [ -e "/dev/$device" ] || continue
  mkdir -p "$(dirname "$root/dev/$device")"
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
touch "$root/console.log" "$root/dev/console" "$root/usr/bin/node"
mount --bind "$root/console.log" "$root/dev/console"
mount --bind "$node" "$root/usr/bin/node"
# Another boot is another one to whoever asks, as for every container.
cat /proc/sys/kernel/random/uuid >"$root/run/boot-id"
mount --bind "$root/run/boot-id" "$root/proc/sys/kernel/random/boot_id"
hostname baton-service

mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
umount --lazy /.old
exec env -i container=baton PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" >/console.log 2>&1 </dev/null
