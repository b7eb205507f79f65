// Who may use the control channel: a shared token, and TLS where certificates are given.
#pragma once

#include <string>
#include <string_view>

#include "fabric/error.h"

namespace weft::verbs {

struct ChannelSecurity {
  std::string token;                   // empty: none; then agents listen on loopback only
  std::string certificate, key, root;  // PEM text. Agent: certificate and key; coordinator: root; all three: mutual
  std::string server_name;             // coordinator: name in the agents' certificate; empty: the host's
};

// The token of a file, or of WEFT_TOKEN where `path` is empty; trimmed. Errors: kEnvironment, kInput: too short.
[[nodiscard]] Expected<std::string> read_token(const std::string& path);
// A PEM file; empty of an empty path. Errors: kEnvironment.
[[nodiscard]] Expected<std::string> read_pem(const std::string& path);

// Takes as long whatever differs.
[[nodiscard]] bool same_token(std::string_view a, std::string_view b);

[[nodiscard]] bool is_loopback(const std::string& address);

}  // namespace weft::verbs
