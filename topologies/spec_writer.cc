// FabricSpec -> canonical YAML, and its digest.
#include <fmt/format.h>

#include "topologies/spec_text.h"
#include "topologies/spec_yaml.h"

namespace weft {
namespace {

// Maps in block style, one key a line; an element of a list is one line in flow style.
class SpecWriter {
 public:
  template <typename T>
  void value(const Field& field, const T& x) {
    const std::string entry = fmt::format("{}: {}", field.key, yaml_text(x));
    if (in_element_) {
      if (out_.back() != '{') out_ += ", ";
      out_ += entry;
    } else {
      line(entry);
    }
  }
  void choice(const Field& field, const std::string& x, const std::vector<std::string>& /*choices*/) {
    value(field, x);
  }
  template <typename T>
  void optional(const Field& field, const std::optional<T>& x) {
    if (x) value(field, *x);
  }
  void delay(const Field& field, Duration x) { value(field, x); }
  template <typename Body>
  void group(const Field& field, Body body) {
    const std::size_t start = out_.size();
    line(fmt::format("{}:", field.key));
    const std::size_t head = out_.size();
    ++indent_;
    body();
    --indent_;
    if (out_.size() != head) return;
    out_.resize(start);
    line(fmt::format("{}: {{}}", field.key));
  }
  template <typename Members, typename Body>
  void whole_or_group(const Field& field, const Members& /*members*/, Body body) {
    group(field, body);
  }
  template <typename T, typename Body>
  void optional_group(const Field& field, const std::optional<T>& x, Body body) {
    if (x) group(field, [&] { body(*x); });
  }
  template <typename T, typename Body>
  void list(const Field& field, const std::vector<T>& elements, Body body) {
    line(fmt::format("{}:{}", field.key, elements.empty() ? " []" : ""));
    for (const T& element : elements) {
      out_.append(2 * indent_ + 2, ' ');
      out_ += "- {";
      in_element_ = true;
      body(element);
      in_element_ = false;
      out_ += "}\n";
    }
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void line(const std::string& text) {
    out_.append(2 * indent_, ' ');
    out_ += text;
    out_ += '\n';
  }

  std::string out_;
  std::size_t indent_ = 0;
  bool in_element_ = false;
};

}  // namespace

std::string to_yaml(const FabricSpec& spec) {
  SpecWriter writer;
  visit_spec(writer, spec);
  return writer.take();
}

std::string spec_digest(const FabricSpec& spec) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits: offset basis and prime of the FNV draft (Noll)
  for (const char c : to_yaml(spec)) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace weft
