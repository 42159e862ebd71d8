// HTTP framing, both sides, without sockets: bytes mean the same however they are split, and what is taken keeps the bounds and
// holds nothing that a second reader could take for something else.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/http_request_reader.hpp"
#include "net/http_response_reader.hpp"
#include "net/http_writer.hpp"

namespace {

using namespace interlock::net;
constexpr std::size_t kHeaderBytes = 2048;
constexpr std::size_t kBodyBytes = 512;

std::size_t piece_size(std::string_view splits, std::size_t& turn, std::size_t rest) {
  if (splits.empty()) return rest;
  return std::min(rest, std::size_t{1} + static_cast<std::uint8_t>(splits[turn++ % splits.size()]) % 16);
}

void check_request(const HttpRequest& request) {
  if (!is_token(request.method) || request.body.size() > kBodyBytes) std::abort();
  if (request.path != "*" && !request.path.starts_with('/')) std::abort();
  if (request.headers.count("host") > 1 || request.headers.count("content-length") > 1) std::abort();
  if (request.headers.get("content-length") && request.headers.get("transfer-encoding")) std::abort();
  if (const auto length = request.headers.get("content-length"); length && std::stoull(std::string(*length)) != request.body.size())
    std::abort();
  for (const auto& [name, value] : request.headers.all()) {
    if (!is_token(name) || !is_field_value(value) || value.starts_with(' ') || value.ends_with(' ')) std::abort();
  }
}

// All that the server would see, as text.
std::string serve(std::string_view bytes, std::string_view splits) {
  RequestReader reader(kHeaderBytes, kBodyBytes);
  std::string seen;
  std::size_t turn = 0;
  while (!bytes.empty()) {
    auto piece = bytes.substr(0, piece_size(splits, turn, bytes.size()));
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      const auto used = reader.feed(piece);
      if ((used == 0 && reader.state() != RequestReader::State::kRefused) || used > piece.size()) std::abort();
      piece.remove_prefix(used);
      if (reader.state() == RequestReader::State::kRefused) {
        if (refusal_body(reader.refusal()).empty() || reader.refusal().status < 400) std::abort();
        return seen + "refused";
      }
      if (reader.state() != RequestReader::State::kComplete) continue;
      const auto received = reader.take();
      check_request(received.request);
      seen += received.request.method + " " + received.request.path + "?" + received.request.query +
              (received.keep_alive ? " kept " : " last ");
      for (const auto& [name, value] : received.request.headers.all()) seen += name + "=" + value + ";";
      seen += received.request.body + "\n";
    }
  }
  return seen;
}

struct Seen final : ResponseSink {
  std::string text;
  int heads = 0;
  bool on_response_head(int status, Headers headers) override {
    if (++heads > 1 || status < 200) std::abort();
    text += std::to_string(status) + " ";
    for (const auto& [name, value] : headers.all()) text += name + "=" + value + ";";
    return true;
  }
  bool on_response_data(std::string_view chunk) override {
    if (heads != 1) std::abort();
    text += chunk;
    return true;
  }
};

std::string receive(std::string_view bytes, std::string_view splits, bool to_head) {
  Seen seen;
  ResponseReader reader(kHeaderBytes, to_head, seen);
  std::size_t turn = 0;
  const auto goes_on = [&] { return reader.state() == ResponseReader::State::kHead || reader.state() == ResponseReader::State::kBody; };
  while (!bytes.empty() && goes_on()) {
    const auto piece = bytes.substr(0, piece_size(splits, turn, bytes.size()));
    const auto used = reader.feed(piece);
    if (used > piece.size() || (goes_on() && used != piece.size())) std::abort();
    bytes.remove_prefix(piece.size());
  }
  if (goes_on()) reader.end();
  const auto state = reader.state();
  if (state == ResponseReader::State::kFailed && reader.error().message.empty()) std::abort();
  return seen.text + (state == ResponseReader::State::kComplete ? " complete" : " failed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.size() < 4) return 0;
  const auto splits = bytes.substr(0, 4);
  const auto stream = bytes.substr(4);
  if (serve(stream, {}) != serve(stream, splits)) std::abort();
  const bool to_head = (data[0] & 1) != 0;
  if (receive(stream, {}, to_head) != receive(stream, splits, to_head)) std::abort();
  return 0;
}
