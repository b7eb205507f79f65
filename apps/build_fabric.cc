#include "apps/build_fabric.h"

#include <string_view>

#include "topologies/build.h"
#include "topologies/spec_yaml.h"

namespace weft {

Expected<std::unique_ptr<Topology>> build_fabric(const FabricSpec& spec, const std::string& path) {
  auto topology = build_topology(spec);
  if (topology || topology.error().code != ErrorCode::kInput || !topology.error().place.file.empty()) return topology;
  Error error = topology.error();
  // Messages about a field begin with its key: "topology.links: ...".
  const std::size_t end = error.message.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.");
  const bool keyed = end != std::string::npos && end > 0 && error.message[end] == ':';
  error.place = locate_key(path, std::string_view(error.message).substr(0, keyed ? end : 0));
  return tl::unexpected(std::move(error));
}

}  // namespace weft
