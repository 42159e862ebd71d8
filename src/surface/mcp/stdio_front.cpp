#include "surface/mcp/stdio_front.hpp"

#include <algorithm>

namespace interlock::mcp {
namespace {

using Write = std::function<void(std::string_view)>;

class StdioReply final : public ReplySink {
 public:
  explicit StdioReply(Write write) : write_(std::move(write)) {}
  bool takes_messages() const override { return true; }
  void send(std::string_view message) override { write_(message); }
  void answer(std::string_view message, int) override { write_(message); }
  void abandon() override {}
  void keep_alive() override {}
  void on_gone(std::function<void()>) override {}

 private:
  Write write_;
};

class StdioEvents final : public EventSink {
 public:
  explicit StdioEvents(Write write) : write_(std::move(write)) {}
  bool send(std::string_view message) override {
    write_(message);
    return true;
  }
  void keep_alive() override {}
  void close() override {}

 private:
  Write write_;
};

}  // namespace

StdioFront::StdioFront(Surface& surface, const Endpoint& endpoint, gate::Caller caller)
    : surface_(surface), endpoint_(endpoint), caller_(std::move(caller)) {}

void StdioFront::start(int read_fd, int write_fd, std::function<void()> on_end) {
  on_end_ = std::move(on_end);
  std::weak_ptr<StdioFront> weak = weak_from_this();
  net::LineLimits limits;
  limits.line_bytes = surface_.options().limits.message_bytes;
  stream_ = std::make_unique<net::LineStream>(
      surface_.loop(), read_fd, write_fd, limits,
      net::LineStream::Handlers{.on_line =
                                    [weak](std::string_view text) {
                                      if (auto self = weak.lock()) self->line(text);
                                    },
                                .on_bad_line =
                                    [weak](Error error) {
                                      if (auto self = weak.lock())
                                        self->write(net::write_error(nullptr, net::kParseError, "Parse error: " + error.text()));
                                    },
                                .on_end =
                                    [weak](Status) {
                                      auto self = weak.lock();
                                      if (self && self->on_end_) std::exchange(self->on_end_, nullptr)();
                                    }});
}

void StdioFront::write(std::string_view text) {
  // A client that does not read its pipe is as good as gone.
  if (!stream_->write(text) && on_end_) surface_.loop().post(std::exchange(on_end_, nullptr));
}

void StdioFront::line(std::string_view text) {
  const auto& limits = surface_.options().limits;
  auto document = json::parse(text, {.size_bytes = limits.message_bytes, .depth = limits.depth});
  if (!document) return write(net::write_error(nullptr, net::kParseError, "Parse error: " + document.error().text()));
  if (auto* batch = document->if_array()) {
    if (!session_ || session_->profile().revision != Revision::k2025_03_26 || batch->empty()) {
      return write(net::write_error(nullptr, net::kInvalidRequest, "Invalid Request: JSON-RPC batches exist in revision 2025-03-26 alone"));
    }
    for (auto& item : *batch) take(std::move(item));
    return;
  }
  take(std::move(*document));
}

void StdioFront::take(json::value document) {
  const auto id = net::salvage_id(document);
  auto message = net::read_rpc(std::move(document));
  if (!message) return write(net::write_error(id, net::kInvalidRequest, "Invalid Request: " + message.error().text()));
  if (message->kind == net::RpcKind::kRequest && message->method == "initialize") return initialize(std::move(*message));
  if (meta_of(message->params, kMetaVersion) != nullptr || message->method == "server/discover") return modern(std::move(*message));
  if (message->kind == net::RpcKind::kNotification && message->method == "notifications/cancelled" && !modern_.empty()) {
    for (auto& session : modern_) surface_.dispatch(session, *message, nullptr);
    if (!session_) return;
  }
  if (!session_) {
    if (message->kind != net::RpcKind::kRequest) return;
    if (message->method == "ping") return write(net::write_result(message->id, json::object()));
    return write(net::write_error(message->id, net::kInvalidRequest,
                                  "begin with initialize, or send _meta[\"" + std::string(kMetaVersion) + "\"] with each request"));
  }
  std::weak_ptr<StdioFront> weak = weak_from_this();
  auto reply = message->kind == net::RpcKind::kRequest ? std::make_shared<StdioReply>([weak](std::string_view text) {
    if (auto self = weak.lock()) self->write(text);
  })
                                                       : nullptr;
  surface_.dispatch(session_, std::move(*message), std::move(reply));
}

void StdioFront::initialize(net::RpcMessage message) {
  const auto version = json::string_at(message.params, "protocolVersion");
  if (!version) return write(net::write_error(message.id, net::kInvalidParams, "params.protocolVersion is missing or no string"));
  if (session_ && !session_->closed())
    return write(net::write_error(message.id, net::kInvalidRequest, "this connection is initialized already"));
  ClientProfile profile;
  const auto revision = revision_from_name(*version);
  profile.revision = revision && !is_modern(*revision) ? *revision : kNewestLegacy;
  if (const auto* c = json::object_at(message.params, "capabilities")) profile.capabilities = *c;
  if (const auto* i = json::object_at(message.params, "clientInfo")) profile.info = *i;
  auto caller = caller_;
  caller.subject.client = client_name(profile.info);
  auto session = surface_.new_session(endpoint_, std::move(caller), std::move(profile));
  if (!session) return write(net::write_error(message.id, kOverloaded, session.error().text()));
  session_ = *session;
  std::weak_ptr<StdioFront> weak = weak_from_this();
  const Write out = [weak](std::string_view text) {
    if (auto self = weak.lock()) self->write(text);
  };
  session_->set_event_sink(std::make_shared<StdioEvents>(out));
  surface_.dispatch(session_, std::move(message), std::make_shared<StdioReply>(out));
}

void StdioFront::modern(net::RpcMessage message) {
  const auto refuse = [&](int code, const std::string& why, const json::value* data = nullptr) {
    if (message.kind == net::RpcKind::kRequest) write(net::write_error(message.id, code, why, data));
  };
  const auto* version = meta_of(message.params, kMetaVersion);
  if (version == nullptr || !version->is_string())
    return refuse(net::kInvalidParams, "params._meta[\"" + std::string(kMetaVersion) + "\"] is missing or no string");
  if (json::view(version->get_string()) != revision_name(kModern)) {
    const json::value data = json::object{{"supported", all_revision_names()}, {"requested", *version}};
    return refuse(kUnsupportedVersion, "Unsupported protocol version", &data);
  }
  const auto* capabilities = meta_of(message.params, kMetaClientCapabilities);
  if (capabilities == nullptr || !capabilities->is_object()) {
    return refuse(net::kInvalidParams, "params._meta[\"" + std::string(kMetaClientCapabilities) + "\"] is missing or no object");
  }
  ClientProfile profile;
  profile.revision = kModern;
  profile.capabilities = capabilities->get_object();
  if (const auto* i = meta_of(message.params, kMetaClientInfo); i != nullptr && i->is_object()) profile.info = i->get_object();
  auto caller = caller_;
  caller.subject.client = client_name(profile.info);
  auto session = surface_.modern_session(endpoint_, std::move(caller), std::move(profile), false);
  if (!session) return refuse(kOverloaded, session.error().text());
  if (std::find(modern_.begin(), modern_.end(), *session) == modern_.end()) {
    std::erase_if(modern_, [](const auto& known) { return known->closed(); });
    modern_.push_back(*session);
  }
  std::weak_ptr<StdioFront> weak = weak_from_this();
  auto reply = message.kind == net::RpcKind::kRequest ? std::make_shared<StdioReply>([weak](std::string_view text) {
    if (auto self = weak.lock()) self->write(text);
  })
                                                      : nullptr;
  surface_.dispatch(*session, std::move(message), std::move(reply));
}

}  // namespace interlock::mcp
