# Runs in the guest after init.sh: makes the nodes, runs the command, leaves its exit code, switches off.
# shellcheck disable=SC2154  # vars sets nodes, transport, mtu, netns, kernel, folder; command sets command
. /run/rdma-guest/vars
. /run/rdma-guest/command
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C.UTF-8
export RDMA_GUEST=1 RDMA_NODES=$nodes RDMA_TRANSPORT=$transport
ulimit -l unlimited
ulimit -n 65536
for port in /sys/class/virtio-ports/vport*; do
  read -r name <"$port/name"
  declare "port_$name=/dev/${port##*/}"
done
log() {
  local up
  read -r up _ </proc/uptime
  echo "rdma-guest: $up s: $*" >/dev/kmsg
}

load_transport() {
  if [[ $transport == siw ]]; then
    modprobe libcrc32c && insmod "$kernel/siw.ko"
  elif [[ -n $netns ]]; then
    rmmod rdma_rxe && insmod "$kernel/rxe.ko"
  fi
}

make_bridge() {
  local i
  ip link set lo up
  ip netns add fabric || return 1
  printf '%s\n' "link add br0 mtu $mtu type bridge mcast_snooping 0" "link set br0 up" | ip -n fabric -b - || return 1
  for ((i = 1; i <= nodes; i++)); do
    printf 'link add eth%d mtu %d address 02:00:00:00:00:%02x type veth peer name p%d mtu %d netns fabric\n' \
      "$i" "$mtu" "$i" "$i" "$mtu"
  done | ip -b - || return 1
  for ((i = 1; i <= nodes; i++)); do echo "link set p$i master br0 up"; done | ip -n fabric -b - || return 1
  one_processor_each_way
}

# A veth's frames queue at the processor that sends them: a sender that moves to another would overtake itself, which UC
# answers with loss. All queue at the first.
one_processor_each_way() {
  local queue
  for queue in /sys/class/net/eth*/queues/rx-*/rps_cpus; do echo 1 >"$queue" || return 1; done
  # shellcheck disable=SC2016  # for the inner shell
  ip netns exec fabric bash -c 'for queue in /sys/class/net/p*/queues/rx-*/rps_cpus; do echo 1 >"$queue" || exit 1; done'
}

nodes_in_namespaces() {
  local i
  for ((i = 1; i <= nodes; i++)); do
    ip netns add "node$i" && ip link set "eth$i" netns "node$i" && ip netns exec "node$i" bash -c "
      echo 0 >/proc/sys/net/ipv6/conf/eth$i/accept_dad
      printf '%s\n' 'link set lo up' 'addr add 192.0.2.$i/24 dev eth$i' 'link set eth$i up' | ip -b - &&
      exec rdma link add $transport$i type $transport netdev eth$i" || return 1
  done
}

# All nodes in one namespace: the short cut over lo between them is taken away, so that node i reaches node j through
# eth<i>, br0 and eth<j>. Whoever binds no source: node 1 calls node i, node 2 calls node 1.
nodes_in_one_namespace() {
  local i caller conf=/proc/sys/net/ipv4/conf
  echo 0 >$conf/all/rp_filter
  echo 0 >$conf/default/rp_filter
  echo 1 >$conf/all/accept_local
  echo 1 >$conf/all/arp_ignore
  echo 2 >$conf/all/arp_announce
  for ((i = 1; i <= nodes; i++)); do echo 1 >"/proc/sys/net/ipv6/conf/eth$i/disable_ipv6"; done
  {
    printf '%s\n' "rule add pref 200 lookup local" "rule del pref 0"
    for ((i = 1; i <= nodes; i++)); do
      caller=$((i == 1 && nodes > 1 ? 2 : 1))
      printf '%s\n' "addr add 192.0.2.$i/24 dev eth$i noprefixroute" "link set eth$i up" \
        "route add 192.0.2.0/24 dev eth$i src 192.0.2.$i metric $i" \
        "route add 192.0.2.0/24 dev eth$i src 192.0.2.$i table $((1000 + i))" \
        "rule add pref 90 from 192.0.2.$i to 192.0.2.$i lookup local" \
        "rule add pref 100 from 192.0.2.$i iif lo to 192.0.2.0/24 lookup $((1000 + i))"
      ((nodes == 1)) || echo "rule add pref 110 from 0.0.0.0 iif lo to 192.0.2.$i lookup $((1000 + caller))"
    done
  } | ip -b - || return 1
  for ((i = 1; i <= nodes; i++)); do echo "link add $transport$i type $transport netdev eth$i"; done | rdma -b -
}

make_nodes() {
  [[ $transport != none ]] || return 0
  load_transport && make_bridge || return 1
  if [[ -n $netns ]]; then nodes_in_namespaces; else nodes_in_one_namespace; fi
}

code=125
if make_nodes >/dev/kmsg 2>&1; then
  log "ready"
  # Through FIFOs: a virtio port can be opened only once, and /dev/stdout is a second time.
  mkfifo /run/out /run/err
  cat /run/out >"$port_out" &
  out=$!
  cat /run/err >"$port_err" &
  err=$!
  (cd "$folder" && exec "${command[@]}") </dev/null >/run/out 2>/run/err
  code=$?
  log "command ended: $code"
  (sleep 2 && kill $out $err) 2>/dev/null & # something that it left behind holds stdout
  wait $out $err
fi
echo "$code" >/run/rdma-guest/rc
exec busybox poweroff -f
