// Internal: phases whose edges are messages of pairs, each split over the connections of the pair.
#pragma once

#include "fabric/collectives/layout.h"

namespace weft::collectives {

// One message: chunks [chunk, chunk + chunks) of the source's buffer.
struct PairMessage {
  Rank source, destination;
  std::uint64_t chunk = 0, destination_chunk = 0, chunks = 1;
};

// Connections that share a pair's message: what the request says, or the NICs of one GPU.
[[nodiscard]] inline std::uint32_t pair_channels(const Build& build) {
  return build.request.channels != 0 ? build.request.channels : nics_of(build.shape, 1);
}

// One step in which message x of `count` is message_at(x). Connection c of K carries bytes [B c / K, B (c+1) / K).
template <typename MessageAt>
Phase pair_phase(std::string name, std::uint64_t count, std::uint32_t channels, Chunks chunks, bool reduce,
                 MessageAt message_at) {
  Phase phase;
  phase.name = std::move(name);
  phase.edge_count = count * channels;
  phase.edges = [=](std::uint64_t first, std::uint64_t last, const EdgeSink& sink) {
    for (std::uint64_t e = first; e < last; ++e) {
      const PairMessage message = message_at(channels == 1 ? e : e / channels);
      const Bytes bytes = chunks.range(message.chunk, message.chunks);
      const auto channel = static_cast<std::uint32_t>(channels == 1 ? 0 : e % channels);
      sink(Edge{message.source, message.destination, 0, channel,
                channels == 1 ? bytes : Chunks{bytes.count, channels}.range(channel, 1)});
    }
  };
  phase.moves = [=](std::uint64_t, const MoveSink& sink) {
    for (std::uint64_t x = 0; x < count; ++x) {
      const PairMessage message = message_at(x);
      sink(Move{message.source, message.destination, message.chunk, message.destination_chunk, message.chunks, reduce});
    }
  };
  return phase;
}

}  // namespace weft::collectives
