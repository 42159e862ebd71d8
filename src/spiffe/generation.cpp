#include "spiffe/generation.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "spiffe/issue.hpp"
#include "store/sealed.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::size_t kGenerations = 8;
constexpr std::int64_t kRecordVersion = 1;
constexpr std::int64_t kClockSkewMs = 60'000;  // certificates begin this much in the past, and ends are believed this much later

std::unexpected<Error> bad_record(std::string_view what) {
  return fail(ErrorCode::kInvalid, "the authority's record " + std::string(what),
              "restore the store from a copy; new keys would end all trust in the old");
}

Result<Generation> make_generation(std::string_view trust_domain, UnixMs signs_from_ms, UnixMs end_ms, UnixMs now_ms) {
  auto x509_key = jose::PrivateKey::generate(jose::Algorithm::kEs256);
  if (!x509_key) return fail(std::move(x509_key.error()));
  auto jwt_key = jose::PrivateKey::generate(jose::Algorithm::kEs256);
  if (!jwt_key) return fail(std::move(jwt_key.error()));
  auto certificate = make_certificate({.key = x509_key->handle(),
                                       .issuer_key = x509_key->handle(),
                                       .uri = "spiffe://" + std::string(trust_domain),
                                       .names = {},
                                       .is_authority = true,
                                       .not_before_ms = now_ms - kClockSkewMs,
                                       .not_after_ms = end_ms});
  if (!certificate) return fail(std::move(certificate.error()));
  auto kid = jwt_key->public_key().thumbprint();
  const auto ends_ms = not_after_ms(certificate->get());
  return Generation{
      std::move(*x509_key), std::shared_ptr<X509>(std::move(*certificate)), std::move(*jwt_key), std::move(kid), signs_from_ms, ends_ms};
}

// Takes one PEM block off the front of `text`.
std::string_view take_pem(std::string_view& text) {
  constexpr std::string_view kEnd = "-----END PRIVATE KEY-----\n";
  const auto end = text.find(kEnd);
  const auto size = end == std::string_view::npos ? text.size() : end + kEnd.size();
  const auto block = text.substr(0, size);
  text.remove_prefix(size);
  return block;
}

Result<Generation> read_generation(const json::value& entry, std::string_view& keys) {
  const auto* const object = entry.if_object();
  const ErrorQueueGuard guard;
  if (object == nullptr) return bad_record("has a generation that is no object");
  const auto signs_from_ms = json::int_at(*object, "signs_from_ms");
  const auto der = base64_decode(json::string_at(*object, "certificate").value_or(""));
  if (!signs_from_ms || !der) return bad_record("lacks a generation's times or certificate");
  auto certificate = parse_certificate(*der);
  if (!certificate) return fail(std::move(certificate.error()));
  auto x509_key = jose::PrivateKey::from_pem(take_pem(keys));
  if (!x509_key) return fail(std::move(x509_key.error()));
  auto jwt_key = jose::PrivateKey::from_pem(take_pem(keys));
  if (!jwt_key) return fail(std::move(jwt_key.error()));
  if (!is_authority(certificate->get()) || X509_check_private_key(certificate->get(), x509_key->handle()) != 1) {
    return bad_record("has a key that is not its certificate's");
  }
  auto kid = jwt_key->public_key().thumbprint();
  const auto ends_ms = not_after_ms(certificate->get());
  return Generation{
      std::move(*x509_key), std::shared_ptr<X509>(std::move(*certificate)), std::move(*jwt_key), std::move(kid), *signs_from_ms, ends_ms};
}

}  // namespace

// A line of JSON with what is public, then the private keys as PEM, so that no parser of documents makes copies of secrets.
Result<std::string> record_text(const AuthorityRecord& record) {
  json::array generations;
  std::string keys;
  for (const auto& generation : record.generations) {
    generations.push_back(json::object{{"signs_from_ms", generation.signs_from_ms},
                                       {"certificate", base64_encode(certificate_to_der(generation.certificate.get()))}});
    for (const auto* key : {&generation.x509_key, &generation.jwt_key}) {
      auto pem = key->to_pem();
      if (pem.empty()) return fail(ErrorCode::kInternal, "a key of the authority could not be written");
      keys.reserve(keys.size() + pem.size());
      keys += pem;
      store::wipe(pem);
    }
  }
  const json::object head{{"version", kRecordVersion}, {"sequence", record.sequence}, {"generations", std::move(generations)}};
  auto line = json::write(head) + "\n";
  std::string text;
  text.reserve(line.size() + keys.size());
  text += line;
  text += keys;
  store::wipe(keys);
  return text;
}

Result<AuthorityRecord> read_record(std::string_view text) {
  const auto line_end = text.find('\n');
  auto head = json::parse(text.substr(0, line_end));
  const auto* const object = head ? head->if_object() : nullptr;
  if (line_end == std::string_view::npos || object == nullptr) return bad_record("cannot be read");
  if (json::int_at(*object, "version") != kRecordVersion) return bad_record("is of another version");
  const auto sequence = json::int_at(*object, "sequence");
  const auto* const generations = json::array_at(*object, "generations");
  if (!sequence || *sequence < 0 || generations == nullptr || generations->size() > kGenerations) return bad_record("cannot be read");
  AuthorityRecord record;
  record.sequence = static_cast<std::uint64_t>(*sequence);
  auto keys = text.substr(line_end + 1);
  for (const auto& entry : *generations) {
    auto generation = read_generation(entry, keys);
    if (!generation) return fail(std::move(generation.error()));
    record.generations.push_back(std::move(*generation));
  }
  return record;
}

Result<bool> rotate(AuthorityRecord& record, std::string_view trust_domain, std::int64_t life_ms, UnixMs now_ms) {
  auto& all = record.generations;
  bool changed = std::erase_if(all, [&](const Generation& g) { return g.not_after_ms + kClockSkewMs <= now_ms; }) > 0;
  std::optional<UnixMs> next_signs_ms;
  if (all.empty() || all.back().not_after_ms <= now_ms) {
    next_signs_ms = now_ms;
  } else if (const auto& newest = all.back(); newest.signs_from_ms <= now_ms && newest.not_after_ms - now_ms <= life_ms / 2) {
    // After a long pause the last quarter may have begun: the successor is published first all the same, as far as there is time.
    next_signs_ms = std::min(std::max(newest.not_after_ms - life_ms / 4, now_ms + kPublishedMs), newest.not_after_ms);
  }
  if (next_signs_ms) {
    if (all.size() >= kGenerations) return fail(ErrorCode::kInternal, "the authority has too many generations of keys");
    auto next = make_generation(trust_domain, *next_signs_ms, *next_signs_ms + life_ms, now_ms);
    if (!next) return fail(std::move(next.error()));
    all.push_back(std::move(*next));
    changed = true;
  }
  if (changed) ++record.sequence;
  return changed;
}

const Generation* signing(const AuthorityRecord& record, UnixMs now_ms) {
  const Generation* found = nullptr;
  for (const auto& generation : record.generations) {
    if (generation.not_after_ms <= now_ms) continue;
    // Where a clock went back before all of them, the oldest is the best known.
    if (found == nullptr || generation.signs_from_ms <= now_ms) found = &generation;
  }
  return found;
}

}  // namespace interlock::spiffe
