#include "spiffe/workload_messages.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <workload.pb.h>

#include <set>

#include "base/hash.hpp"
#include "jose/key.hpp"
#include "spiffe/certificate.hpp"
#include "store/sealed.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::string_view kKeyBegin = "-----BEGIN PRIVATE KEY-----";
constexpr std::string_view kKeyEnd = "-----END PRIVATE KEY-----";

std::string domain_id(std::string_view trust_domain) { return std::string(kScheme) + std::string(trust_domain); }

std::string joined(const std::vector<std::string>& ders) {
  std::string all;
  for (const auto& der : ders) all += der;
  return all;
}

// A JWK set as any JWT library reads it: without SPIFFE's own `use` (SPIFFE_Workload_API §6.2.2).
std::string key_set_text(const Bundle& bundle) {
  json::array keys;
  for (const auto& authority : bundle.jwt_authorities.keys()) {
    json::object key = authority.key.to_jwk();
    if (!authority.kid.empty()) key["kid"] = authority.kid;
    if (authority.algorithm) key["alg"] = jose::algorithm_name(*authority.algorithm);
    keys.push_back(std::move(key));
  }
  return json::write(json::object{{"keys", std::move(keys)}});
}

Result<std::string> key_der(std::string_view pem) {
  const auto begin = pem.find(kKeyBegin);
  const auto end = pem.find(kKeyEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos) return fail(ErrorCode::kInternal, "a key is not PKCS#8 in PEM");
  std::string text;
  for (const char c : pem.substr(begin + kKeyBegin.size(), end - begin - kKeyBegin.size())) {
    if (c != '\n') text.push_back(c);
  }
  auto der = base64_decode(text);
  store::wipe(text);
  if (!der) return fail(ErrorCode::kInternal, "a key is not PKCS#8 in PEM");
  return std::move(*der);
}

std::string key_pem(std::string_view der) {
  auto text = base64_encode(der);
  std::string pem;
  pem.reserve(kKeyBegin.size() + text.size() * 2 + kKeyEnd.size());
  pem.append(kKeyBegin).push_back('\n');
  constexpr std::size_t kLine = 64;
  for (std::size_t at = 0; at < text.size(); at += kLine) pem.append(text, at, kLine).push_back('\n');
  pem.append(kKeyEnd).push_back('\n');
  store::wipe(text);
  return pem;
}

std::unexpected<Error> bad_message(std::string_view what) {
  return fail(ErrorCode::kInvalid, "a message of the Workload API " + std::string(what));
}

template <typename Message>
Result<Message> parsed(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return bad_message("is not what its method takes");
  return message;
}

// The same content is the same bytes, so that it can be compared.
std::string serialized(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

// The trust domain that a bundle is keyed by: its SPIFFE ID.
Result<std::string> keyed_domain(std::string_view key) {
  if (key.starts_with(kScheme)) key.remove_prefix(kScheme.size());
  if (auto status = check_trust_domain(key); !status) return fail(std::move(status.error()));
  return std::string(key);
}

Result<Bundle> x509_bundle(std::string trust_domain, std::string_view ders) {
  auto authorities = split_certificates(ders, kBundleAuthorities);
  if (!authorities) return fail(std::move(authorities.error()));
  Bundle bundle;
  bundle.trust_domain = std::move(trust_domain);
  bundle.x509_authorities = std::move(*authorities);
  return bundle;
}

Result<X509Svid> read_svid(const ::X509SVID& sent) {
  if (sent.spiffe_id().empty() || sent.x509_svid().empty() || sent.x509_svid_key().empty() || sent.bundle().empty()) {
    return bad_message("lacks a mandatory field of an X.509-SVID");
  }
  auto id = SpiffeId::parse(sent.spiffe_id());
  if (!id) return fail(std::move(id.error()));
  auto chain = split_certificates(sent.x509_svid(), kChainCertificates);
  if (!chain) return fail(std::move(chain.error()));
  auto leaf = parse_certificate(chain->front());
  if (!leaf) return fail(std::move(leaf.error()));
  auto uris = uri_names(leaf->get());
  if (!uris) return fail(std::move(uris.error()));
  if (uris->size() != 1 || uris->front() != id->text()) return bad_message("has a certificate that is not of the SPIFFE ID it names");
  X509Svid svid{.id = std::move(*id),
                .chain_pem = {},
                .key_pem = key_pem(sent.x509_svid_key()),
                .expires_ms = not_after_ms(leaf->get()),
                .hint = sent.hint()};
  auto key = jose::PrivateKey::from_pem(svid.key_pem);
  const ErrorQueueGuard guard;
  if (!key || X509_check_private_key(leaf->get(), key->handle()) != 1) {
    store::wipe(svid.key_pem);
    return bad_message("has a key that is not its certificate's");
  }
  for (const auto& der : *chain) svid.chain_pem += certificate_to_pem(der);
  return svid;
}

void write_claim(::ClaimValue& out, const json::value& value);

void write_claims(::ClaimSet& out, const json::object& claims) {
  for (const auto& [name, value] : claims) write_claim((*out.mutable_fields())[std::string(name)], value);
}

// As deep as a token's claims go, which its parser bounds.
void write_claim(::ClaimValue& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: out.set_null_value(::CLAIM_NULL); break;
    case json::kind::bool_: out.set_bool_value(value.get_bool()); break;
    case json::kind::int64: out.set_number_value(static_cast<double>(value.get_int64())); break;
    case json::kind::uint64: out.set_number_value(static_cast<double>(value.get_uint64())); break;
    case json::kind::double_: out.set_number_value(value.get_double()); break;
    case json::kind::string: out.set_string_value(std::string(json::view(value.get_string()))); break;
    case json::kind::object: write_claims(*out.mutable_struct_value(), value.get_object()); break;
    case json::kind::array:
      for (const auto& element : value.get_array()) write_claim(*out.mutable_list_value()->add_values(), element);
      if (value.get_array().empty()) out.mutable_list_value();
      break;
  }
}

// Calls `add` with the own bundle, then with the others: the set may hold an older own one.
template <typename Add>
void for_each_bundle(const Bundle& own, const BundleSet& bundles, const Add& add) {
  add(own);
  for (const auto& [name, bundle] : bundles.all()) {
    if (name != own.trust_domain) add(bundle);
  }
}

}  // namespace

Result<std::string> x509_svids_message(const std::vector<X509Svid>& svids, const Bundle& own, const BundleSet& bundles) {
  ::X509SVIDResponse response;
  const auto authorities = joined(own.x509_authorities);
  for (const auto& svid : svids) {
    auto chain = certificates_from_pem(svid.chain_pem, kChainCertificates);
    if (!chain) return fail(std::move(chain.error()));
    auto key = key_der(svid.key_pem);
    if (!key) return fail(std::move(key.error()));
    auto* const out = response.add_svids();
    out->set_spiffe_id(svid.id.text());
    out->set_x509_svid(joined(*chain));
    out->set_x509_svid_key(*key);
    out->set_bundle(authorities);
    out->set_hint(svid.hint);
    store::wipe(*key);
  }
  for_each_bundle(own, bundles, [&](const Bundle& bundle) {
    if (&bundle == &own || bundle.x509_authorities.empty()) return;
    (*response.mutable_federated_bundles())[domain_id(bundle.trust_domain)] = joined(bundle.x509_authorities);
  });
  auto message = serialized(response);
  for (auto& svid : *response.mutable_svids()) store::wipe(*svid.mutable_x509_svid_key());
  return message;
}

std::string x509_bundles_message(const Bundle& own, const BundleSet& bundles) {
  ::X509BundlesResponse response;
  for_each_bundle(own, bundles, [&](const Bundle& bundle) {
    if (!bundle.x509_authorities.empty()) (*response.mutable_bundles())[domain_id(bundle.trust_domain)] = joined(bundle.x509_authorities);
  });
  return serialized(response);
}

std::string jwt_bundles_message(const Bundle& own, const BundleSet& bundles) {
  ::JWTBundlesResponse response;
  for_each_bundle(own, bundles, [&](const Bundle& bundle) {
    if (!bundle.jwt_authorities.keys().empty()) (*response.mutable_bundles())[domain_id(bundle.trust_domain)] = key_set_text(bundle);
  });
  return serialized(response);
}

std::string jwt_svids_message(const std::vector<std::pair<std::string, std::string>>& ids_and_tokens) {
  ::JWTSVIDResponse response;
  for (const auto& [id, token] : ids_and_tokens) {
    auto* const svid = response.add_svids();
    svid->set_spiffe_id(id);
    svid->set_svid(token);
  }
  return serialized(response);
}

std::string validated_message(std::string_view id, const json::object& claims) {
  ::ValidateJWTSVIDResponse response;
  response.set_spiffe_id(std::string(id));
  write_claims(*response.mutable_claims(), claims);
  return serialized(response);
}

Result<JwtSvidQuestion> read_jwt_svid_question(std::string_view message) {
  auto request = parsed<::JWTSVIDRequest>(message);
  if (!request) return fail(std::move(request.error()));
  if (request->audience().empty()) return bad_message("asks for a JWT-SVID without an audience");
  return JwtSvidQuestion{{request->audience().begin(), request->audience().end()}, request->spiffe_id()};
}

Result<ValidateQuestion> read_validate_question(std::string_view message) {
  auto request = parsed<::ValidateJWTSVIDRequest>(message);
  if (!request) return fail(std::move(request.error()));
  if (request->audience().empty() || request->svid().empty()) return bad_message("lacks the audience or the token to validate");
  return ValidateQuestion{request->audience(), request->svid()};
}

std::string jwt_svid_question(const std::vector<std::string>& audiences) {
  ::JWTSVIDRequest request;
  for (const auto& audience : audiences) request.add_audience(audience);
  return serialized(request);
}

Result<X509Answer> read_x509_svids(std::string_view message) {
  auto response = parsed<::X509SVIDResponse>(message);
  if (!response) return fail(std::move(response.error()));
  if (response->svids().empty()) return bad_message("has no X.509-SVID");
  if (static_cast<std::size_t>(response->svids_size()) > kWorkloadSvids || response->federated_bundles().size() > kWorkloadBundles) {
    return fail(ErrorCode::kTooLarge, "a message of the Workload API has too many SVIDs or bundles");
  }
  X509Answer answer;
  std::set<std::string, std::less<>> domains;
  const auto take_bundle = [&](std::string trust_domain, std::string_view ders) -> Status {
    if (!domains.insert(trust_domain).second) return {};
    auto bundle = x509_bundle(std::move(trust_domain), ders);
    if (!bundle) return fail(std::move(bundle.error()));
    answer.bundles.push_back(std::move(*bundle));
    return {};
  };
  for (auto& sent : *response->mutable_svids()) {
    auto svid = read_svid(sent);
    store::wipe(*sent.mutable_x509_svid_key());
    if (!svid) return fail(std::move(svid.error()));
    if (auto status = take_bundle(std::string(svid->id.trust_domain()), sent.bundle()); !status) return fail(std::move(status.error()));
    answer.svids.push_back(std::move(*svid));
  }
  for (const auto& [key, ders] : response->federated_bundles()) {
    auto trust_domain = keyed_domain(key);
    if (!trust_domain) return fail(std::move(trust_domain.error()));
    if (auto status = take_bundle(std::move(*trust_domain), ders); !status) return fail(std::move(status.error()));
  }
  return answer;
}

Result<std::vector<Bundle>> read_jwt_bundles(std::string_view message) {
  auto response = parsed<::JWTBundlesResponse>(message);
  if (!response) return fail(std::move(response.error()));
  if (response->bundles().empty()) return bad_message("has no JWT bundle");
  if (response->bundles().size() > kWorkloadBundles)
    return fail(ErrorCode::kTooLarge, "a message of the Workload API has too many bundles");
  std::vector<Bundle> bundles;
  for (const auto& [key, text] : response->bundles()) {
    auto trust_domain = keyed_domain(key);
    if (!trust_domain) return fail(std::move(trust_domain.error()));
    auto keys = jose::KeySet::parse(text);
    if (!keys) return fail(std::move(keys.error()));
    Bundle bundle;
    bundle.trust_domain = std::move(*trust_domain);
    bundle.jwt_authorities = std::move(*keys);
    bundles.push_back(std::move(bundle));
  }
  return bundles;
}

Result<std::string> read_jwt_svid(std::string_view message) {
  auto response = parsed<::JWTSVIDResponse>(message);
  if (!response) return fail(std::move(response.error()));
  if (response->svids().empty() || response->svids(0).svid().empty()) return bad_message("has no JWT-SVID");
  return response->svids(0).svid();
}

}  // namespace interlock::spiffe
