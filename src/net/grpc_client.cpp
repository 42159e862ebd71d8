// The gRPC client: its endpoint, connecting when first needed, and the calls that wait for that.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <vector>

#include "net/grpc.hpp"
#include "net/grpc_client_connection.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
using Endpoint = asio::generic::stream_protocol::endpoint;

constexpr std::int64_t kConnectMs = 10'000;

struct Place {
  Endpoint endpoint;
  std::string authority;
  std::string text;
};

Result<Place> unix_place(std::string_view text, std::string_view path) {
  if (!path.starts_with('/') || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::kInvalid, "\"" + std::string(text) + "\" names no absolute path that a socket can have",
                "write unix:///run/example.sock, of at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
  }
  return Place{asio::local::stream_protocol::endpoint(std::string(path)), "localhost", std::string(text)};
}

Result<Place> tcp_place(std::string_view text, std::string_view where) {
  const auto colon = where.rfind(':');
  auto host = where.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  const auto digits = colon == std::string_view::npos ? std::string_view() : where.substr(colon + 1);
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error || bad != std::errc{} || end != digits.data() + digits.size() || port == 0) {
    return fail(ErrorCode::kInvalid, "\"" + std::string(text) + "\" is no address and port",
                "write tcp://127.0.0.1:8081: an IP address, no name");
  }
  return Place{asio::ip::tcp::endpoint(address, port), std::string(where), std::string(text)};
}

// SPIFFE Workload Endpoint §4: unix with an absolute path and no authority, or tcp with an IP address and a port.
Result<Place> parse_place(std::string_view text) {
  if (text.starts_with("unix://")) return unix_place(text, text.substr(7));
  if (text.starts_with("unix:")) return unix_place(text, text.substr(5));
  if (text.starts_with("tcp://")) return tcp_place(text, text.substr(6));
  return fail(ErrorCode::kInvalid, "\"" + std::string(text) + "\" is no endpoint",
              "write unix:///run/example.sock or tcp://127.0.0.1:8081");
}

struct WaitingCall {
  std::shared_ptr<GrpcRunningCall> call;
  GrpcFields fields;
  std::string message;
};

}  // namespace

struct GrpcClient::State : std::enable_shared_from_this<GrpcClient::State> {
  State(Loop& l, Place p, const GrpcOptions& o) : loop(l), place(std::move(p)), options(o) {}
  ~State() { loop.cancel(timer); }

  Loop& loop;
  Place place;
  GrpcOptions options;
  std::shared_ptr<GrpcClientConnection> connection;
  std::vector<std::weak_ptr<GrpcClientConnection>> leaving;  // no new calls go there, old ones run
  std::shared_ptr<Socket> connecting;
  TimerId timer = 0;
  std::vector<WaitingCall> waiting;

  void start(WaitingCall one) {
    if (connection && connection->usable()) return connection->start(one.call, one.fields, one.message);
    if (connection) {
      std::erase_if(leaving, [](const auto& old) { return old.expired(); });
      if (!connection->closed()) leaving.push_back(connection);
      connection.reset();
    }
    std::erase_if(waiting, [](const WaitingCall& other) { return other.call->over(); });
    if (waiting.size() >= options.streams_per_connection) {
      return one.call->end_soon({GrpcCode::kResourceExhausted, "as many calls wait for a connection as may"});
    }
    waiting.push_back(std::move(one));
    if (!connecting) connect();
  }

  void connect() {
    connecting = std::make_shared<Socket>(loop.context());
    timer = loop.after_ms(kConnectMs, [this] {
      timer = 0;
      connected(asio::error::timed_out);
    });
    connecting->async_connect(place.endpoint, [weak = weak_from_this(), socket = connecting](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (self && self->connecting == socket) self->connected(error);
    });
  }

  void connected(boost::system::error_code error) {
    loop.cancel(std::exchange(timer, 0));
    const auto socket = std::exchange(connecting, nullptr);
    const auto calls = std::exchange(waiting, {});
    const auto self = shared_from_this();
    if (!error) socket->native_non_blocking(true, error);
    if (error) {
      for (const auto& one : calls) one.call->end({GrpcCode::kUnavailable, place.text + " cannot be reached: " + error.message()});
      return;
    }
    if (place.endpoint.protocol().family() != AF_UNIX) {
      socket->set_option(asio::ip::tcp::no_delay(true), error);
      socket->set_option(asio::socket_base::keep_alive(true), error);  // a stream may be silent for hours
    }
    const int fd = socket->release(error);
    if (error) {
      for (const auto& one : calls) one.call->end({GrpcCode::kUnavailable, place.text + " cannot be reached: " + error.message()});
      return;
    }
    const auto opened = std::make_shared<GrpcClientConnection>(loop, options, fd);
    connection = opened;
    for (const auto& one : calls) {
      if (!one.call->over()) opened->start(one.call, one.fields, one.message);
    }
    opened->begin();
  }

  void close() {
    connecting.reset();
    loop.cancel(std::exchange(timer, 0));
    for (const auto& one : std::exchange(waiting, {})) one.call->cancel();
    for (const auto& old : leaving) end(old.lock());
    end(std::exchange(connection, nullptr));
  }

  static void end(const std::shared_ptr<GrpcClientConnection>& one) {
    if (!one || one->closed()) return;
    one->abandon_all();
    one->end();
  }
};

Result<std::unique_ptr<GrpcClient>> GrpcClient::create(Loop& loop, std::string_view endpoint, GrpcOptions options) {
  auto place = parse_place(endpoint);
  if (!place) return fail(std::move(place.error()));
  std::unique_ptr<GrpcClient> client(new GrpcClient());
  client->state_ = std::make_shared<State>(loop, std::move(*place), options);
  return client;
}

GrpcClient::~GrpcClient() { state_->close(); }

std::shared_ptr<GrpcClientCall> GrpcClient::start(std::string path, const Headers& metadata, std::string message,
                                                  GrpcCallHandlers handlers) {
  auto call = std::make_shared<GrpcRunningCall>(state_->loop, std::move(handlers));
  if (message.size() > state_->options.message_bytes) {
    call->end_soon({GrpcCode::kResourceExhausted, "the message is larger than may be sent"});
    return call;
  }
  GrpcFields fields{{":method", "POST"},        {":scheme", "http"},
                    {":path", std::move(path)}, {":authority", state_->place.authority},
                    {"te", "trailers"},         {"content-type", "application/grpc"},
                    {"user-agent", "interlock"}};
  for (const auto& [name, value] : metadata.all()) fields.emplace_back(name, value);
  if (const auto timeout = metadata.get("grpc-timeout")) {
    if (const auto timeout_ms = parse_grpc_timeout(*timeout)) call->expire_after(*timeout_ms);
  }
  state_->start({call, std::move(fields), std::move(message)});
  return call;
}

}  // namespace interlock::net
