// A part of a fabric: new ids, the same links.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/routing_fabrics.h"
#include "topologies/carved.h"
#include "topologies/forwarding.h"

namespace weft {
namespace {

// Both directions of the links between two hosts of different pods, by their hashed path, in a fabric of 8-GPU hosts.
struct Part {
  std::unique_ptr<Topology> whole;
  std::vector<LinkId> path;
  std::vector<CarvedTopology::Cable> cables;
};

Part one_path(FabricSpec spec) {
  Part part;
  part.whole = testing::build(spec);
  const auto forwarding = Forwarding::create(*part.whole, 1);
  const PortId from{5}, to{part.whole->port_count() - 3};
  EXPECT_TRUE((*forwarding)->path(from, to, 77, part.path));
  for (const LinkId link : part.path) part.cables.push_back({link.value / 2, 1.0});
  return part;
}

TEST(CarvedTopology, LinksKeepWhatTheyAreUnderNewIds) {
  FabricSpec spec = testing::rails(16, 8, 3, RailJoin::kCore);
  FailureSpec slow;
  slow.link_tier = LinkTier::kHost;
  slow.fraction = 1.0;
  slow.rate_factor = 0.5;
  spec.failures.push_back(slow);
  const Part part = one_path(spec);
  const CarvedTopology carved(*part.whole, part.cables);
  ASSERT_EQ(carved.link_count(), 2 * part.path.size());
  EXPECT_EQ(carved.port_count(), 2U);
  EXPECT_EQ(carved.gpu_count(), 2U);
  EXPECT_FALSE(carved.has_scale_up());
  for (std::uint32_t l = 0; l < carved.link_count(); ++l) {
    const LinkId link{l}, whole = carved.whole(link);
    EXPECT_EQ(carved.carved(whole), link);
    EXPECT_EQ(carved.carved(LinkId{whole.value ^ 1U}).value, l ^ 1U);
    EXPECT_EQ(carved.tier(link), part.whole->tier(whole));
    EXPECT_EQ(carved.rate(link), part.whole->rate(whole));
    EXPECT_EQ(carved.delay(link), part.whole->delay(whole));
    EXPECT_EQ(carved.name(link), part.whole->name(whole));
    EXPECT_EQ(carved.find_link(carved.name(link)), link);
    const LinkEnds ends = carved.ends(link), of_whole = part.whole->ends(whole);
    EXPECT_EQ(carved.whole(ends.from), of_whole.from);
    EXPECT_EQ(carved.whole(ends.to), of_whole.to);
    EXPECT_EQ(carved.find_node(carved.name(ends.from)), ends.from);
  }
  EXPECT_EQ(carved.find_link(part.whole->name(part.whole->host_link(PortId{0}, false))), std::nullopt);
}

TEST(CarvedTopology, PortsAreTheHostCablesInOrder) {
  const Part part = one_path(testing::fat_tree(64, 8, 3));
  const CarvedTopology carved(*part.whole, part.cables);
  EXPECT_EQ(carved.port(PortId{5}), PortId{0});
  EXPECT_EQ(carved.port(PortId{61}), PortId{1});
  EXPECT_EQ(carved.host_link(PortId{0}, false), carved.carved(part.path.front()));
  EXPECT_EQ(carved.host_link(PortId{1}, true), carved.carved(part.path.back()));
}

TEST(CarvedTopology, RatesCanBeScaled) {
  Part part = one_path(testing::fat_tree(64, 8, 3));
  part.cables[1].rate_factor = 4;
  const CarvedTopology carved(*part.whole, part.cables);
  EXPECT_EQ(carved.rate(carved.carved(part.path[1])).bits_per_second,
            4 * part.whole->rate(part.path[1]).bits_per_second);
  EXPECT_EQ(carved.rate(carved.carved(part.path[2])), part.whole->rate(part.path[2]));
}

// The part is routed as a graph: the one way that is left is the way that was carved.
TEST(CarvedTopology, IsRoutedAsAGraph) {
  const Part part = one_path(testing::fat_tree(64, 8, 3));
  const CarvedTopology carved(*part.whole, part.cables);
  const auto forwarding = Forwarding::create(carved, 1);
  ASSERT_TRUE(forwarding.has_value()) << forwarding.error().text();
  std::vector<LinkId> path;
  ASSERT_TRUE((*forwarding)->path(PortId{0}, PortId{1}, 3, path));
  for (LinkId& link : path) link = carved.whole(link);
  EXPECT_EQ(path, part.path);
}

}  // namespace
}  // namespace weft
