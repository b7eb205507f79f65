# perl -0pi rxe_namespaces.pl rxe_net.c rxe_qp.c
# rxe of Linux 6.1 has one UDP 4791 socket, in the first network namespace: gives each namespace its own, so that nodes can
# live in namespaces. Dies when the source is not what it expects.
if ($ARGV =~ /rxe_qp/) {
    s/sock_create_kern\(&init_net,/sock_create_kern(dev_net(rxe->ndev),/ or die;
} else {
    s/ip_route_output_key\(&init_net,/ip_route_output_key(dev_net(ndev),/ or die;
    s/dst_lookup_flow\(sock_net\(recv_sockets\.sk6->sk\),\s*recv_sockets\.sk6->sk,/dst_lookup_flow(dev_net(ndev), NULL,/ or die;
    s/static struct rxe_recv_sockets recv_sockets;\n// or die;
    s/static int rxe_net_ipv4_init\(void\).*//s or die;
    $_ .= q{
#include <net/netns/generic.h>
static unsigned int rxe_id;
static int __net_init rxe_ns_init(struct net *net)
{
	struct rxe_recv_sockets *r = net_generic(net, rxe_id);

	r->sk4 = rxe_setup_udp_tunnel(net, htons(ROCE_V2_UDP_DPORT), false);
	r->sk6 = rxe_setup_udp_tunnel(net, htons(ROCE_V2_UDP_DPORT), true);
	if (IS_ERR(r->sk4))
		r->sk4 = NULL;
	if (IS_ERR(r->sk6))
		r->sk6 = NULL;
	return 0;
}
static void __net_exit rxe_ns_exit(struct net *net)
{
	struct rxe_recv_sockets *r = net_generic(net, rxe_id);

	rxe_release_udp_tunnel(r->sk6);
	rxe_release_udp_tunnel(r->sk4);
}
static struct pernet_operations rxe_ns_ops = {
	.init = rxe_ns_init, .exit = rxe_ns_exit, .id = &rxe_id, .size = sizeof(struct rxe_recv_sockets),
};
void rxe_net_exit(void)
{
	unregister_netdevice_notifier(&rxe_net_notifier);
	unregister_pernet_subsys(&rxe_ns_ops);
}
int rxe_net_init(void)
{
	int err = register_pernet_subsys(&rxe_ns_ops);

	return err ? err : register_netdevice_notifier(&rxe_net_notifier);
}
}
}
