// gRPC writes lines of its own on stderr; every error that matters comes back as a value.
#pragma once

#include <grpc/support/log.h>

#include <cstdlib>

namespace weft::verbs {

// GRPC_VERBOSITY=debug brings them back.
inline void quiet_grpc() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
}

}  // namespace weft::verbs
