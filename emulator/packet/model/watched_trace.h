// Trace sources whose object is told when someone connects or disconnects: what nobody looks at costs nothing.
#pragma once

#include <ns3/object-base.h>
#include <ns3/trace-source-accessor.h>

#include <string>
#include <utility>

namespace weft::packet {

// T has a method TracesChanged().
template <typename T>
class WatchedTraceAccessor final : public ns3::TraceSourceAccessor {
 public:
  explicit WatchedTraceAccessor(ns3::Ptr<const ns3::TraceSourceAccessor> plain) : plain_(std::move(plain)) {}

  bool ConnectWithoutContext(ns3::ObjectBase* object, const ns3::CallbackBase& callback) const override {
    return plain_->ConnectWithoutContext(object, callback) && tell(object);
  }
  bool Connect(ns3::ObjectBase* object, std::string context, const ns3::CallbackBase& callback) const override {
    return plain_->Connect(object, std::move(context), callback) && tell(object);
  }
  bool DisconnectWithoutContext(ns3::ObjectBase* object, const ns3::CallbackBase& callback) const override {
    return plain_->DisconnectWithoutContext(object, callback) && tell(object);
  }
  bool Disconnect(ns3::ObjectBase* object, std::string context, const ns3::CallbackBase& callback) const override {
    return plain_->Disconnect(object, std::move(context), callback) && tell(object);
  }

 private:
  static bool tell(ns3::ObjectBase* object) {
    dynamic_cast<T&>(*object).TracesChanged();
    return true;
  }
  ns3::Ptr<const ns3::TraceSourceAccessor> plain_;
};

template <typename T, typename Source>
ns3::Ptr<const ns3::TraceSourceAccessor> MakeWatchedTraceAccessor(Source T::*source) {
  return ns3::Create<WatchedTraceAccessor<T>>(ns3::MakeTraceSourceAccessor(source));
}

}  // namespace weft::packet
