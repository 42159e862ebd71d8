#include "cli/rules.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "catalogue/catalogue.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMarks = 10'000;

std::vector<catalogue::ServerBinding> bindings_of(const Config& config) {
  const char* own_home = std::getenv("HOME");
  std::vector<catalogue::ServerBinding> out;
  for (const auto& server : config.servers) {
    catalogue::ServerBinding binding{
        .name = server.name, .catalogue = server.catalogue, .command = server.command, .url = server.url, .cwd = {}, .home = {}};
    if (server.is_stdio()) {
      binding.cwd = server.cwd.string();
      const auto home = std::ranges::find(server.env, "HOME", [](const auto& pair) { return std::string_view(pair.first); });
      if (home != server.env.end()) binding.home = home->second;
      else if (own_home != nullptr) binding.home = own_home;
    }
    out.push_back(std::move(binding));
  }
  return out;
}

Result<std::shared_ptr<const policy::PolicyEngine>> load_policy(const Config& config) {
  std::vector<policy::PolicySource> sources;
  if (config.preset != Preset::kNone) {
    auto preset = policy::preset_sources(preset_name(config.preset));
    if (!preset) return fail(std::move(preset.error()));
    sources = std::move(*preset);
  }
  auto own = policy::read_sources(config.policies);
  if (!own) return fail(std::move(own.error()));
  std::ranges::move(*own, std::back_inserter(sources));
  return policy::PolicyEngine::load(sources, {.observe = config.preset == Preset::kObserve, .workspace = config.workspace});
}

Result<std::shared_ptr<const catalogue::Catalogue>> load_catalogue(const Config& config) {
  const auto sources = catalogue::read_sources(config.catalogue);
  if (!sources) return fail(sources.error());
  return catalogue::Catalogue::load(*sources, bindings_of(config));
}

Result<identity::TokenBook> load_tokens(const AuthConfig& auth) {
  std::vector<identity::TokenRule> rules;
  for (const auto& token : auth.tokens) {
    auto digest = identity::parse_token_digest("sha256:" + token.token_sha256);
    if (!digest) return fail(std::move(digest.error()));
    rules.push_back({.subject = token.subject, .owner = token.owner, .sha256 = *digest, .expires_ms = token.expires_ms, .attributes = {}});
  }
  return identity::TokenBook::create(std::move(rules), auth.anonymous);
}

}  // namespace

Result<LoadedRules> load_rules(const Config& config) {
  LoadedRules out;
  auto engine = load_policy(config);
  if (!engine) return fail(std::move(engine.error()));
  out.rules.policy = std::move(*engine);
  auto catalogue = load_catalogue(config);
  if (!catalogue) return fail(std::move(catalogue.error()));
  out.rules.catalogue = std::move(*catalogue);
  auto tokens = load_tokens(config.auth);
  if (!tokens) return fail(std::move(tokens.error()));
  out.tokens = std::move(*tokens);
  return out;
}

FileMarks::FileMarks(const Config& config) {
  if (!config.source.empty()) add(config.source, false);
  for (const auto& path : config.policies) add(path, true);
  for (const auto& path : config.catalogue) add(path, true);
}

void FileMarks::add(const fs::path& path, bool is_listed) {
  struct stat facts{};
  if (marks_.size() >= kMarks) return;
  if (::stat(path.c_str(), &facts) != 0) {
    marks_.push_back(path.string() + " is not there");
    return;
  }
  marks_.push_back(path.string() + ' ' + std::to_string(facts.st_ino) + ' ' + std::to_string(facts.st_size) + ' ' +
                   std::to_string(facts.st_mtim.tv_sec) + '.' + std::to_string(facts.st_mtim.tv_nsec));
  if (!is_listed || !S_ISDIR(facts.st_mode)) return;
  std::error_code error;
  std::vector<fs::path> inside;
  for (fs::directory_iterator at(path, error), end; !error && at != end && inside.size() < kMarks; at.increment(error))
    inside.push_back(at->path());
  std::ranges::sort(inside);
  for (const auto& file : inside) add(file, false);
}

}  // namespace interlock::cli
