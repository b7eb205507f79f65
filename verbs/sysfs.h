// Small texts that the kernel writes under /sys and /proc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::verbs {

// Reads below a root, so that a test can bring a tree of its own.
class Sysfs {
 public:
  explicit Sysfs(std::string root = {}) : root_(std::move(root)) {}

  // The file's first 64 KiB without trailing space; nullopt where it cannot be read.
  [[nodiscard]] std::optional<std::string> text(std::string_view path) const;
  // Its first decimal number; nullopt where there is none.
  [[nodiscard]] std::optional<double> number(std::string_view path) const;
  [[nodiscard]] bool exists(std::string_view path) const;
  // Last part of what a link points to: the driver of .../device/driver; empty where it is none.
  [[nodiscard]] std::string link_name(std::string_view path) const;

 private:
  std::string root_;
};

}  // namespace weft::verbs
