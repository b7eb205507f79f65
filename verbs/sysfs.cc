#include "verbs/sysfs.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace weft::verbs {
namespace {

constexpr std::size_t kLargestText = 65536;  // B

std::string joined(const std::string& root, std::string_view path) { return root + std::string(path); }

}  // namespace

std::optional<std::string> Sysfs::text(std::string_view path) const {
  std::ifstream in(joined(root_, path));
  std::string text(kLargestText, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(text.size())) && in.gcount() == 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(in.gcount()));
  const auto end = text.find_last_not_of(" \n\t");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

std::optional<double> Sysfs::number(std::string_view path) const {
  const auto found = text(path);
  if (!found) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(found->c_str(), &end);
  if (end == found->c_str()) return std::nullopt;
  return value;
}

bool Sysfs::exists(std::string_view path) const {
  std::error_code ignored;
  return std::filesystem::exists(joined(root_, path), ignored);
}

std::string Sysfs::link_name(std::string_view path) const {
  std::error_code failed;
  const auto target = std::filesystem::read_symlink(joined(root_, path), failed);
  return failed ? std::string() : target.filename().string();
}

}  // namespace weft::verbs
