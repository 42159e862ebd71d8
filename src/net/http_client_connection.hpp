// The client's calls and the connections that carry them, one call at a time each. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/deadlines.hpp"
#include "net/http_client.hpp"
#include "net/http_response_reader.hpp"

namespace interlock::net {

inline constexpr std::string_view kUnreachable = " cannot be reached";  // in the message of every call that was never sent

class ClientConnection;

// One request and those who wait for its answer.
class ClientCall final : public HttpCall, public ResponseSink, public std::enable_shared_from_this<ClientCall> {
 public:
  ClientCall(HttpClientRequest request, HttpCallHandlers handlers);

  void cancel() override;
  bool on_response_head(int status, Headers headers) override;
  bool on_response_data(std::string_view chunk) override;
  void finish(Status status);  // the last word to the handlers, once
  void drop();                 // none is called any more

  const Url& url() const { return url_; }
  bool is_head() const { return is_head_; }
  // The request for the wire, in two parts; a short body is in the first.
  std::string_view wire(int part) const { return part == 0 ? wire_ : body_; }
  std::int64_t deadline_ms() const { return deadline_ms_; }  // for the response head

  ClientConnection* connection = nullptr;        // that carries it now
  std::function<void(ClientCall*)> leave_queue;  // set while it waits for a connection
  bool retried = false;                          // it is not sent again

 private:
  Url url_;
  HttpCallHandlers handlers_;
  std::string wire_;
  std::string body_;
  std::int64_t deadline_ms_ = kNever;
  bool is_head_;
  bool finished_ = false;
  bool calling_ = false;  // one of the handlers runs
};

// What all connections of one client share; it outlives them.
struct ClientContext {
  Loop& loop;
  HttpClientOptions options;
  std::function<Result<std::shared_ptr<TlsClient>>()> tls;
  std::function<void(std::int64_t deadline_ms)> include_deadline;
  std::function<void(ClientConnection*)> on_free;
  std::function<void(ClientConnection*)> on_closed;
  std::function<void(std::shared_ptr<ClientCall>)> on_retry;
};

class ClientConnection {
 public:
  virtual ~ClientConnection() = default;
  // Sends the request, once connected, and hands the answer to the call. Calls back from the loop alone.
  virtual void carry(std::shared_ptr<ClientCall> call) = 0;
  // Closes it; a call that it carries is dropped.
  virtual void close() = 0;
  virtual bool looks_usable() = 0;
  virtual std::int64_t check_deadline(std::int64_t now_ms) = 0;
  virtual const std::string& origin() const = 0;
};

std::string origin_of(const Url& url);       // "https://host:443"
std::string host_header_of(const Url& url);  // without the port that the scheme implies
std::shared_ptr<ClientConnection> make_client_connection(std::shared_ptr<ClientContext> context, const Url& url);

}  // namespace interlock::net
