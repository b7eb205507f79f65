#include "topologies/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <new>
#include <streambuf>

namespace weft {
namespace {

Error error_at(std::uint32_t line, std::uint32_t column, std::string message, std::string item, std::string way_out) {
  return Error{ErrorCode::kInput, std::move(message), std::move(item), std::move(way_out), {{}, line, column}};
}

Error error_at(const YAML::Mark& mark, std::string message, std::string item, std::string way_out) {
  if (mark.is_null()) return error_at(0, 0, std::move(message), std::move(item), std::move(way_out));
  return error_at(static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1,
                  std::move(message), std::move(item), std::move(way_out));
}

// Length of the UTF-8 sequence at the front of `text`, 0 when it is malformed (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool beyond = lead == 0xF4 && byte(1) >= 0x90;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

// yaml-cpp takes byte 4 for the end of the file and guesses at encodings: only clean UTF-8 text may reach it.
Expected<void> check_text(std::string_view text) {
  std::uint32_t line = 1;
  std::size_t line_start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_length(text.substr(at));
    const bool control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
    if (length == 0 || control) {
      return tl::unexpected(error_at(line, static_cast<std::uint32_t>(at - line_start) + 1,
                                     length == 0 ? "not UTF-8 text" : "control character",
                                     fmt::format("byte 0x{:02x}", byte), "a fabric file is YAML in UTF-8"));
    }
    at += length;
    if (byte == '\n') {
      ++line;
      line_start = at;
    }
  }
  return {};
}

// Feeds the text to yaml-cpp in small pieces and stops when it reads far ahead of what it has handed over: for an
// open [ or { it queues every token up to the matching bracket.
class BoundedBuffer : public std::streambuf {
 public:
  explicit BoundedBuffer(std::string_view text) : text_(text) {}

  void handed_over(const YAML::Mark& mark) {
    if (!mark.is_null()) handed_over_ = std::max(handed_over_, static_cast<std::size_t>(mark.pos));
  }
  [[nodiscard]] bool stopped() const { return stopped_; }

 protected:
  int_type underflow() override {
    if (next_ > handed_over_ + kMaxYamlLookahead) stopped_ = true;
    if (stopped_ || next_ >= text_.size()) return traits_type::eof();
    // streambuf's get area is not const, but nothing writes to it.
    char* begin = const_cast<char*>(text_.data()) + next_;
    const std::size_t size = std::min<std::size_t>(4096, text_.size() - next_);
    next_ += size;
    setg(begin, begin, begin + size);
    return traits_type::to_int_type(*begin);
  }

 private:
  std::string_view text_;
  std::size_t next_ = 0;
  std::size_t handed_over_ = 0;
  bool stopped_ = false;
};

// Thrown through yaml-cpp's parser, which has no other way to stop, and caught in parse_yaml.
struct Refusal {
  Error error;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(BoundedBuffer& buffer, YamlNode& root) : buffer_(buffer), root_(root) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Refusal{
          error_at(mark, "a second YAML document", {}, "one file describes one fabric; remove what follows ---")};
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, {}, anchor, YamlNode::Kind::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { refuse_anchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode& node = add(mark, tag, anchor, YamlNode::Kind::kScalar);
    node.text = value;
    node.quoted = tag == "!";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, add(mark, tag, anchor, YamlNode::Kind::kList));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, add(mark, tag, anchor, YamlNode::Kind::kMap));
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  [[noreturn]] static void refuse_anchor(const YAML::Mark& mark) {
    throw Refusal{error_at(mark, "anchors (&) and aliases (*) are not used in fabric files", {},
                           "write the value out, or quote a text that begins with & or *")};
  }

  YamlNode& add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    buffer_.handed_over(mark);
    if (anchor != YAML::NullAnchor) refuse_anchor(mark);
    // yaml-cpp says "?" for a plain value and "!" for a quoted one.
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw Refusal{error_at(mark, "tags are not used in fabric files", quote_for_error(tag), "remove the tag")};
    }
    if (++values_ > kMaxYamlValues) {
      throw Refusal{error_at(mark, fmt::format("more than {} values", kMaxYamlValues), {},
                             "describe a fabric this large by one of the generators of topology.kind")};
    }
    YamlNode& node = open_.empty() ? root_ : open_.back()->items.emplace_back();
    node.kind = kind;
    node.line = static_cast<std::uint32_t>(mark.line) + 1;
    node.column = static_cast<std::uint32_t>(mark.column) + 1;
    return node;
  }

  // A node's address is stable while it is open: its parent gains no further item until it is closed.
  void open(const YAML::Mark& mark, YamlNode& node) {
    if (open_.size() >= kMaxYamlDepth) {
      throw Refusal{error_at(mark, fmt::format("nested deeper than {} levels", kMaxYamlDepth), {},
                             "no field of a fabric file stands that deep")};
    }
    open_.push_back(&node);
  }

  BoundedBuffer& buffer_;
  YamlNode& root_;
  std::vector<YamlNode*> open_;
  std::uint32_t documents_ = 0;
  std::uint32_t values_ = 0;
};

Error lookahead_error(const YamlNode& root) {
  const YamlNode* last = &root;
  while (!last->items.empty()) last = &last->items.back();
  return error_at(last->line, last->column, fmt::format("more than {} bytes before the next value ends", kMaxYamlLookahead), {},
                  "write long lists in block style, one '- ' a line");
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  if (kind != Kind::kMap) return nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i].kind == Kind::kScalar && items[i].text == key) return &items[i + 1];
  return nullptr;
}

YamlNode* YamlNode::find(std::string_view key) {
  return const_cast<YamlNode*>(static_cast<const YamlNode&>(*this).find(key));
}

Expected<YamlNode> parse_yaml(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a UTF-8 byte order mark would shift the columns
  if (auto clean = check_text(text); !clean) return tl::unexpected(clean.error());
  YamlNode root;
  root.line = root.column = 1;  // where an empty text is
  BoundedBuffer buffer(text);
  std::istream stream(&buffer);
  TreeBuilder builder(buffer, root);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    return tl::unexpected(refusal.error);
  } catch (const YAML::Exception& e) {
    if (buffer.stopped()) return tl::unexpected(lookahead_error(root));
    return tl::unexpected(error_at(e.mark, fmt::format("YAML syntax: {}", quote_for_error(e.msg)), {},
                                   "check brackets, quotes and indentation up to here"));
  } catch (const std::bad_alloc&) {
    return environment_error("no memory to parse the YAML text");
  } catch (const std::exception& e) {
    return input_error(fmt::format("YAML syntax: {}", quote_for_error(e.what())));
  }
  if (buffer.stopped()) return tl::unexpected(lookahead_error(root));
  return root;
}

std::string quote_for_error(std::string_view text) {
  constexpr std::size_t kMaxShown = 60;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (out.size() >= kMaxShown) return out + "...";
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
      ++at;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  return out;
}

}  // namespace weft
