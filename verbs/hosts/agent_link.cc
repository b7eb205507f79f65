#include "verbs/hosts/agent_link.h"

#include <channel/agent.grpc.pb.h>  // generated
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "verbs/hosts/agent_server.h"
#include "verbs/hosts/quiet_grpc.h"
#include "verbs/hosts/wire_events.h"

namespace weft::verbs {
namespace {

namespace rpc = v1;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

std::string printable(std::string text) {
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text.substr(0, 1024);
}

// Ends a call when nothing was heard for too long.
class SilenceGuard {
 public:
  SilenceGuard(ClientContext& context, AgentLink::Limit limit)
      : limit_(limit), thread_([this, &context](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!stop.stop_requested()) {
            heard_ = false;
            if (changed_.wait_for(lock, stop, limit_, [&] { return heard_; })) continue;
            if (stop.stop_requested()) return;
            fired_ = true;
            context.TryCancel();
            return;
          }
        }) {}
  void heard() {
    const std::scoped_lock lock(mutex_);
    heard_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool fired() const { return fired_; }

 private:
  AgentLink::Limit limit_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool heard_ = false;
  std::atomic<bool> fired_{false};
  std::jthread thread_;
};

class GrpcLink final : public AgentLink {
 public:
  GrpcLink(HostAddress host, const ChannelSecurity& security, std::string session, std::string weft)
      : host_(std::move(host)), token_(security.token), session_(std::move(session)), weft_(std::move(weft)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kLargestChannelMessage);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    if (!security.server_name.empty()) arguments.SetSslTargetNameOverride(security.server_name);
    std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
    if (!security.root.empty()) credentials = grpc::SslCredentials({security.root, security.key, security.certificate});
    const bool six = host_.address.find(':') != std::string::npos;
    const std::string target = six ? fmt::format("ipv6:[{}]:{}", host_.address, host_.port)
                                   : fmt::format("dns:///{}:{}", host_.address, host_.port);
    stub_ = rpc::Agent::NewStub(grpc::CreateCustomChannel(target, credentials, arguments));
  }

  Expected<AgentInfo> hello(Limit limit) override {
    ClientContext context;
    prepare_context(context, limit);
    context.set_wait_for_ready(true);
    rpc::HelloRequest asked;
    asked.set_version(kChannelVersion);
    asked.set_session(session_);
    asked.set_weft(weft_);
    rpc::HelloReply reply;
    if (const Status status = stub_->Hello(&context, asked, &reply); !status.ok()) return failed(status, "hello");
    if (reply.version() != kChannelVersion)
      return environment_error(fmt::format("agent {} speaks version {} of the control channel, this is {}", host_.name,
                                           reply.version(), kChannelVersion),
                               printable(reply.weft()), "install the same weft on all hosts");
    return AgentInfo{printable(reply.weft()),
                     printable(reply.host()),
                     printable(reply.data_address()),
                     printable(reply.launcher()),
                     reply.rank(),
                     reply.size()};
  }

  Expected<ClockOffset> clock(int questions, Limit limit) override {
    ClockFilter filter;
    for (int i = 0; i < questions; ++i) {
      ClientContext context;
      prepare_context(context, limit);
      rpc::ClockRequest asked;
      asked.set_session(session_);
      rpc::ClockReply reply;
      const std::int64_t out = clock_now();
      if (const Status status = stub_->Clock(&context, asked, &reply); !status.ok()) return failed(status, "clock");
      filter.add({out, reply.heard_ns(), reply.answered_ns(), clock_now()});
    }
    if (!filter.best()) return environment_error(fmt::format("the clock of agent {} contradicts itself", host_.name));
    return *filter.best();
  }

  Expected<std::vector<std::uint16_t>> prepare(const std::vector<std::uint32_t>& flows, Limit limit) override {
    ClientContext context;
    prepare_context(context, limit);
    rpc::PrepareRequest asked;
    asked.set_session(session_);
    asked.mutable_flows()->Add(flows.begin(), flows.end());
    rpc::PrepareReply reply;
    if (const Status status = stub_->Prepare(&context, asked, &reply); !status.ok()) return failed(status, "prepare");
    std::vector<std::uint16_t> ports;
    for (const std::uint32_t port : reply.ports()) ports.push_back(static_cast<std::uint16_t>(port));
    if (ports.size() != flows.size())
      return environment_error(fmt::format("agent {} prepared {} flows of {}", host_.name, ports.size(), flows.size()));
    return ports;
  }

  Expected<void> run(const PairPlan& plan, const std::optional<CollectiveSpec>& collective,
                     const std::vector<FlowTask>& flows, Limit silence,
                     const std::function<void(FlowEvent)>& hear) override {
    ClientContext context;
    prepare_context(context, std::chrono::hours(24 * 30));
    {
      const std::scoped_lock lock(mutex_);
      if (cancelled_) return cancelled_error();
      running_ = &context;
    }
    rpc::RunRequest asked;
    asked.set_session(session_);
    asked.set_plan(to_json(plan).dump());
    if (collective) asked.set_collective(to_json(*collective).dump());
    for (const FlowTask& task : flows) {
      rpc::Flow& flow = *asked.add_flows();
      flow.set_id(task.id);
      flow.set_peer(task.peer);
      flow.set_port(task.port);
    }
    std::optional<Error> nonsense;
    SilenceGuard guard(context, silence);
    const auto reader = stub_->Run(&context, asked);
    for (rpc::RunEvent event; reader->Read(&event);) {
      guard.heard();
      auto told = from_wire(event);
      if (told) {
        hear(std::move(*told));
      } else if (!nonsense) {
        nonsense = told.error();
        context.TryCancel();
      }
    }
    const Status status = reader->Finish();
    const std::scoped_lock lock(mutex_);
    running_ = nullptr;
    if (nonsense) return tl::unexpected(*nonsense);
    if (guard.fired())
      return environment_error(
          fmt::format("agent {} was silent for {:g} s", host_.name, std::chrono::duration<double>(silence).count()), {},
          "it is stopped, its host hangs or cannot be reached");
    if (cancelled_ && !status.ok()) return cancelled_error();
    if (!status.ok()) return failed(status, "run");
    return {};
  }

  Expected<void> start(std::int64_t at, Limit limit) override {
    ClientContext context;
    prepare_context(context, limit);
    rpc::StartRequest asked;
    asked.set_session(session_);
    asked.set_at_ns(at);
    rpc::StartReply reply;
    if (const Status status = stub_->Start(&context, asked, &reply); !status.ok()) return failed(status, "start");
    return {};
  }

  void cancel() override {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
    if (running_ != nullptr) running_->TryCancel();
  }

  void leave(Limit limit) override {
    ClientContext context;
    prepare_context(context, limit);
    rpc::LeaveRequest asked;
    asked.set_session(session_);
    rpc::LeaveReply reply;
    static_cast<void>(stub_->Leave(&context, asked, &reply));
  }

 private:
  void prepare_context(ClientContext& context, std::chrono::milliseconds limit) const {
    context.set_deadline(std::chrono::system_clock::now() + limit);
    if (!token_.empty()) context.AddMetadata("weft-token", token_);
  }
  [[nodiscard]] tl::unexpected<Error> cancelled_error() const {
    return tl::unexpected(
        Error{ErrorCode::kInterrupted, fmt::format("agent {} was told to stop", host_.name), {}, {}, {}});
  }
  [[nodiscard]] tl::unexpected<Error> failed(const Status& status, const char* asked) const {
    const std::string said = printable(status.error_message());
    const std::string where = fmt::format("{} port {}", host_.address, host_.port);
    switch (status.error_code()) {
      case StatusCode::UNAUTHENTICATED:
        return input_error(fmt::format("agent {} refuses: {}", host_.name, said), where,
                           "--token FILE or WEFT_TOKEN, the same on all hosts");
      case StatusCode::INVALID_ARGUMENT:
        return input_error(fmt::format("agent {} refuses to {}: {}", host_.name, asked, said));
      case StatusCode::FAILED_PRECONDITION:
      case StatusCode::ABORTED:
        return environment_error(fmt::format("agent {}: {}", host_.name, said));
      case StatusCode::DEADLINE_EXCEEDED:
        return environment_error(fmt::format("agent {} did not answer {} in time", host_.name, asked), where,
                                 "is `weft verbs agent` running there, with the same TLS options?");
      case StatusCode::RESOURCE_EXHAUSTED:
        return environment_error(fmt::format("a message of agent {} is too large", host_.name), said);
      default:
        return environment_error(fmt::format("agent {} is gone", host_.name), said);
    }
  }

  HostAddress host_;
  std::string token_, session_, weft_;
  std::unique_ptr<rpc::Agent::Stub> stub_;
  std::mutex mutex_;
  ClientContext* running_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<AgentLink> AgentLink::to(const HostAddress& host, const ChannelSecurity& security, std::string session,
                                         std::string weft) {
  quiet_grpc();
  return std::make_unique<GrpcLink>(host, security, std::move(session), std::move(weft));
}

}  // namespace weft::verbs
