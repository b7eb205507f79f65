#include "verbs/hosts/agent_server.h"

#include <channel/agent.grpc.pb.h>  // generated
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "verbs/hosts/quiet_grpc.h"
#include "verbs/hosts/wire_events.h"

namespace weft::verbs {
namespace {

namespace rpc = v1;
using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

Status refusal(const Error& error) {
  return {error.code == ErrorCode::kInput ? StatusCode::INVALID_ARGUMENT : StatusCode::UNAVAILABLE, error.text()};
}
template <typename T>
Status status_of(const Expected<T>& done) {
  return done ? Status::OK : refusal(done.error());
}

class Service final : public rpc::Agent::Service {
 public:
  Service(const AgentServerOptions& options, std::unique_ptr<DataPlane> plane, const std::atomic<bool>& stop)
      : options_(options), agent_(std::move(plane), options.limits, stop), stop_(stop) {}

  Status Hello(ServerContext* context, const rpc::HelloRequest* asked, rpc::HelloReply* reply) override {
    if (auto known = admit(*context); !known.ok()) return known;
    if (asked->version() != options_.version)
      return {
          StatusCode::FAILED_PRECONDITION,
          fmt::format("this agent is weft {} and speaks version {} of the control channel, the coordinator is {} and "
                      "speaks version {}; install the same weft on all hosts",
                      options_.weft, options_.version, asked->weft().substr(0, 64), asked->version())};
    if (auto claimed = agent_.claim(asked->session()); !claimed) return {StatusCode::ABORTED, claimed.error().text()};
    reply->set_version(options_.version);
    reply->set_weft(options_.weft);
    reply->set_host(host_name());
    reply->set_data_address(options_.data_address);
    if (!options_.launch) return Status::OK;
    reply->set_launcher(options_.launch->by);
    reply->set_rank(options_.launch->rank);
    reply->set_size(options_.launch->size);
    return Status::OK;
  }

  Status Clock(ServerContext* context, const rpc::ClockRequest* asked, rpc::ClockReply* reply) override {
    reply->set_heard_ns(clock_now());
    if (auto known = admit(*context); !known.ok()) return known;
    if (auto known = agent_.check(asked->session()); !known) return refusal(known.error());
    reply->set_answered_ns(clock_now());
    return Status::OK;
  }

  Status Prepare(ServerContext* context, const rpc::PrepareRequest* asked, rpc::PrepareReply* reply) override {
    if (auto known = admit(*context); !known.ok()) return known;
    const auto ports = agent_.prepare(asked->session(), {asked->flows().begin(), asked->flows().end()});
    if (!ports) return refusal(ports.error());
    for (const std::uint16_t port : *ports) reply->add_ports(port);
    return Status::OK;
  }

  Status Run(ServerContext* context, const rpc::RunRequest* asked, grpc::ServerWriter<rpc::RunEvent>* out) override {
    if (auto known = admit(*context); !known.ok()) return known;
    const auto plan = plan_from_text(asked->plan());
    if (!plan) return refusal(plan.error());
    const auto collective = collective_from_text(asked->collective());
    if (!collective) return refusal(collective.error());
    std::vector<FlowTask> flows;
    for (const rpc::Flow& flow : asked->flows()) {
      if (flow.port() > 65535) return {StatusCode::INVALID_ARGUMENT, "no such port"};
      flows.push_back({flow.id(), flow.peer(), static_cast<std::uint16_t>(flow.port())});
    }
    const auto tell = [&](const FlowEvent& event) { return out->Write(to_wire(event)); };
    const auto gone = [&] { return context->IsCancelled(); };
    const CollectiveSpec* const spec = *collective ? &**collective : nullptr;
    return status_of(agent_.run(asked->session(), *plan, spec, flows, tell, gone));
  }

  Status Start(ServerContext* context, const rpc::StartRequest* asked, rpc::StartReply* /*reply*/) override {
    if (auto known = admit(*context); !known.ok()) return known;
    return status_of(agent_.start(asked->session(), asked->at_ns()));
  }

  Status Leave(ServerContext* context, const rpc::LeaveRequest* asked, rpc::LeaveReply* /*reply*/) override {
    if (auto known = admit(*context); !known.ok()) return known;
    agent_.leave(asked->session());
    return Status::OK;
  }

 private:
  Status admit(const ServerContext& context) const {
    if (stop_) return {StatusCode::UNAVAILABLE, "the agent is ending"};
    const auto& metadata = context.client_metadata();
    const auto at = metadata.find("weft-token");
    const std::string_view given = at == metadata.end() ? "" : std::string_view(at->second.data(), at->second.size());
    if (same_token(given, options_.security.token)) return Status::OK;
    return {StatusCode::UNAUTHENTICATED,
            given.empty() ? "the agent wants a token" : "the agent has another token than the coordinator"};
  }

  const AgentServerOptions& options_;
  HostAgent agent_;
  const std::atomic<bool>& stop_;
};

class GrpcServer final : public AgentServer {
 public:
  GrpcServer(AgentServerOptions options, std::unique_ptr<DataPlane> plane, const std::atomic<bool>& stop)
      : options_(std::move(options)), service_(options_, std::move(plane), stop) {}
  ~GrpcServer() override {
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  }
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  Expected<void> open() {
    const bool six = options_.bind.find(':') != std::string::npos;
    const std::string place =
        six ? fmt::format("[{}]:{}", options_.bind, options_.port) : fmt::format("{}:{}", options_.bind, options_.port);
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kLargestChannelMessage);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16384);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
    builder.AddListeningPort(place, credentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_ || port_ == 0)
      return environment_error("the agent cannot listen", place,
                               "another program has the port, the address is not this host's, or the key does not fit "
                               "the certificate");
    return {};
  }
  [[nodiscard]] std::uint16_t port() const override { return static_cast<std::uint16_t>(port_); }

 private:
  [[nodiscard]] std::shared_ptr<grpc::ServerCredentials> credentials() const {
    const ChannelSecurity& security = options_.security;
    if (security.certificate.empty()) return grpc::InsecureServerCredentials();
    grpc::SslServerCredentialsOptions tls(security.root.empty()
                                              ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                              : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = security.root;
    tls.pem_key_cert_pairs.push_back({security.key, security.certificate});
    return grpc::SslServerCredentials(tls);
  }

  AgentServerOptions options_;
  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Expected<std::unique_ptr<AgentServer>> AgentServer::start(AgentServerOptions options, std::unique_ptr<DataPlane> plane,
                                                          const std::atomic<bool>& stop) {
  const ChannelSecurity& security = options.security;
  if (security.token.empty() && !is_loopback(options.bind))
    return input_error("an agent that other hosts reach needs a token", options.bind,
                       "--token FILE or the variable WEFT_TOKEN, the same for the coordinator");
  if (security.certificate.empty() != security.key.empty())
    return input_error("TLS needs a certificate and its key", {}, "--tls-certificate FILE --tls-key FILE");
  quiet_grpc();
  auto server = std::make_unique<GrpcServer>(std::move(options), std::move(plane), stop);
  if (auto opened = server->open(); !opened) return tl::unexpected(opened.error());
  return server;
}

}  // namespace weft::verbs
