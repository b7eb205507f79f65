// A routed step of a small fabric and its components, for the tests of --verify.
#pragma once

#include <memory>

#include "emulator/fluid/components.h"
#include "tests/support/prediction.h"

namespace weft::testing {

struct Carved {
  Routed routed;
  std::unique_ptr<Forwarding> forwarding;
  std::unique_ptr<RoutedStep> step;
  Components components;
};

inline RunOptions one_thread() {
  RunOptions run;
  run.threads = 1;
  return run;
}

inline Carved carve(const FabricSpec& spec, const PredictRequest& request, const ComponentOptions& options,
                    std::uint64_t seed = 1) {
  static const RunOptions run = one_thread();  // the step keeps its address
  Carved out;
  out.routed = testing::routed(spec, request, seed);
  auto forwarding = Forwarding::create(*out.routed.topology, seed);
  if (!forwarding) ADD_FAILURE() << forwarding.error().text();
  out.forwarding = std::move(*forwarding);
  auto step = RoutedStep::solve(*out.routed.topology, *out.routed.router, out.routed.schedule,
                                out.routed.schedule.phases.at(0), 0, FluidOptions{}, run);
  if (!step) ADD_FAILURE() << step.error().text();
  out.step = std::make_unique<RoutedStep>(std::move(*step));
  auto components = find_components(*out.step, *out.forwarding, options);
  if (!components) ADD_FAILURE() << components.error().text();
  if (components) out.components = std::move(*components);
  return out;
}

}  // namespace weft::testing
