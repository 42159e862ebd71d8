// The framing of HTTP/1.1 streams, both sides, without sockets: bytes mean the same however they are split, what is taken holds nothing
// that a second reader could take for something else, and what is written out again is read as the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/http_flow.hpp"
#include "net/http_writer.hpp"
#include "net/stream_connection.hpp"

namespace {

using namespace interlock::net;
constexpr std::size_t kHeaderBytes = 2048;

void must(bool holds) {
  if (!holds) std::abort();
}

std::size_t piece_size(std::string_view splits, std::size_t& turn, std::size_t rest) {
  if (splits.empty()) return rest;
  return std::min(rest, std::size_t{1} + static_cast<std::uint8_t>(splits[turn++ % splits.size()]) % 16);
}

std::string text_of(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers.all()) {
    must(is_token(name) && is_field_value(value) && !is_hop_by_hop(name) && !value.starts_with(' ') && !value.ends_with(' '));
    out += name + "=" + value + ";";
  }
  return out;
}

// What goes on to the next server is read there as it was read here.
void check_passed_on(const RequestHead& head) {
  if (head.method == "CONNECT" || head.authority.empty()) return;
  std::string wire;
  write_stream_request_head(wire, head.method, head.target, head.authority,
                            {.headers = head.headers,
                             .framing = head.length ? *head.length > 0 ? Framing::kLength : Framing::kNone : Framing::kChunked,
                             .length = head.length.value_or(0),
                             .upgrade = head.upgrade});
  const auto again = parse_request_parts(wire);
  must(again.has_value());
  must(again->head.method == head.method && again->head.target == head.target && again->head.authority == head.authority &&
       again->head.length == head.length && again->head.upgrade == head.upgrade);
  must(text_of(again->head.headers).size() <= text_of(head.headers).size() + head.headers.all().size());
}

std::string check_request(RequestParts& parts) {
  const auto& head = parts.head;
  must(is_token(head.method) && (head.scheme.empty() || head.scheme == "http" || head.scheme == "https"));
  must(head.authority.empty() ? head.version == HttpVersion::k1_0 : is_authority(head.authority));
  must(head.method == "CONNECT" ? head.target.empty() : head.target == "*" || head.target.starts_with('/'));
  must(is_target_text(head.target) && parts.is_chunked == !head.length.has_value());
  must(head.upgrade.empty() || head.length == 0);
  check_passed_on(head);
  return head.method + " " + head.scheme + " " + head.authority + " " + head.target + " " + head.upgrade + " " +
         (head.length ? std::to_string(*head.length) : "chunked") + (parts.keep_alive ? " kept " : " last ") + text_of(head.headers);
}

// All that the server would see, as text.
std::string serve(std::string_view bytes, std::string_view splits) {
  RequestFlow flow(kHeaderBytes);
  std::string seen;
  std::size_t turn = 0;
  bool has_head = false;
  while (!bytes.empty()) {
    auto piece = bytes.substr(0, piece_size(splits, turn, bytes.size()));
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      std::string_view data;
      const auto used = flow.feed(piece, data);
      must(used <= piece.size() && data.size() <= used);
      const auto state = flow.state();
      if (state == RequestFlow::State::kRefused) {
        must(flow.refusal().status >= 400 && !flow.refusal().message.empty());
        return seen + "refused";
      }
      must(used > 0);
      piece.remove_prefix(used);
      const bool is_there = state == RequestFlow::State::kBody || state == RequestFlow::State::kComplete;
      if (is_there && !std::exchange(has_head, true)) seen += check_request(flow.parts()) + "\n";
      seen += data;
      if (state != RequestFlow::State::kComplete) continue;
      seen += "\n" + text_of(flow.trailers()) + "\n";
      has_head = false;
      flow.next();
    }
  }
  return seen;
}

std::string receive(std::string_view bytes, std::string_view splits, bool to_head, bool upgrades) {
  ResponseFlow flow(kHeaderBytes);
  flow.expect(to_head, upgrades ? "websocket" : "");
  std::string seen;
  std::size_t turn = 0;
  bool has_head = false;
  using State = ResponseFlow::State;
  while (!bytes.empty()) {
    auto piece = bytes.substr(0, piece_size(splits, turn, bytes.size()));
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      std::string_view data;
      const auto used = flow.feed(piece, data);
      must(used > 0 && used <= piece.size() && data.size() <= used);
      piece.remove_prefix(used);
      const auto state = flow.state();
      if (state == State::kFailed) {
        must(!flow.error().message.empty());
        return seen + "failed";
      }
      if (state == State::kSwitched) {
        must(upgrades);
        return seen + "switched";
      }
      if (state == State::kInterim) {
        must(flow.parts().status >= 100 && flow.parts().status < 200);
        seen += std::to_string(flow.parts().status) + "\n";
        flow.resume();
        continue;
      }
      if (state != State::kHead && !std::exchange(has_head, true)) {
        must(flow.parts().status >= 200);
        seen += std::to_string(flow.parts().status) + " " + text_of(flow.parts().headers) + "\n";
      }
      seen += data;
      if (state == State::kComplete) return seen + "\n" + text_of(flow.trailers()) + (flow.keep_alive() ? "kept" : "last");
    }
  }
  flow.end();
  return seen + (flow.state() == State::kComplete ? "ended" : "cut");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.size() < 4) return 0;
  const auto splits = bytes.substr(0, 4);
  const auto stream = bytes.substr(4);
  must(serve(stream, {}) == serve(stream, splits));
  const bool to_head = (data[0] & 1) != 0;
  const bool upgrades = (data[0] & 2) != 0;
  must(receive(stream, {}, to_head, upgrades) == receive(stream, splits, to_head, upgrades));
  return 0;
}
