#include "emulator/packet/model/spec_attributes.h"

#include <fmt/format.h>
#include <ns3/boolean.h>
#include <ns3/data-rate.h>
#include <ns3/double.h>
#include <ns3/enum.h>
#include <ns3/integer.h>
#include <ns3/nstime.h>
#include <ns3/object-base.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <cctype>
#include <limits>
#include <optional>
#include <type_traits>

#include "topologies/spec_fields.h"

namespace weft::packet {

struct SpecAccess {
  static FabricSpec* editable(ns3::ObjectBase* object) {
    auto* holder = dynamic_cast<SpecHolder*>(object);
    return holder == nullptr ? nullptr : holder->editable_spec();
  }
};

namespace {

using ns3::AttributeChecker;
using ns3::AttributeValue;
using ns3::Ptr;

// How a field's type is an attribute: Value, from(), to(), checker().
template <typename T>
struct As;

template <>
struct As<bool> {
  using Value = ns3::BooleanValue;
  static bool from(const Value& v) { return v.Get(); }
  static Value to(bool field) { return Value(field); }
  static Ptr<const AttributeChecker> checker(const Field&) { return ns3::MakeBooleanChecker(); }
};

template <typename T>
struct AsWhole {
  using Value = ns3::UintegerValue;
  static T from(const Value& v) { return static_cast<T>(v.Get()); }
  static Value to(T field) { return Value(field); }
  static Ptr<const AttributeChecker> checker(const Field& f) {
    if (f.maximum <= f.minimum) return ns3::MakeUintegerChecker<T>();
    return ns3::MakeUintegerChecker<T>(static_cast<std::uint64_t>(f.minimum), static_cast<std::uint64_t>(f.maximum));
  }
};
template <>
struct As<std::uint32_t> : AsWhole<std::uint32_t> {};
template <>
struct As<std::uint64_t> : AsWhole<std::uint64_t> {};

template <>
struct As<double> {
  using Value = ns3::DoubleValue;
  static double from(const Value& v) { return v.Get(); }
  static Value to(double field) { return Value(field); }
  static Ptr<const AttributeChecker> checker(const Field& f) {
    if (f.maximum <= f.minimum) return ns3::MakeDoubleChecker<double>();
    return ns3::MakeDoubleChecker<double>(f.minimum, f.maximum);
  }
};

template <>
struct As<Rate> {
  using Value = ns3::DataRateValue;
  static Rate from(const Value& v) { return Rate{static_cast<std::int64_t>(v.Get().GetBitRate())}; }
  static Value to(Rate field) { return Value(ns3::DataRate(static_cast<std::uint64_t>(field.bits_per_second))); }
  static Ptr<const AttributeChecker> checker(const Field&) { return ns3::MakeDataRateChecker(); }
};

template <>
struct As<Bytes> {
  using Value = ns3::UintegerValue;
  static Bytes from(const Value& v) { return Bytes{static_cast<std::int64_t>(v.Get())}; }
  static Value to(Bytes field) { return Value(static_cast<std::uint64_t>(field.count)); }
  static Ptr<const AttributeChecker> checker(const Field&) {
    return ns3::MakeUintegerChecker<std::uint64_t>(0, static_cast<std::uint64_t>(kMaxBuffer.count));
  }
};

template <>
struct As<Duration> {
  using Value = ns3::TimeValue;
  static Duration from(const Value& v) { return Duration{v.Get().GetPicoSeconds()}; }
  static Value to(Duration field) { return Value(ns3::PicoSeconds(static_cast<std::uint64_t>(field.picoseconds))); }
  static Ptr<const AttributeChecker> checker(const Field&) { return ns3::MakeTimeChecker(ns3::Time(0)); }
};

template <>
struct As<std::string> {
  using Value = ns3::StringValue;
  static std::string from(const Value& v) { return v.Get(); }
  static Value to(const std::string& field) { return Value(field); }
  static Ptr<const AttributeChecker> checker(const Field&) { return ns3::MakeStringChecker(); }
};

template <typename E>
requires std::is_enum_v<E>
struct As<E> {
  using Value = ns3::EnumValue;
  static E from(const Value& v) { return static_cast<E>(v.Get()); }
  static Value to(E field) { return Value(static_cast<int>(field)); }
  static Ptr<const AttributeChecker> checker(const Field&) {
    auto checker = ns3::Create<ns3::EnumChecker>();
    for (const auto& [name, choice] : Choices<E>::kAll) checker->Add(static_cast<int>(choice), name);
    return checker;
  }
};

template <>
struct As<std::optional<Rate>> {
  using Value = ns3::DataRateValue;
  static std::optional<Rate> from(const Value& v) {
    if (v.Get().GetBitRate() == 0) return std::nullopt;
    return As<Rate>::from(v);
  }
  static Value to(std::optional<Rate> field) { return As<Rate>::to(field.value_or(Rate{0})); }
  static Ptr<const AttributeChecker> checker(const Field&) { return ns3::MakeDataRateChecker(); }
};

template <>
struct As<std::optional<Duration>> {
  using Value = ns3::TimeValue;
  static std::optional<Duration> from(const Value& v) {
    if (v.Get().IsStrictlyNegative()) return std::nullopt;
    return As<Duration>::from(v);
  }
  static Value to(std::optional<Duration> field) { return field ? As<Duration>::to(*field) : Value(ns3::Seconds(-1)); }
  static Ptr<const AttributeChecker> checker(const Field&) { return ns3::MakeTimeChecker(); }
};

template <>
struct As<std::optional<Bytes>> {
  using Value = ns3::IntegerValue;
  static std::optional<Bytes> from(const Value& v) {
    if (v.Get() < 0) return std::nullopt;
    return Bytes{v.Get()};
  }
  static Value to(std::optional<Bytes> field) { return Value(field ? field->count : -1); }
  static Ptr<const AttributeChecker> checker(const Field&) {
    return ns3::MakeIntegerChecker<std::int64_t>(-1, kMaxBuffer.count);
  }
};

template <>
struct As<std::optional<std::uint32_t>> {
  using Value = ns3::IntegerValue;
  static std::optional<std::uint32_t> from(const Value& v) {
    if (v.Get() < 0) return std::nullopt;
    return static_cast<std::uint32_t>(v.Get());
  }
  static Value to(std::optional<std::uint32_t> field) { return Value(field ? std::int64_t{*field} : -1); }
  static Ptr<const AttributeChecker> checker(const Field& f) {
    return ns3::MakeIntegerChecker<std::int64_t>(-1, static_cast<std::int64_t>(f.maximum));
  }
};

// The member at the same place of another spec.
template <typename T>
class FieldAccessor final : public ns3::AttributeAccessor {
 public:
  explicit FieldAccessor(std::ptrdiff_t offset) : offset_(offset) {}

  bool Set(ns3::ObjectBase* object, const AttributeValue& value) const override {
    FabricSpec* spec = SpecAccess::editable(object);
    const auto* typed = dynamic_cast<const typename As<T>::Value*>(&value);
    if (spec == nullptr || typed == nullptr) return false;
    *reinterpret_cast<T*>(reinterpret_cast<char*>(spec) + offset_) = As<T>::from(*typed);
    return true;
  }
  bool Get(const ns3::ObjectBase* object, AttributeValue& value) const override {
    const auto* holder = dynamic_cast<const SpecHolder*>(object);
    auto* typed = dynamic_cast<typename As<T>::Value*>(&value);
    if (holder == nullptr || typed == nullptr) return false;
    *typed = As<T>::to(*reinterpret_cast<const T*>(reinterpret_cast<const char*>(&holder->GetSpec()) + offset_));
    return true;
  }
  bool HasGetter() const override { return true; }
  bool HasSetter() const override { return true; }

 private:
  std::ptrdiff_t offset_;
};

// A visitor of visit_spec. add(path, field, member) for each field that is an attribute.
template <typename Add>
class FieldWalk {
 public:
  explicit FieldWalk(Add add) : add_(std::move(add)) {}

  template <typename T>
  void value(const Field& f, T& member) {
    add_(path_of(f), f, member);
  }
  void choice(const Field& f, std::string& member, const std::vector<std::string>&) { add_(path_of(f), f, member); }
  template <typename T>
  void optional(const Field& f, std::optional<T>& member) {
    add_(path_of(f), f, member);
  }
  void delay(const Field& f, Duration& member) { add_(path_of(f), f, member); }
  template <typename Body>
  void group(const Field& f, const Body& body) {
    const std::size_t before = path_.size();
    path_ += fmt::format("{}.", f.key);
    body();
    path_.resize(before);
  }
  template <typename Members, typename Body>
  void whole_or_group(const Field& f, const Members&, const Body& body) {
    group(f, body);
  }
  template <typename T, typename Body>
  void optional_group(const Field&, std::optional<T>&, const Body&) {}
  template <typename T, typename Body>
  void list(const Field&, std::vector<T>&, const Body&) {}

 private:
  [[nodiscard]] std::string path_of(const Field& f) const { return path_ + std::string(f.key); }

  Add add_;
  std::string path_;
};

std::string help_of(const std::string& path, const Field& f) {
  std::string help = fmt::format("{}: {}", path, f.doc);
  if (!f.derived_default.empty()) help += fmt::format(" (a fabric file without it: {})", f.derived_default);
  return help;
}

}  // namespace

std::string attribute_name(std::string_view key_path) {
  std::string name;
  bool upper = true;
  for (const char c : key_path) {
    if (c == '.' || c == '_') {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

std::vector<SpecAttribute> spec_attributes() {
  std::vector<SpecAttribute> all;
  FabricSpec spec;
  FieldWalk walk([&](const std::string& path, const Field&, const auto&) {
    all.push_back({attribute_name(path), path});
  });
  visit_spec(walk, spec);
  return all;
}

void copy_changed_fields(const FabricSpec& from, FabricSpec& to) {
  FabricSpec defaults;
  FieldWalk walk([&]<typename T>(const std::string&, const Field&, T& member) {
    const auto offset = reinterpret_cast<const char*>(&member) - reinterpret_cast<const char*>(&defaults);
    const T& value = *reinterpret_cast<const T*>(reinterpret_cast<const char*>(&from) + offset);
    if (value != member) *reinterpret_cast<T*>(reinterpret_cast<char*>(&to) + offset) = value;
  });
  visit_spec(walk, defaults);
}

ns3::TypeId add_spec_attributes(ns3::TypeId tid) {
  FabricSpec spec;  // the defaults
  FieldWalk walk([&]<typename T>(const std::string& path, const Field& f, T& member) {
    const auto offset = reinterpret_cast<const char*>(&member) - reinterpret_cast<const char*>(&spec);
    tid.AddAttribute(attribute_name(path), help_of(path, f), As<T>::to(member), ns3::Create<FieldAccessor<T>>(offset),
                     As<T>::checker(f));
  });
  visit_spec(walk, spec);
  return tid;
}

}  // namespace weft::packet
