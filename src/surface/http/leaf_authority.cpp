#include "surface/http/leaf_authority.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <list>
#include <unordered_map>

#include "base/json.hpp"
#include "net/resolver.hpp"

namespace interlock::http {
namespace {

constexpr std::string_view kBucket = "egress-authority";
constexpr std::string_view kKey = "authority";
constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kHourMs = 3'600 * kSecondMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::int64_t kAuthorityLifeMs = 3 * 365 * kDayMs;
constexpr std::int64_t kAuthorityRenewMs = 30 * kDayMs;  // before its end another is made
constexpr std::int64_t kLeafLifeMs = kDayMs;
constexpr std::int64_t kLeafRenewMs = kHourMs;
constexpr std::int64_t kBackdateMs = kHourMs;  // for clocks that are behind
constexpr std::size_t kSerialBytes = 16;
constexpr std::size_t kHostBytes = 253;
constexpr std::size_t kCommonNameBytes = 64;
constexpr int kTries = 5;

template <auto Free>
struct Release {
  template <typename T>
  void operator()(T* it) const {
    Free(it);
  }
};
using Certificate = std::unique_ptr<X509, Release<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
struct ReleaseBytes {
  void operator()(BIO* bytes) const { BIO_free_all(bytes); }
};
using Bytes = std::unique_ptr<BIO, ReleaseBytes>;

std::unexpected<Error> openssl_failed(const char* what) {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return fail(ErrorCode::kInternal, std::string(what) + ": " + (reason == nullptr ? "unknown OpenSSL error" : reason));
}

Key new_key() { return Key(EVP_EC_gen("P-256")); }

std::string text_of(BIO* bytes) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bytes, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}
std::string certificate_text(X509* certificate) {
  const Bytes out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_X509(out.get(), certificate) != 1) return {};
  return text_of(out.get());
}
// A secret.
std::string key_text(EVP_PKEY* key) {
  const Bytes out(BIO_new(BIO_s_secmem()));
  if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
  return text_of(out.get());
}

bool add(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7F) | 0x40);  // positive, of one length (RFC 5280 §4.1.2.2)
  const std::unique_ptr<BIGNUM, Release<BN_free>> number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_subject(X509* certificate, std::string_view common_name) {
  X509_NAME* const name = X509_get_subject_name(certificate);
  const auto put = [&](const char* field, std::string_view value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  return put("O", "Interlock") && (common_name.empty() || put("CN", common_name.substr(0, kCommonNameBytes)));
}

bool set_times(X509* certificate, UnixMs from_ms, UnixMs until_ms) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<std::time_t>(from_ms / kSecondMs)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<std::time_t>(until_ms / kSecondMs)) != nullptr;
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= kHostBytes && host.front() != '.' && host.front() != '-' &&
         host.find("..") == std::string_view::npos && std::ranges::all_of(host, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
         });
}

// "*.example.com" stands for every name below it; so does a DNS constraint (RFC 5280 §4.2.1.10), which holds the domain itself as well.
std::string_view constrained_domain(std::string_view host) { return host.starts_with("*.") ? host.substr(2) : host; }

std::string mask_text(bool v6) { return v6 ? "/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" : "/255.255.255.255"; }

// A constraint of one kind of name says nothing of the others: addresses are shut out where none is listed, and the other way around.
Result<std::string> name_constraints(const std::vector<std::string>& hosts) {
  std::string text = "critical";
  bool names = false;
  bool v4 = false;
  bool v6 = false;
  for (const auto& host : hosts) {
    if (const auto address = net::parse_address(host)) {
      text += ",permitted;IP:" + net::address_text(*address) + mask_text(address->v6);
      (address->v6 ? v6 : v4) = true;
    } else if (is_host_name(constrained_domain(host))) {
      text += ",permitted;DNS:" + std::string(constrained_domain(host));
      names = true;
    } else {
      return fail(ErrorCode::kInvalid, "the authority cannot be constrained to \"" + host + "\"", "name hosts, *.domains and addresses");
    }
  }
  if (!names) text += ",permitted;DNS:invalid";
  if (!v4) text += ",excluded;IP:0.0.0.0/0.0.0.0";
  if (!v6) text += ",excluded;IP:::/::";
  return text;
}

struct Authority {
  Certificate certificate;
  Key key;
  std::string pem;
  std::vector<std::string> only_hosts;
};

Result<Authority> make_authority(const std::vector<std::string>& only_hosts, UnixMs now_ms) {
  ERR_clear_error();
  Authority out{Certificate(X509_new()), new_key(), {}, only_hosts};
  X509* const made = out.certificate.get();
  std::string constraints;
  if (!only_hosts.empty()) {
    auto text = name_constraints(only_hosts);
    if (!text) return fail(std::move(text.error()));
    constraints = std::move(*text);
  }
  const bool done = made != nullptr && out.key && X509_set_version(made, X509_VERSION_3) == 1 && set_serial(made) &&
                    set_subject(made, "Interlock egress of this gate") && X509_set_issuer_name(made, X509_get_subject_name(made)) == 1 &&
                    set_times(made, now_ms - kBackdateMs, now_ms + kAuthorityLifeMs) && X509_set_pubkey(made, out.key.get()) == 1 &&
                    add(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add(made, made, NID_key_usage, "critical,keyCertSign,cRLSign") && add(made, made, NID_ext_key_usage, "serverAuth") &&
                    add(made, made, NID_subject_key_identifier, "hash") &&
                    (constraints.empty() || add(made, made, NID_name_constraints, constraints)) &&
                    X509_sign(made, out.key.get(), EVP_sha256()) > 0;
  if (!done) return openssl_failed("the egress authority cannot be made");
  out.pem = certificate_text(made);
  return out;
}

// A secret.
std::string record_text(const Authority& authority) {
  json::array hosts;
  for (const auto& host : authority.only_hosts) hosts.emplace_back(host);
  auto key = key_text(authority.key.get());
  auto text = json::write(json::object{{"certificate", authority.pem}, {"key", key}, {"only_hosts", std::move(hosts)}});
  store::wipe(key);
  return text;
}

Result<Authority> read_authority(std::string_view text) {
  const auto broken = [] {
    return fail(ErrorCode::kInvalid, "the egress authority in the state folder cannot be read",
                "restore the state folder; or remove the authority, and have agents trust the new one");
  };
  const auto parsed = json::parse(text);
  const auto* object = parsed ? parsed->if_object() : nullptr;
  if (object == nullptr) return broken();
  const auto pem = json::string_at(*object, "certificate");
  const auto key = json::string_at(*object, "key");
  const auto* hosts = json::find(*object, "only_hosts");
  if (!pem || !key || hosts == nullptr || hosts->if_array() == nullptr) return broken();
  Authority out;
  out.pem = *pem;
  const Bytes certificate(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  out.certificate.reset(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  const Bytes secret(BIO_new_mem_buf(key->data(), static_cast<int>(key->size())));
  out.key.reset(PEM_read_bio_PrivateKey(secret.get(), nullptr, nullptr, nullptr));
  for (const auto& host : hosts->get_array()) {
    if (!host.is_string()) return broken();
    out.only_hosts.emplace_back(host.get_string());
  }
  if (!out.certificate || !out.key || X509_check_private_key(out.certificate.get(), out.key.get()) != 1) return broken();
  return out;
}

bool ends_before(const X509* certificate, UnixMs at_ms) {
  auto at = static_cast<std::time_t>(at_ms / kSecondMs);
  return X509_cmp_time(X509_get0_notAfter(certificate), &at) <= 0;
}

}  // namespace

struct LeafAuthority::State {
  const Clock* clock = nullptr;
  Authority authority;
  Key leaf_key;  // of all leaves of this process: what they show is the host, and no handshake waits for a key
  std::string leaf_key_pem;

  struct Leaf {
    std::shared_ptr<net::TlsServer> server;
    UnixMs renew_ms = 0;
    std::list<std::string>::iterator place;
  };
  std::unordered_map<std::string, Leaf> leaves;  // by host, "2" before it where h2 is offered
  std::list<std::string> by_use;                 // the one used longest ago first

  ~State() { store::wipe(leaf_key_pem); }

  bool is_within(std::string_view host) const {
    if (authority.only_hosts.empty()) return true;
    return std::ranges::any_of(authority.only_hosts, [&](std::string_view allowed) {
      if (!allowed.starts_with("*.")) return host == allowed;
      return host.ends_with(allowed.substr(1)) && host.size() >= allowed.size();
    });
  }

  Result<std::string> make_leaf(const std::string& host) const {
    ERR_clear_error();
    const auto address = net::parse_address(host);
    const auto now_ms = clock->now_ms();
    Certificate certificate(X509_new());
    X509* const made = certificate.get();
    X509* const issuer = authority.certificate.get();
    const bool done =
        made != nullptr && X509_set_version(made, X509_VERSION_3) == 1 && set_serial(made) &&
        set_subject(made, address ? std::string_view() : std::string_view(host)) &&
        X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 && set_times(made, now_ms - kBackdateMs, now_ms + kLeafLifeMs) &&
        X509_set_pubkey(made, leaf_key.get()) == 1 && add(made, issuer, NID_subject_alt_name, (address ? "IP:" : "DNS:") + host) &&
        add(made, issuer, NID_basic_constraints, "critical,CA:FALSE") && add(made, issuer, NID_key_usage, "critical,digitalSignature") &&
        add(made, issuer, NID_ext_key_usage, "serverAuth") && add(made, issuer, NID_authority_key_identifier, "keyid:always") &&
        X509_sign(made, authority.key.get(), EVP_sha256()) > 0;
    if (!done) return openssl_failed("a certificate for the host cannot be made");
    return certificate_text(made);
  }

  void use(const std::string& key, std::shared_ptr<net::TlsServer> server) {
    if (leaves.size() >= kRememberedLeaves) {
      leaves.erase(by_use.front());
      by_use.pop_front();
    }
    by_use.push_back(key);
    leaves[key] = {std::move(server), clock->now_ms() + kLeafLifeMs - kLeafRenewMs, std::prev(by_use.end())};
  }
};

LeafAuthority::~LeafAuthority() = default;

Result<std::unique_ptr<LeafAuthority>> LeafAuthority::open(store::SealedStore& sealed, const Clock& clock,
                                                           std::vector<std::string> only_hosts) {
  std::unique_ptr<LeafAuthority> out(new LeafAuthority);
  out->state_ = std::make_unique<State>();
  auto& state = *out->state_;
  state.clock = &clock;
  std::ranges::sort(only_hosts);
  // Gates that share the state folder share it: whoever writes first has made it.
  for (int attempt = 0; attempt < kTries && !state.authority.certificate; ++attempt) {
    auto kept = sealed.get(kBucket, kKey);
    if (!kept) return fail(std::move(kept.error()));
    if (*kept) {
      auto known = read_authority((*kept)->value);
      store::wipe((*kept)->value);
      if (!known) return fail(std::move(known.error()));
      const bool fits = known->only_hosts == only_hosts && !ends_before(known->certificate.get(), clock.now_ms() + kAuthorityRenewMs);
      if (fits) {
        state.authority = std::move(*known);
        break;
      }
    }
    auto made = make_authority(only_hosts, clock.now_ms());
    if (!made) return fail(std::move(made.error()));
    auto text = record_text(*made);
    auto written = sealed.compare_and_set(kBucket, kKey, text, *kept ? (*kept)->revision : store::kAbsent);
    store::wipe(text);
    if (written) state.authority = std::move(*made);
    else if (written.error().code != ErrorCode::kConflict) return fail(std::move(written.error()));
  }
  if (!state.authority.certificate)
    return fail(ErrorCode::kConflict, "the egress authority is being changed by other gates",
                "give all gates of a state folder one list of hosts");
  state.leaf_key = new_key();
  if (!state.leaf_key) return openssl_failed("the key of leaf certificates cannot be made");
  state.leaf_key_pem = key_text(state.leaf_key.get());
  return out;
}

const std::string& LeafAuthority::certificate_pem() const { return state_->authority.pem; }

Result<std::shared_ptr<net::TlsServer>> LeafAuthority::server_for(const std::string& host, bool http2) {
  auto& state = *state_;
  const auto key = (http2 ? "2" : "1") + host;
  if (const auto it = state.leaves.find(key); it != state.leaves.end()) {
    if (state.clock->now_ms() < it->second.renew_ms) {
      state.by_use.splice(state.by_use.end(), state.by_use, it->second.place);
      return it->second.server;
    }
    state.by_use.erase(it->second.place);
    state.leaves.erase(it);
  }
  if (!net::parse_address(host) && !is_host_name(host))
    return fail(ErrorCode::kInvalid, "no certificate can name this host", "write the host's DNS name in lower case, or its address");
  if (!state.is_within(host))
    return fail(ErrorCode::kDenied, "the egress authority may not speak for " + host,
                "egress.only_hosts lists the hosts whose TLS is opened");
  auto leaf = state.make_leaf(host);
  if (!leaf) return fail(std::move(leaf.error()));
  auto server = net::TlsServer::create({.chain_pem = *leaf + state.authority.pem, .key_pem = state.leaf_key_pem},
                                       net::TlsServer::Options{.asks_for_certificate = false, .http2 = http2, .choose = {}});
  if (!server) return fail(std::move(server.error()));
  state.use(key, *server);
  return *server;
}

}  // namespace interlock::http
