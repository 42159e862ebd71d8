#include "surface/mcp/server_credentials.hpp"

#include <algorithm>

#include "credential/sigv4.hpp"
#include "store/sealed.hpp"

namespace interlock::mcp {
namespace {

using Where = credential::Placement::Where;

constexpr std::string_view kPublicField = "username";

std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) out += c;
    else out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  return out;
}

Status sign(net::HttpClientRequest& request, const credential::Placement& placement, const credential::Lease& lease, UnixMs now_ms) {
  const bool is_default = request.url.port == (request.url.scheme == "https" ? 443 : 80);
  const auto host = request.url.host.find(':') == std::string::npos ? request.url.host : "[" + request.url.host + "]";
  request.headers.set("Host", is_default ? host : host + ":" + std::to_string(request.url.port));
  auto signed_head = credential::sign({.access_key_id = lease.field("access_key_id"),
                                       .secret_access_key = lease.field("secret_access_key"),
                                       .session_token = lease.field("session_token"),
                                       .region = placement.region,
                                       .service = placement.service},
                                      request.method, request.url.target, request.headers, credential::payload_hash(request.body), now_ms);
  request.headers.remove("Host");  // the client writes it
  return signed_head;
}

}  // namespace

std::vector<model::CredentialUse> ServerCredentials::uses(const std::vector<credential::Placement>& placements) {
  std::vector<model::CredentialUse> out;
  for (const auto& placement : placements) {
    const auto same = std::ranges::find(out, placement.credential, &model::CredentialUse::name);
    if (same == out.end()) out.push_back({placement.credential, placement.only_by_policy});
    else same->only_by_policy = same->only_by_policy && placement.only_by_policy;
  }
  return out;
}

void ServerCredentials::keep(Leases leases) { own_ = std::move(leases); }

bool ServerCredentials::is_alive() const {
  return std::ranges::all_of(own_, [](const auto& lease) { return lease->alive(); });
}

const credential::Lease* ServerCredentials::find(const Leases& leases, std::string_view credential) const {
  for (const auto& lease : leases) {
    if (lease->record().credential == credential) return lease.get();
  }
  return nullptr;
}

void ServerCredentials::remember(const Leases& leases) {
  bool is_new = false;
  for (const auto& lease : leases) {
    const auto& id = lease->record().id;
    if (std::ranges::find(lent_, id, &Lent::lease) != lent_.end()) continue;
    is_new = true;
    Lent one{.lease = id, .alive = lease, .lasting = {}};
    if (lease->record().broker == "static") {
      for (const auto name : lease->field_names()) {
        if (name != kPublicField) one.lasting.emplace_back(lease->field(name));
      }
    }
    lent_.push_back(std::move(one));
  }
  if (!is_new) return;
  std::erase_if(lent_, [](const Lent& one) { return one.lasting.empty() && !one.alive->alive(); });
  if (lent_.size() > kRemembered) lent_.erase(lent_.begin(), lent_.end() - kRemembered);
  echoes_ = {};
  for (const auto& one : lent_) {
    for (const auto& value : one.lasting) echoes_.add(value.view());
    for (const auto name : one.alive->field_names()) {
      if (name != kPublicField) echoes_.add(one.alive->field(name));
    }
  }
}

Status ServerCredentials::lend(net::HttpClientRequest& request, const Leases& leases, UnixMs now_ms) {
  const auto& from = leases.empty() ? own_ : leases;
  remember(from);
  const credential::Placement* signature = nullptr;
  for (const auto& placement : placements_) {
    const auto* lease = find(from, placement.credential);
    if (lease == nullptr) continue;
    if (!lease->alive()) return fail(ErrorCode::kExpired, "the lease of " + placement.credential + " has ended", "call again");
    if (placement.where == Where::kSigV4) {
      signature = &placement;  // last: it covers the others
      continue;
    }
    auto text = credential::fill_template(placement.text, *lease);
    if (!text) return fail(std::move(text.error()));
    if (text->find_first_of("\r\n") != std::string::npos && placement.where == Where::kHeader) {
      store::wipe(*text);
      return fail(ErrorCode::kInvalid, "the credential " + placement.credential + " has several lines, and goes to a header",
                  "place a field that is one line");
    }
    if (placement.where == Where::kHeader) request.headers.set(placement.name, *text);
    if (placement.where == Where::kQuery) {
      request.url.target +=
          (request.url.target.find('?') == std::string::npos ? "?" : "&") + escaped(placement.name) + "=" + escaped(*text);
    }
    store::wipe(*text);
  }
  return signature == nullptr ? Status() : sign(request, *signature, *find(from, signature->credential), now_ms);
}

Result<std::vector<net::LentText>> ServerCredentials::for_process() {
  remember(own_);
  std::vector<net::LentText> out;
  for (const auto& placement : placements_) {
    const auto* lease = find(own_, placement.credential);
    if (lease == nullptr) continue;
    auto text = credential::fill_template(placement.text, *lease);
    if (!text) {
      for (auto& one : out) store::wipe(one.text);
      return fail(std::move(text.error()));
    }
    const auto way = placement.where == Where::kDescriptor ? net::LentText::Way::kDescriptor
                     : placement.where == Where::kFile     ? net::LentText::Way::kFile
                                                           : net::LentText::Way::kEnvironment;
    out.push_back({.way = way, .name = placement.name, .text = std::move(*text)});
  }
  return out;
}

}  // namespace interlock::mcp
