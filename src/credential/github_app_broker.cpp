// Source: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App" and REST "Create an installation access token for an app",
// "Revoke an installation access token" (API version 2022-11-28).
#include "credential/github_app_broker.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "credential/broker_calls.hpp"
#include "credential/broker_settings.hpp"
#include "jose/token.hpp"
#include "oauth/token_request.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kGithub = "GitHub";
constexpr std::string_view kDefaultApi = "https://api.github.com";
constexpr std::string_view kApiVersion = "2022-11-28";
constexpr std::string_view kUserAgent = "interlock";  // GitHub refuses requests without one
constexpr std::size_t kRepositories = 500;            // that GitHub takes in one token
constexpr std::size_t kTokenBytes = 4096;
constexpr std::int64_t kAppTokenBack_s = 60;      // GitHub's advice, against clocks that differ
constexpr std::int64_t kAppTokenLife_s = 9 * 60;  // GitHub takes up to ten minutes from now
constexpr std::int64_t kTokenLife_ms = 3'600'000;
constexpr std::array<std::string_view, 2> kWriteOnly{"workflows", "profile"};  // permissions that GitHub gives for writing alone
constexpr std::int64_t kMint_ms = 60'000;                                      // between the plan and GitHub's own clock reading, at most

// GitHub's names know no case.
std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

std::string_view owner_of(std::string_view repository) { return repository.substr(0, repository.find('/')); }
std::string_view name_of(std::string_view repository) { return repository.substr(repository.find('/') + 1); }

bool is_repository(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size() || text.find('/', slash + 1) != std::string_view::npos)
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

int strength(std::string_view access) { return access == "read" ? 1 : access == "write" ? 2 : access == "admin" ? 3 : 0; }

// What becomes part of a path of the API.
bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 20 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class GithubAppBroker final : public Broker {
 public:
  GithubAppBroker(const BrokerParts& parts, std::string credential, BrokerSettings& settings)
      : calls_(*parts.loop, *parts.http), clock_(*parts.clock), vault_(*parts.vault), credential_(std::move(credential)) {
    app_id_ = number_or_text(settings, "app_id", "write the client ID (or app ID) of the GitHub App");
    installation_id_ = number_or_text(settings, "installation_id", "write the number at the end of the installation's address");
    if (!installation_id_.empty() && !is_number(installation_id_))
      settings.complain("installation_id", "is no number", "write the number at the end of the installation's address");
    private_key_secret_ = settings.needed_text("private_key_secret", "name the secret that holds the app's private key (PEM)");
    api_ = settings.text("api", kDefaultApi);
    while (api_.ends_with('/')) api_.pop_back();
    if (const auto right = oauth::check_endpoint(api_); !right)
      settings.complain("api", "is refused: " + right.error().message, right.error().hint);
    read_repositories(settings);
    read_permissions(settings);
  }

  std::string_view kind() const override { return "github_app"; }
  std::string_view revocation_means() const override { return "the installation token is revoked at GitHub"; }
  bool can_revoke() const override { return true; }

  Result<Plan> plan(const MintOrder& order) const override {
    auto repositories = repositories_for(order.act);
    if (!repositories) return fail(std::move(repositories.error()));
    json::array names;
    for (const auto& repository : *repositories) names.emplace_back(repository);
    Plan out;
    out.handle = {{"server", api_}, {"app", app_id_}, {"installation", installation_id_}, {"repositories", std::move(names)}};
    out.handle["permissions"] = permissions_for(order.act);
    out.grant = json::write_canonical(out.handle);
    out.expires_ms = order.now_ms + kMint_ms + kTokenLife_ms;
    out.handle["ends_ms"] = out.expires_ms;
    return out;
  }

  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    auto app_token = make_app_token();
    if (!app_token)
      return calls_.later([done = std::move(done), error = nothing_made(std::move(app_token.error()))] { done(fail(error)); });
    json::array names;
    if (const auto* repositories = json::array_at(plan.handle, "repositories"))
      for (const auto& repository : *repositories) names.emplace_back(name_of(json::view(repository.get_string())));
    const json::object body{{"repositories", std::move(names)}, {"permissions", plan.handle.at("permissions")}};
    net::HttpClientRequest request{
        .method = "POST", .url = {}, .headers = headers(*app_token), .body = json::write(body), .may_repeat = false};
    request.headers.add("Content-Type", "application/json");
    calls_.send(api_ + "/app/installations/" + installation_id_ + "/access_tokens", std::move(request),
                [this, plan, until_ms = order.expires_ms, done = std::move(done)](Result<oauth::Fetched> fetched) {
                  if (!fetched) return done(fail(unminted(std::move(fetched.error()))));
                  take(plan, until_ms, *fetched, done);
                });
  }

  void revoke(const Revocation& what, std::function<void(Status)> done) override {
    const auto known = check_revocation(what);
    if (!known || what.revocation.empty()) return calls_.later([done = std::move(done), known] { done(known); });
    revoke_token(what.revocation, std::move(done));
  }

 private:
  static std::string number_or_text(BrokerSettings& settings, std::string_view key, std::string_view hint) {
    const auto* written = settings.value(key);
    if (written != nullptr && written->is_int64()) return std::to_string(written->get_int64());
    return settings.needed_text(key, hint);
  }

  void read_repositories(BrokerSettings& settings) {
    constexpr std::string_view kHint = "write [ owner/name, owner/other ]";
    std::set<std::string> seen;
    for (auto& repository : settings.texts("repositories")) {
      if (!is_repository(repository)) settings.complain("repositories", "has " + repository + ", which is no repository", kHint);
      if (seen.insert(folded(repository)).second) repositories_.push_back(folded(repository));
    }
    if (repositories_.empty()) return settings.complain("repositories", "is missing or empty: the token would be for all of them", kHint);
    if (repositories_.size() > kRepositories) settings.complain("repositories", "are too many", "GitHub takes 500 in one token");
    for (const auto& repository : repositories_)
      if (owner_of(repository) != owner_of(repositories_.front()))
        settings.complain("repositories", "are of several owners", "an installation has one owner: write a credential for each");
    std::sort(repositories_.begin(), repositories_.end());
  }

  void read_permissions(BrokerSettings& settings) {
    constexpr std::string_view kHint = "write { contents: write, issues: read }";
    const auto* written = settings.value("permissions");
    const auto* members = written == nullptr ? nullptr : written->if_object();
    if (members == nullptr || members->empty())
      return settings.complain("permissions", "are missing: the token could do all that the app can", kHint);
    for (const auto& member : *members) {
      const auto* access = member.value().if_string();
      if (access == nullptr || strength(json::view(*access)) == 0)
        return settings.complain("permissions", "has an access that GitHub does not know", "each is read, write or admin");
      permissions_.emplace(member.key(), *access);
    }
  }

  // The repositories that the act names; all that are configured where it names none.
  Result<std::vector<std::string>> repositories_for(const model::Classification* act) const {
    std::set<std::string> named;
    if (act != nullptr) {
      const auto look = [&](const model::EntityName& entity) {
        if (entity.type == "Repo") named.insert(folded(entity.id));
      };
      look(act->resource);
      for (const auto& container : act->containers) look(container);
      for (const auto& further : act->further_resources) {
        look(further.resource);
        for (const auto& container : further.containers) look(container);
      }
    }
    if (named.empty()) return repositories_;
    for (const auto& repository : named) {
      if (std::binary_search(repositories_.begin(), repositories_.end(), repository)) continue;
      return fail(ErrorCode::kDenied, "credential " + credential_ + " is not for repository " + oauth::shown(repository),
                  "add it to the credential's repositories if acts there are meant to have it");
    }
    return std::vector<std::string>(named.begin(), named.end());
  }

  // An act that only reads needs no more than to read.
  json::object permissions_for(const model::Classification* act) const {
    const bool only_reads = act != nullptr && std::all_of(act->effects.begin(), act->effects.end(),
                                                          [](model::Effect effect) { return effect == model::Effect::kRead; });
    if (!only_reads) return permissions_;
    json::object out;
    for (const auto& member : permissions_) {
      const std::string_view name(member.key().data(), member.key().size());
      if (std::find(kWriteOnly.begin(), kWriteOnly.end(), name) == kWriteOnly.end()) out.emplace(member.key(), "read");
    }
    return out;
  }

  Result<std::string> make_app_token() {
    const auto pem = vault_.get(private_key_secret_);
    if (!pem) return fail(pem.error());
    const auto key = jose::PrivateKey::from_pem(pem->view());
    if (!key) return fail(ErrorCode::kInvalid, "the secret " + private_key_secret_ + " is no private key: " + key.error().message);
    const auto now_s = clock_.now_ms() / 1000;
    return jose::make_token(*key, jose::Algorithm::kRs256, "", "JWT",
                            {{"iss", app_id_}, {"iat", now_s - kAppTokenBack_s}, {"exp", now_s + kAppTokenLife_s}});
  }

  static net::Headers headers(std::string_view token) {
    return {{"Accept", "application/vnd.github+json"},
            {"X-GitHub-Api-Version", std::string(kApiVersion)},
            {"User-Agent", std::string(kUserAgent)},
            {"Authorization", "Bearer " + std::string(token)}};
  }

  void take(const Plan& plan, UnixMs until_ms, const oauth::Fetched& fetched, const std::function<void(Result<Minted>)>& done) {
    const auto answer = read_object(kGithub, fetched.body);
    if (fetched.status != 201) {
      const auto said = answer ? json::string_at(*answer, "message").value_or("") : "";
      auto error = answer_error(kGithub, "the mint of an installation token", fetched.status, said);
      if (fetched.status == 404 || fetched.status == 422)
        error.hint = "see whether the app is installed there, with these repositories and permissions";
      return done(fail(unminted(std::move(error))));
    }
    // 201: there is a token, whether we can read it or not.
    if (!answer) return done(fail(answer.error()));
    const auto token = json::string_at(*answer, "token");
    if (!token || token->empty() || token->size() > kTokenBytes || token->find_first_of(" \t\r\n") != std::string_view::npos)
      return done(fail(ErrorCode::kUnavailable, "the answer of GitHub holds no token"));
    const auto expires = parse_rfc3339(json::string_at(*answer, "expires_at").value_or(""));
    auto right = check(plan, *answer);
    if (right && (!expires || *expires > plan.expires_ms))
      right = fail(ErrorCode::kDenied, "GitHub says of the token no expiry, or one that is later than an hour",
                   "see whether this machine's clock is right");
    if (!right) return undo(*token, std::move(right.error()), done);
    Minted minted;
    minted.fields.emplace("token", Secret(*token));
    minted.revocation = Secret(*token);
    minted.handle = plan.handle;
    minted.expires_ms = std::min(until_ms, *expires);  // it is revoked then
    done(std::move(minted));
  }

  // At most what was asked for.
  static Status check(const Plan& plan, const json::object& answer) {
    const auto wider = [](std::string what) {
      return fail(ErrorCode::kDenied, "GitHub made a token that can do more than was asked for: " + std::move(what),
                  "see what `api` names");
    };
    if (const auto selection = json::string_at(answer, "repository_selection"); selection && *selection != "selected")
      return wider("it is for all repositories");
    std::set<std::string> asked;
    for (const auto& repository : plan.handle.at("repositories").get_array()) asked.emplace(json::view(repository.get_string()));
    if (const auto* made = json::array_at(answer, "repositories")) {
      for (const auto& repository : *made) {
        const auto* entry = repository.if_object();
        const auto name = entry == nullptr ? std::nullopt : json::string_at(*entry, "full_name");
        if (!name || !asked.contains(folded(*name))) return wider("another repository");
      }
    }
    if (const auto* made = json::object_at(answer, "permissions")) {
      const auto& permissions = plan.handle.at("permissions").get_object();
      for (const auto& member : *made) {
        const std::string_view name(member.key().data(), member.key().size());
        const auto* access = member.value().if_string();
        if (name == "metadata" && access != nullptr && *access == "read") continue;  // that every token has
        const auto most = json::string_at(permissions, name).value_or("");
        if (access == nullptr || strength(json::view(*access)) > strength(most))
          return wider("permission " + std::string(name.substr(0, 64)));
      }
    }
    return {};
  }

  void undo(std::string_view token, Error why, const std::function<void(Result<Minted>)>& done) {
    revoke_token(token, [done, why = std::move(why)](Status revoked) {
      auto told = why;
      if (!revoked) told.code = ErrorCode::kUnavailable;  // it lives until it expires
      done(fail(std::move(told)));
    });
  }

  // What is known without asking.
  Status check_revocation(const Revocation& what) const {
    if (json::string_at(what.handle, "server") != api_) {
      return fail(ErrorCode::kInvalid,
                  "credential " + credential_ + " now names another API than lease " + std::string(what.lease) + " was made by",
                  "put the former `api` back until its leases have ended");
    }
    const bool has_ended = clock_.now_ms() >= json::int_at(what.handle, "ends_ms").value_or(0);
    if (what.revocation.empty() && !has_ended) {
      return fail(ErrorCode::kUnsupported,
                  "the token of lease " + std::string(what.lease) + " was never seen here, if there is one: it ends by expiry");
    }
    return {};
  }

  void revoke_token(std::string_view token, std::function<void(Status)> done) {
    net::HttpClientRequest request{.method = "DELETE", .url = {}, .headers = headers(token), .body = {}};
    calls_.send(api_ + "/installation/token", std::move(request), [done = std::move(done)](Result<oauth::Fetched> fetched) {
      if (!fetched) return done(fail(std::move(fetched.error())));
      // 401: the token opens nothing any more.
      if (fetched->status == 204 || fetched->status == 401) return done({});
      done(fail(answer_error(kGithub, "the revocation of an installation token", fetched->status)));
    });
  }

  BrokerCalls calls_;
  const Clock& clock_;
  Vault& vault_;
  std::string credential_;
  std::string app_id_;
  std::string installation_id_;
  std::string private_key_secret_;
  std::string api_;
  std::vector<std::string> repositories_;  // folded, sorted
  json::object permissions_;
};

}  // namespace

Result<std::shared_ptr<Broker>> make_github_app_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  BrokerSettings reader(credential, settings);
  auto broker = std::make_shared<GithubAppBroker>(parts, std::move(credential), reader);
  if (auto right = reader.finish(); !right) return fail(std::move(right.error()));
  return broker;
}

}  // namespace interlock::credential
