// Compressed answers made plain as they flow: right in any pieces, bounded, and honest about what is broken.
#include "surface/http/decode.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace interlock::http {
namespace {

std::string compressed(std::string_view text, int window) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
constexpr int kGzip = 15 + 16;
constexpr int kZlib = 15;
constexpr int kBare = -15;

Result<std::string> plain(std::string_view coding, std::string_view bytes, std::size_t piece, std::size_t ratio = 1'000) {
  const auto decoder = Decoder::of(coding, ratio);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (auto fed = decoder->feed(bytes.substr(at, piece), [&](std::string_view some) { out += some; }); !fed) return fail(fed.error());
  if (auto finished = decoder->finish(); !finished) return fail(finished.error());
  return out;
}

TEST(Decoding, GivesBackWhatWasCompressedInAnyPieces) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919 % 1000);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1} << 20}) {
    EXPECT_EQ(*plain("gzip", compressed(text, kGzip), piece), text);
    EXPECT_EQ(*plain("X-GZIP", compressed(text, kGzip), piece), text);
    EXPECT_EQ(*plain("deflate", compressed(text, kZlib), piece), text);
    EXPECT_EQ(*plain("gzip", compressed(text, kGzip) + compressed("and more", kGzip), piece), text + "and more");
  }
  EXPECT_EQ(*plain("deflate", compressed(text, kBare), 1 << 20), text) << "some servers leave the header out";
  EXPECT_EQ(*plain("gzip", "", 1), "");
}

TEST(Decoding, CutsABombAndWhatIsBroken) {
  const auto bomb = compressed(std::string(std::size_t{64} << 20, '\0'), kGzip);
  const auto cut = plain("gzip", bomb, 4096, 100);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kTooLarge);
  const auto whole = compressed("some text that is long enough to be cut", kGzip);
  EXPECT_EQ(plain("gzip", std::string_view(whole).substr(0, whole.size() - 3), 5).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(plain("gzip", "this is no gzip at all", 5).error().code, ErrorCode::kInvalid);
  auto flipped = whole;
  flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);
  EXPECT_FALSE(plain("gzip", flipped, 5)) << "the checksum";
}

TEST(Decoding, KnowsItsCodingsAlone) {
  for (const char* other : {"br", "zstd", "identity", "gzip, gzip", "", "compress"}) EXPECT_EQ(Decoder::of(other, 100), nullptr) << other;
}

}  // namespace
}  // namespace interlock::http
