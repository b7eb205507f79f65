# Debian's kernel for tests/guest/rdma-guest: downloaded and unpacked, never installed. Sourced.
#   get_kernel PACKAGE   sets version, and kernel: the folder with vmlinux and lib/modules
#   build_module NAME    kernel/NAME.ko: siw (not in Debian's kernel), or rxe that can live in a namespace
#   make_initrd          kernel/initrd: busybox, the modules in load order, init.sh

apt_is_fresh=
unpack() {  # unpack FOLDER PACKAGE...
  local into=$1 downloads package
  shift
  [[ -n $apt_is_fresh ]] || apt-get update -qq >&2 || true
  apt_is_fresh=1
  downloads=$(mktemp -d "$cache/download.XXXXXX")
  (cd "$downloads" && apt-get download -qq "$@" 2>/dev/null) || die "cannot download $*: is a Debian mirror reachable?"
  for package in "$downloads"/*.deb; do dpkg -x "$package" "$into"; done
  rm -rf "$downloads"
}

get_kernel() {
  local known=$cache/$1.version tool
  for tool in qemu-system-x86_64 modprobe ip xz busybox; do
    command -v "$tool" >/dev/null || die "$tool is not installed: scripts/setup test"
  done
  if [[ ! -s $known ]]; then
    apt-get update -qq >&2 || true
    apt_is_fresh=1
    apt-cache depends "$1" | sed -n 's/^ *Depends: linux-image-//p' | head -1 >"$known.new"
    [[ -s $known.new ]] || die "Debian's package lists name no kernel behind $1"
    mv "$known.new" "$known"
  fi
  version=$(cat "$known")
  kernel=$cache/$version
  [[ ! -s $kernel/vmlinux ]] || return 0
  rm -rf "$kernel"
  unpack "$kernel" "linux-image-$version"
  depmod -b "$kernel" "$version"
  uncompress_kernel || die "cannot uncompress the kernel of $version"
}

# QEMU boots a plain ELF kernel (PVH) at once; emulated xz would take seconds.
uncompress_kernel() {
  local packed=$kernel/boot/vmlinuz-$version offset
  offset=$(LC_ALL=C grep -aobP '\xFD7zXZ\x00' "$packed" | head -1 | cut -d: -f1)
  [[ -n $offset ]] || return 1
  tail -c +$((offset + 1)) "$packed" | xz -dc >"$kernel/vmlinux.new" 2>/dev/null || true  # what follows is no xz
  [[ $(head -c 4 "$kernel/vmlinux.new" | tail -c 3) == ELF ]] || return 1
  mv "$kernel/vmlinux.new" "$kernel/vmlinux"
}

build_module() {
  [[ ! -s $kernel/$1.ko ]] || return 0
  local headers=$kernel/usr/src release built packages
  built=$([[ $1 == rxe ]] && echo rdma_rxe || echo "$1")
  release=$(cut -d. -f1,2 <<<"$version")
  if [[ ! -d $kernel/drivers/sw/$1 ]]; then
    packages=$(apt-cache depends "linux-headers-$version" | sed -n 's/^ *Depends: \(linux-\(headers\|kbuild\)-.*\)/\1/p')
    # shellcheck disable=SC2086  # one word a package
    unpack "$kernel" "linux-headers-$version" $packages "linux-source-$release"
    mkdir -p "$kernel/drivers"
    tar -C "$kernel/drivers" --strip-components=3 -xf "$headers/linux-source-$release.tar.xz" \
      "linux-source-$release/drivers/infiniband/sw"
    rm -f "$headers/linux-source-$release.tar.xz"
    sed -i "s#include /usr/src/#include $headers/#" "$headers/linux-headers-$version/Makefile"
  fi
  if [[ $1 == rxe ]] && ! grep -q rxe_ns_ops "$kernel/drivers/sw/rxe/rxe_net.c"; then
    perl -0pi "$here/rxe_namespaces.pl" "$kernel/drivers/sw/rxe/rxe_net.c" "$kernel/drivers/sw/rxe/rxe_qp.c" ||
      die "rxe of $version is not what rxe_namespaces.pl expects"
  fi
  make -s -j2 -C "$headers/linux-headers-$version" M="$kernel/drivers/sw/$1" CONFIG_RDMA_SIW=m CONFIG_RDMA_RXE=m modules \
    >"$kernel/$1.log" 2>&1 || {
    tail -n 20 "$kernel/$1.log" >&2
    die "$1 does not build"
  }
  strip -g -o "$kernel/$1.ko" "$kernel/drivers/sw/$1/$built.ko"
}

make_initrd() {
  local root number=100 module how file name
  root=$(mktemp -d "$cache/initrd.XXXXXX")
  mkdir -p "$root"/{bin,proc,sys,dev,host,ovl,new,m}
  cp "$(dpkg -L busybox-static | grep -m1 'bin/busybox$')" "$root/bin/busybox"  # the dynamic one cannot run there
  ln -s busybox "$root/bin/sh"
  for module in virtio_pci virtio_console virtio-rng 9pnet_virtio 9p overlay crc32_generic rdma_rxe rdma_ucm veth bridge; do
    while read -r how file _; do
      [[ $how == insmod ]] || continue
      name=$(basename "$file" .xz)
      if compgen -G "$root/m/*-$name" >/dev/null; then continue; fi
      case $file in
        *.xz) xz -dc "$file" ;;
        *) cat "$file" ;;
      esac >"$root/m/$number-$name"
      number=$((number + 1))
    done < <(modprobe -d "$kernel" -S "$version" --show-depends "$module" || echo "fail $module")
  done
  cp "$here/init.sh" "$root/init"
  chmod +x "$root/init"
  (cd "$root" && find . | busybox cpio -o -H newc --quiet) >"$kernel/initrd.new"
  mv "$kernel/initrd.new" "$kernel/initrd"
  rm -rf "$root"
}
