// Components of an all_to_all that is added up by counting (aggregate.h): no list of its paths is ever made.
#pragma once

#include "emulator/fluid/components.h"

namespace weft {

// As find_components, but each component is a random sample of the paths across its bottleneck, found by routing random
// pairs that may cross it; all else is taken off the links' rates. Every path is as fast as the longest drain that it
// crosses allows. Ties for the most contended are broken at random, since a regular fabric has nothing but ties.
// Errors: those of aggregate_all_to_all; kInput where nothing crosses the network; kInterrupted.
[[nodiscard]] Expected<Components> find_counted_components(const Topology& topology, Router& router,
                                                           const Forwarding& forwarding, const Schedule& schedule,
                                                           const Phase& phase, const ComponentOptions& options,
                                                           const RunOptions& run);

}  // namespace weft
