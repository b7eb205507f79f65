// An application that writes messages to another place over one QP, as many at a time as asked.
#pragma once

#include <ns3/application.h>
#include <ns3/event-id.h>
#include <ns3/nstime.h>
#include <ns3/ptr.h>
#include <ns3/traced-callback.h>

#include <deque>
#include <string>

#include "emulator/packet/model/roce_fabric.h"

namespace weft::packet {

/// The RDMA counterpart of ns3::BulkSendApplication. Starts with its QP's first message; at its stop time it posts no
/// more, what is posted is still delivered.
class RdmaClient : public ns3::Application {
 public:
  static ns3::TypeId GetTypeId();
  RdmaClient() = default;

  /// REQUIRES: started.
  std::uint32_t GetQp() const { return qp_; }
  std::uint64_t GetAcknowledged() const { return acknowledged_; }  ///< messages
  bool IsFinished() const { return messages_ != 0 && acknowledged_ == messages_; }

  typedef void (*CompletedCallback)(std::uint64_t message, ns3::Time since_posted);
  typedef void (*EndCallback)();

 protected:
  void DoDispose() override;

 private:
  void StartApplication() override;
  void StopApplication() override;
  void post();
  void completed(std::uint32_t message);
  void failed();

  ns3::Ptr<RoceFabric> fabric_;
  std::string source_, destination_;
  std::uint64_t message_size_ = 0, messages_ = 0;
  std::uint32_t outstanding_ = 1, channel_ = 0;
  std::uint8_t priority_ = 0;

  std::uint32_t qp_ = kNone;
  bool stopped_ = false;
  std::uint64_t posted_ = 0, acknowledged_ = 0;
  std::deque<ns3::Time> posted_at_;
  ns3::TracedCallback<std::uint64_t, ns3::Time> completed_;
  ns3::TracedCallback<> finished_, failed_;
};

}  // namespace weft::packet
