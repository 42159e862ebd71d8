#include "surface/http/answer.hpp"

#include <openssl/evp.h>

namespace interlock::http {

Answer::Answer(std::shared_ptr<net::ServerStream> stream, std::shared_ptr<const SecretForms> forms, std::size_t decoded_ratio,
               bool keep_cookies)
    : stream_(std::move(stream)),
      forms_(std::move(forms)),
      ratio_(decoded_ratio),
      keep_cookies_(keep_cookies),
      hash_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  if (forms_ && !forms_->empty()) redactor_.emplace(forms_);
  if (hash_) EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr);
}

Answer::~Answer() = default;

std::string Answer::cleaned(std::string_view text) {
  Redactor redactor(forms_);
  std::string scratch;
  std::string out(redactor.feed(text, scratch));
  out += redactor.finish(scratch);
  hidden_in_heads_ += redactor.blotted();
  return out;
}

net::Headers Answer::cleaned(net::Headers headers) {
  if (!redactor_) return headers;
  net::Headers out;
  for (const auto& [name, value] : headers.all()) {
    if (!keep_cookies_ && net::equal_ignoring_case(name, "set-cookie")) continue;
    if (cleaned(name) != name) continue;  // no mark fits into a name
    out.add(name, cleaned(value));
  }
  return out;
}

Status Answer::head(int status, net::Headers headers, std::optional<std::uint64_t> length) {
  may_have_body_ = stream_->head().method != "HEAD" && status != 204 && status != 304 && length.value_or(1) != 0;
  length_ = length;
  if (redactor_ && may_have_body_) {
    const bool several = headers.count("content-encoding") > 1;
    if (const auto coding = headers.get("content-encoding"); coding && (several || !net::equal_ignoring_case(*coding, "identity"))) {
      if (!several) decoder_ = Decoder::of(*coding, ratio_);
      if (!decoder_) {
        return fail(ErrorCode::kUnsupported, "the answer is compressed in a way that cannot be searched for what was leased",
                    "ask for it uncompressed; the gate does so by itself, and this server does not heed it");
      }
      headers.remove("content-encoding");
    }
    // What is hidden changes the length, and what was signed or hashed of the body.
    length_.reset();
    headers.remove("content-md5");
    headers.remove("accept-ranges");
  }
  status_ = status;
  headers_ = cleaned(std::move(headers));
  if (may_have_body_) {
    stream_->answer(status_, std::move(headers_), length_);
    head_sent_ = true;
  }
  return {};
}

bool Answer::give(std::string_view plain) {
  if (plain.empty()) return true;
  if (hash_) EVP_DigestUpdate(hash_.get(), plain.data(), plain.size());
  bytes_ += plain.size();
  if (length_ && bytes_ >= *length_) {
    last_ = plain;
    return true;
  }
  return stream_->write(plain);
}

bool Answer::search_and_give(std::string_view plain) { return give(redactor_ ? redactor_->feed(plain, piece_) : plain); }

Result<bool> Answer::data(std::string_view bytes) {
  if (!decoder_) return search_and_give(bytes);
  bool goes_on = true;
  if (auto fed = decoder_->feed(bytes, [&](std::string_view plain) { goes_on = search_and_give(plain) && goes_on; }); !fed)
    return fail(std::move(fed.error()));
  return goes_on;
}

Status Answer::complete(net::Headers trailers) {
  if (decoder_)
    if (auto finished = decoder_->finish(); !finished) return finished;
  if (redactor_) (void)give(redactor_->finish(piece_));
  trailers_ = cleaned(std::move(trailers));
  return {};
}

void Answer::release() {
  if (!head_sent_) {
    stream_->answer(status_, std::move(headers_), length_);
    head_sent_ = true;
  }
  if (!last_.empty()) (void)stream_->write(last_);
  stream_->end(std::move(trailers_));
}

Digest Answer::digest() {
  Digest out{};
  unsigned size = 0;
  if (hash_) EVP_DigestFinal_ex(hash_.get(), out.data(), &size);
  return out;
}

std::size_t Answer::hidden() const { return hidden_in_heads_ + (redactor_ ? redactor_->blotted() : 0); }

}  // namespace interlock::http
