#include "gate/leasing.hpp"

#include <algorithm>

namespace interlock::gate {

namespace {

bool has_use(const model::ActionRequest& request, std::string_view credential) {
  return std::ranges::any_of(request.credentials, [&](const model::CredentialUse& use) { return use.name == credential; });
}

}  // namespace

std::vector<std::string> wanted_credentials(const model::ActionRequest& request, const model::Verdict& verdict) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  };
  for (const auto& name : verdict.credentials) {
    if (has_use(request, name)) add(name);
  }
  if (!out.empty()) return out;
  for (const auto& use : request.credentials) {
    if (!use.only_by_policy) add(use.name);
  }
  return out;
}

std::string_view unusable_credential(const model::ActionRequest& request, const model::Verdict& verdict) {
  for (const auto& name : verdict.credentials) {
    if (!has_use(request, name)) return name;
  }
  return {};
}

model::Receipt lease_receipt(const credential::LeaseEvent& event, UnixMs now_ms, std::string_view role) {
  using credential::LeaseChange;
  const auto& lease = event.lease;
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kLease;
  receipt.act = event.change == LeaseChange::kUsed ? std::string(event.act) : lease.id;
  receipt.at_ms = now_ms;
  receipt.subject = lease.subject;
  receipt.task = lease.task;
  receipt.surface = role;
  receipt.resource = model::text_of({"Credential", lease.credential});
  receipt.verdict = credential::lease_change_name(event.change);
  receipt.layer = model::layer_name(model::Layer::kCredential);
  receipt.band = lease.band;
  auto& detail = receipt.detail;
  detail["lease"] = lease.id;
  detail["credential"] = lease.credential;
  detail["broker"] = lease.broker;
  if (!event.reason.empty()) detail["reason"] = event.reason;
  switch (event.change) {
    case LeaseChange::kMinted:
    case LeaseChange::kRenewed:
      detail["act"] = lease.act;
      if (!lease.grant.empty()) detail["grant"] = lease.grant;
      detail["handle"] = lease.handle;
      detail["expires"] = rfc3339(lease.expires_ms);
      if (lease.shared) detail["shared"] = true;
      break;
    case LeaseChange::kUsed: break;
    case LeaseChange::kRevoked:
    case LeaseChange::kExpired:
      detail["handle"] = lease.handle;
      if (!event.means.empty()) detail["means"] = event.means;
      detail["uses"] = lease.uses;
      if (lease.attempts != 0) detail["attempts"] = lease.attempts;
      if (lease.ending_ms != 0) detail["took_ms"] = lease.ended_ms - lease.ending_ms;
      break;
    case LeaseChange::kFailed:
    case LeaseChange::kAlarm:
      detail["handle"] = lease.handle;
      if (lease.attempts != 0) detail["attempts"] = lease.attempts;
      detail["expires"] = rfc3339(lease.expires_ms);
      break;
  }
  return receipt;
}

}  // namespace interlock::gate
