// What well-known issuers say of their workloads, as their documentation has it in 2026.
#include <algorithm>
#include <initializer_list>

#include "identity/issuers.hpp"

namespace interlock::identity {
namespace {

constexpr std::string_view kGithub = "https://token.actions.githubusercontent.com";
constexpr std::string_view kGitlab = "https://gitlab.com";
constexpr std::string_view kEntraBeginning = "https://login.microsoftonline.com/";

using Pair = std::pair<const char*, const char*>;

void add_attributes(IssuerConfig& config, std::initializer_list<Pair> attributes) {
  for (const auto& [name, path] : attributes) config.attributes.emplace(name, path);
}

bool restricts(const IssuerConfig& config, std::initializer_list<std::string_view> claims) {
  return std::any_of(claims.begin(), claims.end(), [&](std::string_view claim) {
    const auto found = config.claims.find(std::string(claim));
    return found != config.claims.end() && !found->second.empty() &&
           std::none_of(found->second.begin(), found->second.end(), [](const std::string& value) { return value == "*"; });
  });
}

std::string without_scheme(std::string_view issuer) {
  const auto scheme = issuer.find("://");
  return std::string(scheme == std::string_view::npos ? issuer : issuer.substr(scheme + 3));
}

Status need_issuer(const IssuerConfig& config, std::string_view preset, std::string_view example) {
  if (!config.issuer.empty()) return {};
  return fail(ErrorCode::kInvalid, "preset " + std::string(preset) + " needs `issuer`: each customer has one of its own",
              "write `issuer: " + std::string(example) + "`");
}

// Tokens of these issuers name no resource by themselves: whoever gets one chooses its audience.
Status need_audience(const IssuerConfig& config, std::string_view preset, std::string_view how) {
  if (!config.audiences.empty()) return {};
  return fail(ErrorCode::kInvalid, "preset " + std::string(preset) + " needs `audiences`", std::string(how));
}

// docs.github.com/actions/reference/security/oidc. `sub` can be changed by whoever administers the organization: the id is made of
// `repository`, which cannot.
Status github(IssuerConfig& config) {
  if (config.issuer.empty()) config.issuer = kGithub;
  if (config.subject.empty()) {
    config.subject = config.issuer == kGithub ? "github/{repository}" : "github@" + without_scheme(config.issuer) + "/{repository}";
  }
  add_attributes(config, {{"repository", "repository"},
                          {"repository_id", "repository_id"},
                          {"repository_owner", "repository_owner"},
                          {"repository_visibility", "repository_visibility"},
                          {"ref", "ref"},
                          {"ref_type", "ref_type"},
                          {"ref_protected", "ref_protected"},
                          {"environment", "environment"},
                          {"event_name", "event_name"},
                          {"actor", "actor"},
                          {"workflow_ref", "workflow_ref"},
                          {"job_workflow_ref", "job_workflow_ref"},
                          {"runner_environment", "runner_environment"},
                          {"run_id", "run_id"},
                          {"sha", "sha"}});
  if (config.issuer == kGithub && !restricts(config, {"repository_owner", "repository_owner_id", "repository", "repository_id",
                                                      "enterprise", "enterprise_id", "job_workflow_ref"})) {
    return fail(ErrorCode::kInvalid, "preset github without `claims` lets every repository of github.com in",
                "name yours: claims: { repository_owner: [your-organization] }");
  }
  return {};
}

// docs.gitlab.com/ci/secrets/id_token_authentication. Its booleans are texts.
Status gitlab(IssuerConfig& config) {
  if (config.issuer.empty()) config.issuer = kGitlab;
  if (config.subject.empty()) {
    config.subject = config.issuer == kGitlab ? "gitlab/{project_path}" : "gitlab@" + without_scheme(config.issuer) + "/{project_path}";
  }
  add_attributes(config, {{"project_path", "project_path"},
                          {"project_id", "project_id"},
                          {"namespace_path", "namespace_path"},
                          {"ref", "ref"},
                          {"ref_type", "ref_type"},
                          {"ref_protected", "ref_protected"},
                          {"environment", "environment"},
                          {"environment_protected", "environment_protected"},
                          {"pipeline_source", "pipeline_source"},
                          {"pipeline_id", "pipeline_id"},
                          {"job_id", "job_id"},
                          {"user_login", "user_login"},
                          {"runner_environment", "runner_environment"},
                          {"ci_config_ref_uri", "ci_config_ref_uri"},
                          {"sha", "sha"}});
  if (config.issuer == kGitlab && !restricts(config, {"project_path", "project_id", "namespace_path", "namespace_id"})) {
    return fail(ErrorCode::kInvalid, "preset gitlab without `claims` lets every project of gitlab.com in",
                "name yours: claims: { namespace_path: [your-group] }");
  }
  return {};
}

// kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin: bound tokens. Names of namespaces and service accounts are
// DNS names, so that a '/' between them is no part of either.
Status kubernetes(IssuerConfig& config) {
  if (auto status = need_issuer(config, "kubernetes", "https://kubernetes.default.svc.cluster.local"); !status) return status;
  if (auto status = need_audience(config, "kubernetes", "ask for a projected token with `audience`, and write the same here"); !status) {
    return status;
  }
  if (config.subject.empty()) {
    config.subject = "kubernetes/" + without_scheme(config.issuer) + "/{kubernetes.io.namespace}/{kubernetes.io.serviceaccount.name}";
  }
  add_attributes(config, {{"namespace", "kubernetes.io.namespace"},
                          {"service_account", "kubernetes.io.serviceaccount.name"},
                          {"service_account_uid", "kubernetes.io.serviceaccount.uid"},
                          {"pod", "kubernetes.io.pod.name"},
                          {"pod_uid", "kubernetes.io.pod.uid"},
                          {"node", "kubernetes.io.node.name"}});
  return {};
}

// learn.microsoft.com/entra/identity-platform/access-token-claims-reference: `scp` is there in tokens that stand for a user and in no
// others; `oid` is the service principal, which never changes; version 1.0 tokens come from another issuer.
Status entra(IssuerConfig& config) {
  if (auto status = need_issuer(config, "entra", "https://login.microsoftonline.com/TENANT/v2.0"); !status) return status;
  if (auto status = need_audience(config, "entra", "write the application (client) ID of the gate's app registration"); !status) {
    return status;
  }
  if (config.issuer.starts_with(kEntraBeginning)) {
    const auto rest = std::string_view(config.issuer).substr(kEntraBeginning.size());
    const auto tenant = rest.substr(0, rest.find('/'));
    for (const std::string_view shared : {"common", "organizations", "consumers"}) {
      if (tenant == shared) {
        return fail(ErrorCode::kInvalid, "the issuer \"" + config.issuer + "\" is that of no tenant, and no token names it",
                    "write your tenant's id in place of \"" + std::string(shared) + "\"");
      }
    }
    config.claims.emplace("tid", std::vector<std::string>{std::string(tenant)});
  }
  config.claims.emplace("ver", std::vector<std::string>{"2.0"});
  if (config.subject.empty()) config.subject = "entra/{tid}/{oid}";
  if (config.human_claims.empty()) config.human_claims = {"scp"};
  add_attributes(
      config, {{"tenant", "tid"}, {"object", "oid"}, {"client", "azp"}, {"client_auth", "azpacr"}, {"idtyp", "idtyp"}, {"roles", "roles"}});
  return {};
}

// developer.okta.com/docs/reference/api/oidc: `uid` is there in tokens that stand for a user; of a service app `sub` is its `cid`.
Status okta(IssuerConfig& config) {
  if (auto status = need_issuer(config, "okta", "https://YOUR-DOMAIN.okta.com/oauth2/default"); !status) return status;
  if (auto status = need_audience(config, "okta", "write the audience of the authorization server, as in [api://default]"); !status) {
    return status;
  }
  if (config.subject.empty()) config.subject = "okta/" + without_scheme(config.issuer) + "/{sub}";
  if (config.human_claims.empty()) config.human_claims = {"uid"};
  add_attributes(config, {{"client", "cid"}, {"user", "uid"}, {"groups", "groups"}});
  return {};
}

}  // namespace

Status apply_issuer_preset(std::string_view preset, IssuerConfig& config) {
  if (preset == "github") return github(config);
  if (preset == "gitlab") return gitlab(config);
  if (preset == "kubernetes") return kubernetes(config);
  if (preset == "entra") return entra(config);
  if (preset == "okta") return okta(config);
  return fail(ErrorCode::kNotFound, "there is no issuer preset \"" + std::string(preset) + "\"",
              "the presets are github, gitlab, kubernetes, entra and okta");
}

}  // namespace interlock::identity
