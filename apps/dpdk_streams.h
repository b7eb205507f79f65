// Where the streams of `weft dpdk send` and `loop` come from, besides the command line: a stream file, or a step of a
// collective on a fabric.
#pragma once

#include <string>
#include <vector>

#include "apps/dpdk_stream_options.h"

namespace weft {

// A YAML list of maps; keys and values are the options of `weft dpdk send` without their dashes. QP numbers that are
// not given follow those of the stream before. Errors: kInput with the file's line.
[[nodiscard]] Expected<std::vector<dpdk::StreamSpec>> read_stream_file(const std::string& path);

struct CollectiveWords {
  std::string fabric, collective = "all_reduce", algorithm;
  std::uint32_t ranks = 0, group_size = 0;
};

// The first step of the phase that carries the most over the network: a QP for each edge between hosts, from 10.x.y.z
// of the sending GPU to that of the receiving one (GPU g is 10.0.0.1 + g), messages as long as the step's largest.
// `words` gives the rest; its size is that of the collective. Errors: those of the fabric file and the collective; no
// edge between hosts, or more than QPs.
[[nodiscard]] Expected<dpdk::StreamSpec> stream_of_collective(const CollectiveWords& collective, StreamWords words);

}  // namespace weft
