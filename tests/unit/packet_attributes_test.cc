// The spec's fields as ns-3 attributes: all of them, each arrives, and what counts more than what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ns3/boolean.h>
#include <ns3/config.h>
#include <ns3/data-rate.h>
#include <ns3/double.h>
#include <ns3/enum.h>
#include <ns3/integer.h>
#include <ns3/nstime.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <fstream>
#include <set>
#include <sstream>

#include "emulator/bridge/fluid_flows.h"
#include "emulator/packet/model/fabric_helper.h"
#include "tests/support/specs.h"
#include "topologies/spec_keys.h"
#include "topologies/spec_yaml.h"

namespace weft::packet {
namespace {

using ns3::AttributeValue;
using ns3::Ptr;

// Some other value that the attribute takes.
Ptr<AttributeValue> another(const ns3::TypeId::AttributeInformation& info) {
  std::vector<Ptr<AttributeValue>> tries;
  const auto add = [&](const AttributeValue& value) { tries.push_back(value.Copy()); };
  const auto& now = *info.initialValue;
  if (const auto* flag = dynamic_cast<const ns3::BooleanValue*>(&now)) add(ns3::BooleanValue(!flag->Get()));
  if (const auto* whole = dynamic_cast<const ns3::UintegerValue*>(&now)) {
    add(ns3::UintegerValue(whole->Get() + 1));
    if (whole->Get() > 0) add(ns3::UintegerValue(whole->Get() - 1));
  }
  if (const auto* whole = dynamic_cast<const ns3::IntegerValue*>(&now)) add(ns3::IntegerValue(whole->Get() + 8));
  if (const auto* real = dynamic_cast<const ns3::DoubleValue*>(&now)) {
    add(ns3::DoubleValue(real->Get() + 0.0005));
    add(ns3::DoubleValue(real->Get() * 0.75));
  }
  if (const auto* rate = dynamic_cast<const ns3::DataRateValue*>(&now))
    add(ns3::DataRateValue(ns3::DataRate(rate->Get().GetBitRate() + 1'000'000'000)));
  if (const auto* time = dynamic_cast<const ns3::TimeValue*>(&now))
    add(ns3::TimeValue(time->Get().IsNegative() ? ns3::NanoSeconds(1234) : time->Get() + ns3::NanoSeconds(7)));
  if (const auto* choice = dynamic_cast<const ns3::EnumValue*>(&now)) {
    add(ns3::EnumValue(choice->Get() + 1));
    add(ns3::EnumValue(choice->Get() - 1));
  }
  if (dynamic_cast<const ns3::StringValue*>(&now) != nullptr) add(ns3::StringValue("6"));
  for (const auto& value : tries) {
    if (info.checker->Check(*value)) return value;
  }
  return nullptr;
}

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.insert(line);
  return lines;
}

// Keys of a fabric file that hold one value and are not in a list or a price.
void single_values(const SpecKey& key, const std::string& path, std::set<std::string>& out) {
  for (const SpecKey& child : key.children) {
    const std::string name = path.empty() ? child.name : path + "." + child.name;
    if (child.type == ValueType::kList || name == "parts" || child.type == ValueType::kLength) continue;
    if (child.children.empty()) out.insert(name);
    single_values(child, name, out);
  }
}

TEST(SpecAttributes, EveryKeyOfAFabricFileHasOne) {
  std::set<std::string> keys, have;
  single_values(spec_keys(), "", keys);
  for (const SpecAttribute& attribute : spec_attributes()) have.insert(attribute.key_path);
  EXPECT_EQ(have, keys);
}

TEST(SpecAttributes, EachArrivesInItsKeyAndOnlyThere) {
  const FabricHelper resolution;
  const auto before = lines_of(to_yaml(ns3::CreateObject<RoceFabric>()->GetSpec()));
  for (const SpecAttribute& attribute : spec_attributes()) {
    SCOPED_TRACE(attribute.name);
    auto fabric = ns3::CreateObject<RoceFabric>();
    ns3::TypeId::AttributeInformation info;
    ASSERT_TRUE(RoceFabric::GetTypeId().LookupAttributeByName(attribute.name, &info));
    const auto value = another(info);
    ASSERT_NE(value, nullptr);
    fabric->SetAttribute(attribute.name, *value);
    const auto back = info.checker->Create();
    fabric->GetAttribute(attribute.name, *back);
    EXPECT_EQ(back->SerializeToString(info.checker), value->SerializeToString(info.checker));
    std::vector<std::string> changed;
    for (const std::string& line : lines_of(to_yaml(fabric->GetSpec()))) {
      if (!before.contains(line)) changed.push_back(line);
    }
    const std::string key = attribute.key_path.substr(attribute.key_path.rfind('.') + 1);
    // A value that stands elsewhere too, as another line of the same text, is no new line.
    EXPECT_LE(changed.size(), 1U);
    for (const std::string& line : changed) EXPECT_THAT(line, ::testing::HasSubstr(key + ":"));
    EXPECT_NE(to_yaml(fabric->GetSpec()), to_yaml(FabricSpec{}));
  }
}

TEST(SpecAttributes, DefaultsAreThoseOfASpec) {
  const FabricHelper resolution;
  EXPECT_EQ(ns3::CreateObject<RoceFabric>()->GetSpec(), FabricSpec{});
}

TEST(SpecAttributes, AbsentFieldsComeAndGo) {
  const FabricHelper resolution;
  auto fabric = ns3::CreateObject<RoceFabric>();
  EXPECT_FALSE(fabric->GetSpec().transport.window);
  fabric->SetAttribute("TransportWindow", ns3::IntegerValue(0));
  EXPECT_EQ(fabric->GetSpec().transport.window, Bytes{0});
  fabric->SetAttribute("TransportWindow", ns3::IntegerValue(-1));
  EXPECT_FALSE(fabric->GetSpec().transport.window);
  fabric->SetAttribute("TransportSwiftBaseTarget", ns3::StringValue("12us"));
  EXPECT_EQ(fabric->GetSpec().transport.swift.base_target, Duration::us(12));
  fabric->SetAttribute("TransportSwiftBaseTarget", ns3::StringValue("-1s"));
  EXPECT_FALSE(fabric->GetSpec().transport.swift.base_target);
  fabric->SetAttribute("HostsPcieRate", ns3::StringValue("256Gbps"));
  EXPECT_EQ(fabric->GetSpec().hosts.pcie_rate, Rate::gbps(256));
  fabric->SetAttribute("HostsPcieRate", ns3::StringValue("0bps"));
  EXPECT_FALSE(fabric->GetSpec().hosts.pcie_rate);
}

TEST(SpecAttributes, TextIsTakenForEveryTypeAndBoundsAreKept) {
  const FabricHelper resolution;
  auto fabric = ns3::CreateObject<RoceFabric>();
  EXPECT_TRUE(fabric->SetAttributeFailSafe("TransportCongestionControl", ns3::StringValue("hpcc")));
  EXPECT_EQ(fabric->GetSpec().transport.congestion_control, weft::CongestionControl::kHpcc);
  EXPECT_TRUE(fabric->SetAttributeFailSafe("RoutingKind", ns3::StringValue("spray")));
  EXPECT_TRUE(fabric->SetAttributeFailSafe("SwitchLatency", ns3::StringValue("450ns")));
  EXPECT_FALSE(fabric->SetAttributeFailSafe("RoutingKind", ns3::StringValue("magic")));
  EXPECT_FALSE(fabric->SetAttributeFailSafe("TransportMtu", ns3::UintegerValue(9000)));
  EXPECT_FALSE(fabric->SetAttributeFailSafe("SwitchEcnPmax", ns3::DoubleValue(1.5)));
}

TEST(SpecAttributes, ChangedDefaultsCountMoreThanTheFileAndLaterOnesMost) {
  const FabricHelper resolution;
  FabricSpec file = testing::fat_tree(4, 8, 2);
  file.transport.mtu = 1024;
  file.transport.ack_every = 4;
  ns3::Config::SetDefault("weft::packet::RoceFabric::TransportAckEvery", ns3::UintegerValue(8));
  auto fabric = ns3::CreateObject<RoceFabric>();
  ns3::Config::Reset();
  fabric->SetSpec(file);
  EXPECT_EQ(fabric->GetSpec().transport.mtu, 1024U);
  EXPECT_EQ(fabric->GetSpec().transport.ack_every, 8U);
  fabric->SetAttribute("TransportMtu", ns3::UintegerValue(2048));
  ASSERT_TRUE(fabric->Build());
  EXPECT_EQ(fabric->GetTopology().spec().transport.mtu, 2048U);
  EXPECT_FALSE(fabric->SetAttributeFailSafe("TransportMtu", ns3::UintegerValue(4096))) << "too late";
  ns3::Simulator::Destroy();
}

TEST(SpecAttributes, ValuesThatDoNotGoTogetherAreErrorsOfBuild) {
  const FabricHelper resolution;
  auto fabric = ns3::CreateObject<RoceFabric>();
  fabric->SetSpec(testing::fat_tree(4, 8, 2));
  fabric->SetAttribute("TransportMtu", ns3::UintegerValue(1000));
  const auto built = fabric->Build();
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().text(), ::testing::HasSubstr("1000"));
  EXPECT_FALSE(fabric->IsBuilt());
  ns3::Simulator::Destroy();
}

// docs/packet-engine.md has every attribute and trace source of each class, and none that is not there.
TEST(ModelDocs, TablesAreThoseOfTheTypes) {
  std::ifstream in(WEFT_SOURCE_DIR "/docs/packet-engine.md");
  std::stringstream text;
  text << in.rdbuf();
  std::set<std::string> named;
  std::string line;
  while (std::getline(text, line)) {
    if (line.starts_with("| `")) named.insert(line.substr(3, line.find('`', 3) - 3));
  }
  std::set<std::string> there;
  for (const ns3::TypeId& tid : {RoceFabric::GetTypeId(), RoceNetDevice::GetTypeId(), RdmaClient::GetTypeId(),
                                 bridge::FluidFlows::GetTypeId()}) {
    const auto fields = spec_attributes();
    for (std::size_t i = 0; i < tid.GetAttributeN(); ++i) {
      const std::string name = tid.GetAttribute(i).name;
      const bool of_spec = std::any_of(fields.begin(), fields.end(), [&](const auto& f) { return f.name == name; });
      if (tid != RoceFabric::GetTypeId() || !of_spec) there.insert(name);
    }
    for (std::size_t i = 0; i < tid.GetTraceSourceN(); ++i) there.insert(tid.GetTraceSource(i).name);
  }
  EXPECT_EQ(named, there);
}

}  // namespace
}  // namespace weft::packet
