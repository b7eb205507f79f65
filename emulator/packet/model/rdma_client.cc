#include "emulator/packet/model/rdma_client.h"

#include <ns3/abort.h>
#include <ns3/pointer.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

namespace weft::packet {

NS_OBJECT_ENSURE_REGISTERED(RdmaClient);

ns3::TypeId RdmaClient::GetTypeId() {
  static ns3::TypeId tid =
      ns3::TypeId("weft::packet::RdmaClient")
          .SetParent<ns3::Application>()
          .SetGroupName("Weft")
          .AddConstructor<RdmaClient>()
          .AddAttribute("Fabric", "the fabric it is part of", ns3::PointerValue(),
                        ns3::MakePointerAccessor(&RdmaClient::fabric_), ns3::MakePointerChecker<RoceFabric>())
          .AddAttribute("Source", "GPU or NIC port, as gpu3 or host0.nic1", ns3::StringValue(""),
                        ns3::MakeStringAccessor(&RdmaClient::source_), ns3::MakeStringChecker())
          .AddAttribute("Destination", "GPU or NIC port", ns3::StringValue(""),
                        ns3::MakeStringAccessor(&RdmaClient::destination_), ns3::MakeStringChecker())
          .AddAttribute("MessageSize", "bytes", ns3::UintegerValue(1'000'000),
                        ns3::MakeUintegerAccessor(&RdmaClient::message_size_),
                        ns3::MakeUintegerChecker<std::uint64_t>(0, std::uint64_t{1} << 31U))
          .AddAttribute("Messages", "how many; 0: until it is stopped", ns3::UintegerValue(1),
                        ns3::MakeUintegerAccessor(&RdmaClient::messages_), ns3::MakeUintegerChecker<std::uint64_t>())
          .AddAttribute("Outstanding", "messages posted and not acknowledged yet, at most", ns3::UintegerValue(1),
                        ns3::MakeUintegerAccessor(&RdmaClient::outstanding_),
                        ns3::MakeUintegerChecker<std::uint32_t>(1))
          .AddAttribute("Priority", "traffic class 0 to 7; 255: the fabric's TransportDataPriority",
                        ns3::UintegerValue(255), ns3::MakeUintegerAccessor(&RdmaClient::priority_),
                        ns3::MakeUintegerChecker<std::uint8_t>())
          .AddAttribute("Channel", "tells QPs of one pair apart: another channel, another UDP source port and path",
                        ns3::UintegerValue(0), ns3::MakeUintegerAccessor(&RdmaClient::channel_),
                        ns3::MakeUintegerChecker<std::uint32_t>())
          .AddTraceSource("Completed", "a message is acknowledged: its number and the time since it was posted",
                          ns3::MakeTraceSourceAccessor(&RdmaClient::completed_),
                          "weft::packet::RdmaClient::CompletedCallback")
          .AddTraceSource("Finished", "all messages are acknowledged",
                          ns3::MakeTraceSourceAccessor(&RdmaClient::finished_), "weft::packet::RdmaClient::EndCallback")
          .AddTraceSource("Failed", "the QP has used up its retries",
                          ns3::MakeTraceSourceAccessor(&RdmaClient::failed_), "weft::packet::RdmaClient::EndCallback");
  return tid;
}

void RdmaClient::StartApplication() {
  NS_ABORT_MSG_IF(fabric_ == nullptr, "RdmaClient: the attribute Fabric is not set");
  QpOptions options;
  options.priority = priority_;
  options.channel = channel_;
  const auto qp = fabric_->CreateQp(source_, destination_, options);
  NS_ABORT_MSG_IF(!qp, qp.error().text());
  qp_ = *qp;
  fabric_->SetQpCallbacks(qp_, ns3::MakeCallback(&RdmaClient::completed, this),
                          ns3::MakeCallback(&RdmaClient::failed, this));
  for (std::uint32_t i = 0; i < outstanding_; ++i) post();
}

void RdmaClient::StopApplication() { stopped_ = true; }

void RdmaClient::post() {
  if (stopped_ || (messages_ != 0 && posted_ == messages_)) return;
  ++posted_;
  posted_at_.push_back(ns3::Simulator::Now());
  fabric_->Post(qp_, message_size_);
}

void RdmaClient::completed(std::uint32_t) {
  const ns3::Time since = ns3::Simulator::Now() - posted_at_.front();
  posted_at_.pop_front();
  completed_(acknowledged_++, since);
  if (IsFinished()) finished_();
  // In an event of its own: the data plane is in the middle of an ACK.
  ns3::Simulator::ScheduleNow(&RdmaClient::post, this);
}

void RdmaClient::failed() { failed_(); }

void RdmaClient::DoDispose() {
  fabric_ = nullptr;
  ns3::Application::DoDispose();
}

}  // namespace weft::packet
