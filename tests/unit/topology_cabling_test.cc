#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <sstream>

#include "tests/support/specs.h"
#include "topologies/build.h"
#include "topologies/cabling.h"
#include "topologies/draw.h"
#include "topologies/parts.h"

namespace weft {
namespace {

using testing::fat_tree;
using ::testing::Test;

std::unique_ptr<Topology> build(const FabricSpec& spec) {
  auto built = build_topology(spec);
  EXPECT_TRUE(built) << built.error().text();
  return built ? std::move(*built) : nullptr;
}
std::string plan_of(const Topology& t) {
  std::ostringstream out;
  EXPECT_TRUE(write_cabling_plan(t, out));
  return out.str();
}
WiringReport check(const Topology& t, const std::string& csv) {
  std::istringstream in(csv);
  auto report = check_wiring(t, in, "floor.csv");
  EXPECT_TRUE(report) << report.error().text();
  return report ? *report : WiringReport{};
}
std::string error_of(const Topology& t, const std::string& csv) {
  std::istringstream in(csv);
  auto report = check_wiring(t, in, "floor.csv");
  return report ? "no error" : report.error().text();
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CablingPlan, OneLineACable) {
  const auto t = build(fat_tree(2, 4, 2));
  EXPECT_EQ(plan_of(*t),
            "cable,from,from_port,to,to_port,rate,delay,length_m\n"
            "0,host0.nic0.port0,0,leaf0,0,400Gbps,150ns,30\n"
            "1,host1.nic0.port0,0,leaf0,1,400Gbps,150ns,30\n"
            "2,leaf0,2,spine0,0,400Gbps,150ns,30\n"
            "3,leaf0,3,spine0,1,400Gbps,150ns,30\n");
}

TEST(CheckWiring, ExamplesAreWiredAsDesigned) {
  for (const FabricSpec& s :
       {testing::superpod(512), testing::hpn(3840, 3), testing::mpft(), fat_tree(8192, 64, 3, 8)}) {
    const WiringReport r = check_wiring(*build(s));
    EXPECT_TRUE(r.good()) << r.problems.front();
  }
}

TEST(CheckWiring, SaysThatRailsNeverJoin) {
  FabricSpec s = fat_tree(64, 64, 1, 8);
  s.topology.kind = TopologyKind::kRailOnly;
  const WiringReport r = check_wiring(*build(s));
  EXPECT_TRUE(r.good());
  ASSERT_EQ(r.notes.size(), 1U);
  EXPECT_EQ(r.notes[0], "8 rails never join: traffic between them crosses the scale-up domain");
}

TEST(CheckFloor, ThePlanItselfIsRight) {
  for (const FabricSpec& s : {testing::superpod(64), testing::hpn(256, 2)}) {
    const auto t = build(s);
    EXPECT_TRUE(check(*t, plan_of(*t)).good());
  }
}

TEST(CheckFloor, SwappedCablesAreNamedWithTheirLines) {
  const auto t = build(fat_tree(8, 4, 2));
  // Lines 10 and 11 are leaf0's uplinks.
  std::string csv = replaced(plan_of(*t), "leaf0,2,spine0,0", "leaf0,2,spine1,0");
  csv = replaced(csv, "leaf0,3,spine1,0", "leaf0,3,spine0,0");
  const WiringReport r = check(*t, csv);
  ASSERT_EQ(r.problem_count, 1U);
  EXPECT_EQ(r.problems[0],
            "lines 10 and 11: swapped: leaf0 port 2 belongs to spine0 port 0, and leaf0 port 3 to spine1 port 0");
}

TEST(CheckFloor, MissingAndExtraCables) {
  const auto t = build(fat_tree(8, 4, 2));
  std::string csv = replaced(plan_of(*t), "8,leaf0,2,spine0,0,400Gbps,150ns,30\n", "");
  csv += "99,leaf0,17,spine0,40,400Gbps,150ns,30\n";
  csv += "7,host7.nic0.port0,0,leaf3,1,400Gbps,150ns,30\n";
  const WiringReport r = check(*t, csv);
  ASSERT_EQ(r.problem_count, 3U);
  EXPECT_EQ(r.problems[0], "line 18: extra: host7.nic0.port0 port 0 to leaf3 port 1 stands on line 9 already");
  EXPECT_EQ(r.problems[1], "line 17: extra: leaf0 port 17 to spine0 port 40");
  EXPECT_EQ(r.problems[2], "missing: leaf0 port 2 to spine0 port 0");
}

TEST(CheckFloor, UnknownNodesAndBadLines) {
  const auto t = build(fat_tree(8, 4, 2));
  const std::string head = "from,from_port,to,to_port\n";
  EXPECT_EQ(check(*t, head + "leef0,2,spine0,0\n").problems[0],
            "line 2: no such switch or NIC port 'leef0'; the nearest name is leaf0");
  EXPECT_EQ(error_of(*t, ""), "floor.csv: empty cabling list; a first line that names from, from_port, to and to_port");
  EXPECT_EQ(error_of(*t, "from,to\n"),
            "floor.csv:1:1: the first line lacks a column: 'from_port'; a first line that names from, from_port, to "
            "and to_port");
  EXPECT_EQ(error_of(*t, head + "leaf0,x,spine0,0\n"), "floor.csv:2:1: not a port number: 'x'; a whole number from 0");
  EXPECT_EQ(error_of(*t, head + "leaf0,2\n"), "floor.csv:2:1: too few fields: '2'; at least 4");
  EXPECT_EQ(error_of(*t, head + std::string(5000, 'x')), "floor.csv:2:1: line too long; at most 4096 bytes");
  std::string many = head;
  for (int i = 0; i < 2000; ++i) many += "\n";
  EXPECT_NE(error_of(*t, many).find("more lines than this fabric can have cables"), std::string::npos);
}

TEST(CheckFloor, AnyBytesGiveAnAnswer) {
  const auto t = build(fat_tree(8, 4, 2));
  EXPECT_TRUE(rc::check([&] {
    const auto tail = *rc::gen::arbitrary<std::string>();
    std::istringstream in("from,from_port,to,to_port\n" + tail);
    const auto r = check_wiring(*t, in, "floor.csv");
    if (!r) RC_ASSERT(!r.error().message.empty());
    std::istringstream raw(tail);
    (void)check_wiring(*t, raw, "floor.csv");
  }));
}

TEST(Parts, CountsPricesAndBisection) {
  FabricSpec s = fat_tree(48 * 4, 64, 2);
  s.topology.leaf_oversubscription = 3;
  s.parts.leaf_switch = PartPrice{50'000, 1'000, "list"};
  const PartsList p = list_parts(*build(s));
  ASSERT_EQ(p.lines.size(), 5U);
  EXPECT_EQ(p.lines[2].part, "leaf_switch");
  EXPECT_EQ(p.lines[2].count, 4U);
  EXPECT_DOUBLE_EQ(p.dollars, 200'000);
  EXPECT_DOUBLE_EQ(p.watts, 4'000);
  EXPECT_FALSE(p.all_priced);
  EXPECT_EQ(p.full_bisection, Rate::gbps(96 * 400));
  EXPECT_EQ(p.bisection, Rate::gbps(32 * 400));
  EXPECT_DOUBLE_EQ(*p.tiers[1].oversubscription, 3.0);
}

TEST(Parts, HpnOversubscription) {
  const PartsList p = list_parts(*build(testing::hpn(3840, 3)));
  EXPECT_DOUBLE_EQ(*p.tiers[1].oversubscription, 128.0 * 200 / (60 * 400));  // spare ports carry nothing
  EXPECT_DOUBLE_EQ(*p.tiers[2].oversubscription, 15.0);
}

TEST(Draw, DotAndSvgOfASmallFabric) {
  FabricSpec s = fat_tree(8, 4, 2);
  FailureSpec f;
  f.name = "leaf0>spine1";
  s.failures = {f};
  const auto t = build(s);
  const std::string dot = *draw_dot(*t);
  EXPECT_NE(dot.find("\"host0\" -- \"leaf0\""), std::string::npos);
  EXPECT_NE(dot.find("\"leaf0\" -- \"spine1\" [color=\"#c0392b\", style=dashed]"), std::string::npos);
  const std::string svg = *draw_svg(*t);
  EXPECT_EQ(svg.rfind("<svg", 0), 0U);
  EXPECT_NE(svg.find(">spine1</text>"), std::string::npos);
}

TEST(Draw, LargeFabricIsAnError) {
  EXPECT_EQ(draw_svg(*build(fat_tree(2048, 64, 2))).error().text(),
            "the fabric is too large to draw: '2144 hosts and switches'; at most 512; the cabling plan lists any size");
}

}  // namespace
}  // namespace weft
