#include "credential/vault_api.hpp"

#include <utility>

namespace interlock::credential {
namespace {

constexpr std::string_view kVault = "the vault server";

std::string first_error(const json::object& answer) {
  const auto* errors = json::array_at(answer, "errors");
  if (errors == nullptr || errors->empty() || !errors->front().is_string()) return {};
  return std::string(json::view(errors->front().get_string()));
}

Result<json::object> read_answer(std::string_view path, const oauth::Fetched& fetched) {
  if (fetched.status == 204) return json::object();
  auto answer = read_object(kVault, fetched.body);
  if (fetched.status == 200) return answer;
  return fail(answer_error(kVault, path, fetched.status, answer ? first_error(*answer) : ""));
}

}  // namespace

void VaultApi::read(std::string_view token, std::string_view path, Done done) {
  send({.method = "GET", .url = {}, .headers = {}, .body = {}, .may_repeat = false}, token, path, std::move(done));
}

void VaultApi::write(std::string_view token, std::string_view path, const json::object& body, Done done) {
  net::Headers headers{{"Content-Type", "application/json"}};
  send({.method = "POST", .url = {}, .headers = std::move(headers), .body = json::write(body), .may_repeat = false}, token, path,
       std::move(done));
}

void VaultApi::send(net::HttpClientRequest request, std::string_view token, std::string_view path, Done done) {
  // What a proxy or browser on the way would not add by itself: Vault's own guard against forged requests.
  request.headers.add("X-Vault-Request", "true");
  if (!token.empty()) request.headers.add("X-Vault-Token", std::string(token));
  if (!namespace_.empty()) request.headers.add("X-Vault-Namespace", namespace_);
  calls_.send(address_ + "/v1/" + std::string(path), std::move(request),
              [path = std::string(path), done = std::move(done)](Result<oauth::Fetched> fetched) {
                if (!fetched) return done(fail(std::move(fetched.error())));
                done(read_answer(path, *fetched));
              });
}

}  // namespace interlock::credential
