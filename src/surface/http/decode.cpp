#include "surface/http/decode.hpp"

#include <zlib.h>

#include <array>

#include "net/http.hpp"

namespace interlock::http {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::uint64_t kFreeBytes = std::uint64_t{1} << 20;
constexpr int kGzipOrZlib = 15 + 32;  // the header says which
constexpr int kRaw = -15;             // some servers mean this by deflate

class Inflating final : public Decoder {
 public:
  Inflating(std::size_t ratio, bool may_be_raw) : ratio_(ratio), may_be_raw_(may_be_raw) {
    ready_ = ::inflateInit2(&stream_, kGzipOrZlib) == Z_OK;
  }
  ~Inflating() override {
    if (ready_) ::inflateEnd(&stream_);
  }
  Inflating(const Inflating&) = delete;
  Inflating& operator=(const Inflating&) = delete;

  Status feed(std::string_view bytes, const std::function<void(std::string_view)>& give) override {
    if (!ready_) return fail(ErrorCode::kInternal, "zlib cannot be set up");
    const bool first = in_ == 0;
    in_ += bytes.size();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    std::array<char, kPieceBytes> piece;
    while (stream_.avail_in > 0 || more_) {
      if (over_) {
        // Members may follow one another (RFC 1952 §2.2).
        if (::inflateReset(&stream_) != Z_OK) return fail(ErrorCode::kInternal, "zlib cannot be set up");
        over_ = false;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_.avail_out = static_cast<uInt>(piece.size());
      const int code = ::inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_DATA_ERROR && first && may_be_raw_ && out_ == 0) {
        may_be_raw_ = false;
        if (::inflateReset2(&stream_, kRaw) != Z_OK) return fail(ErrorCode::kInternal, "zlib cannot be set up");
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(bytes.size());
        continue;
      }
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return fail(ErrorCode::kInvalid, "the answer is not compressed as it says");
      const auto made = piece.size() - stream_.avail_out;
      more_ = stream_.avail_out == 0 && code == Z_OK;
      out_ += made;
      if (out_ > kFreeBytes && out_ > in_ * ratio_)
        return fail(ErrorCode::kTooLarge, "the answer grows more than " + std::to_string(ratio_) + " times when it is decompressed",
                    "ask the server for it uncompressed");
      if (made > 0) give({piece.data(), made});
      over_ = code == Z_STREAM_END;
      if (code == Z_BUF_ERROR && made == 0) break;
    }
    return {};
  }

  Status finish() override {
    if (in_ > 0 && !over_) return fail(ErrorCode::kInvalid, "the compressed answer was cut");
    return {};
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
  std::size_t ratio_;
  bool may_be_raw_;
  bool over_ = false;
  bool more_ = false;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> Decoder::of(std::string_view coding, std::size_t ratio) {
  const bool deflate = net::equal_ignoring_case(coding, "deflate");
  if (!deflate && !net::equal_ignoring_case(coding, "gzip") && !net::equal_ignoring_case(coding, "x-gzip")) return nullptr;
  return std::make_unique<Inflating>(ratio, deflate);
}

}  // namespace interlock::http
