// Every file under topologies/specs is read, built, wired as designed and counted.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/cabling.h"
#include "topologies/clos.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

struct Example {
  const char* name;
  std::uint32_t gpus, ports, leaves, spines, cores, fabric_cables;
};

constexpr Example kExamples[] = {
    {"superpod-b200", 4096, 4096, 128, 128, 64, 8192},
    {"hpn-15360", 15'360, 30'720, 240, 120, 0, 14'400},
    {"hpn-2pods", 30'720, 61'440, 480, 240, 16, 30'720},
    {"mpft-16384", 16'384, 16'384, 512, 256, 0, 16'384},
    {"roce-24k", 24'576, 24'576, 1536, 128, 14, 28'160},
    {"nvl72-2304", 2304, 2304, 64, 18, 0, 2304},
    {"hgx-h100-1024", 1024, 1024, 16, 8, 0, 1024},
    {"fat-tree-65536", 65'536, 65'536, 2048, 2048, 1024, 131'072},
    {"planes8-131072", 131'072, 1'048'576, 4096, 2048, 0, 1'048'576},
    {"rail-1m", 1'048'576, 1'048'576, 8192, 8192, 4096, 2'097'152},
    {"fat-tree-1m", 1'048'576, 1'048'576, 8192, 8192, 4096, 2'097'152},
    {"fat-tree-1m-3to1", 1'048'576, 1'048'576, 8192, 5504, 2048, 1'400'832},
};

std::string path_of(const std::string& name) {
  return std::string(WEFT_SOURCE_DIR) + "/topologies/specs/" + name + ".yaml";
}

FabricSpec load(const std::string& name) {
  auto spec = load_spec(path_of(name));
  EXPECT_TRUE(spec) << spec.error().text();
  return spec ? *spec : FabricSpec{};
}

class ExampleSpecs : public ::testing::TestWithParam<Example> {};

TEST_P(ExampleSpecs, CountsAndWiring) {
  const Example& e = GetParam();
  const FabricSpec spec = load(e.name);
  EXPECT_EQ(spec.name, e.name);
  EXPECT_TRUE(spec.switches.capacity);
  auto built = build_topology(spec);
  ASSERT_TRUE(built) << built.error().text();
  const Topology& t = **built;
  EXPECT_EQ(t.gpu_count(), e.gpus);
  EXPECT_EQ(t.port_count(), e.ports);
  EXPECT_EQ(t.switch_count(NodeKind::kLeaf), e.leaves);
  EXPECT_EQ(t.switch_count(NodeKind::kSpine), e.spines);
  EXPECT_EQ(t.switch_count(NodeKind::kCore), e.cores);
  EXPECT_EQ((t.link_count() - t.first_fabric_link()) / 2, e.fabric_cables);
  const WiringReport report = check_wiring(t);
  EXPECT_TRUE(report.good()) << report.problems.front();
}

INSTANTIATE_TEST_SUITE_P(Files, ExampleSpecs, ::testing::ValuesIn(kExamples), [](const auto& example) {
  std::string name = example.param.name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

TEST(ExampleSpecsFolder, EveryFileIsInTheTable) {
  std::set<std::string> listed;
  for (const Example& e : kExamples) listed.insert(e.name);
  for (const auto& file : std::filesystem::directory_iterator(std::string(WEFT_SOURCE_DIR) + "/topologies/specs")) {
    EXPECT_EQ(listed.count(file.path().stem()), 1U) << file.path();
  }
}

TEST(ExampleSpecsFolder, SuperPodSizesFollowFromHostsCountAlone) {
  struct Row {
    const char* nodes;
    std::uint32_t leaves, spines, cores;
  };
  for (const Row& r : {Row{"hosts.count=64", 16, 8, 0},
                       {"hosts.count=128", 32, 16, 0},
                       {"hosts.count=256", 64, 32, 0},
                       {"hosts.count=512", 128, 128, 64},
                       {"hosts.count=1024", 256, 256, 128},
                       {"hosts.count=2048", 512, 512, 256}}) {
    const std::string overrides[] = {r.nodes};
    const auto spec = load_spec(path_of("superpod-b200"), overrides);
    ASSERT_TRUE(spec) << spec.error().text();
    const auto t = build_topology(*spec);
    ASSERT_TRUE(t) << t.error().text();
    EXPECT_EQ((*t)->switch_count(NodeKind::kLeaf), r.leaves) << r.nodes;
    EXPECT_EQ((*t)->switch_count(NodeKind::kSpine), r.spines) << r.nodes;
    EXPECT_EQ((*t)->switch_count(NodeKind::kCore), r.cores) << r.nodes;
  }
}

// The files and the values of tests/support/specs.h give the same fabric: same links under the same names.
TEST(ExampleSpecsFolder, FilesEqualTheFabricsOfTheTests) {
  const std::pair<const char*, FabricSpec> pairs[] = {{"superpod-b200", testing::superpod(512)},
                                                      {"hpn-15360", testing::hpn(1920, 2)},
                                                      {"hpn-2pods", testing::hpn(3840, 3)},
                                                      {"mpft-16384", testing::mpft()},
                                                      {"planes8-131072", testing::planes8()},
                                                      {"rail-1m", testing::rail_1m()},
                                                      {"fat-tree-65536", testing::fat_tree(8192, 64, 3, 8)}};
  for (const auto& [name, spec] : pairs) {
    const auto a = build_topology(load(name)), b = build_topology(spec);
    ASSERT_TRUE(a && b) << name;
    ASSERT_EQ((*a)->link_count(), (*b)->link_count()) << name;
    for (std::uint32_t l = 0; l < (*a)->link_count(); l += 977) {
      EXPECT_EQ((*a)->name(LinkId{l}), (*b)->name(LinkId{l}));
      EXPECT_EQ((*a)->tier(LinkId{l}), (*b)->tier(LinkId{l}));
    }
    EXPECT_EQ((*a)->rate((*a)->host_link(PortId{0}, false)), (*b)->rate((*b)->host_link(PortId{0}, false))) << name;
  }
}

}  // namespace
}  // namespace weft
