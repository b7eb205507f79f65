#!/bin/sh
# First process of the guest (tests/guest/rdma-guest): loads the modules, mounts the host's file system read-only under a
# throw-away overlay and the writable folders over it, and goes on in inside.sh.
b=/bin/busybox
p9=trans=virtio,version=9p2000.L,msize=524288
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for f in /m/*.ko; do $b insmod "$f" || echo "init: $f"; done
$b mount -t 9p -o $p9,ro,cache=loose host /host
$b mount -t tmpfs -o size=75% tmp /ovl
$b mkdir /ovl/u /ovl/w
$b mount -t overlay -o lowerdir=/host,upperdir=/ovl/u,workdir=/ovl/w overlay /new
for d in proc sys dev; do $b mount --move /$d /new/$d; done
$b mount -t tmpfs run /new/run
$b mkdir -p /new/run/rdma-guest /new/run/netns /new/run/lock /new/dev/shm /new/dev/pts /new/dev/hugepages
$b mount -t 9p -o $p9,cache=none run /new/run/rdma-guest
$b mount -t tmpfs shm /new/dev/shm
$b mount -t devpts devpts /new/dev/pts
$b mount -t hugetlbfs hugetlbfs /new/dev/hugepages
$b hostname rdma-guest
. /new/run/rdma-guest/vars
$b mkdir -p /new/lib/modules
$b mount --bind "/new$kernel/lib/modules" /new/lib/modules # modprobe sch_netem and the like work
n=0
while read -r d; do
  $b mkdir -p "/new$d"
  $b mount -t 9p -o $p9,cache=mmap rw$n "/new$d"
  n=$((n + 1))
done </new/run/rdma-guest/rw
exec $b chroot /new /bin/bash /run/rdma-guest/inside.sh # as process 1: the kernel's own modprobe follows its root
