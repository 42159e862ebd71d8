#include "cli/egress_verb.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "approval/display.hpp"
#include "base/text.hpp"
#include "cli/admin_client.hpp"
#include "cli/config.hpp"
#include "cli/egress_wiring.hpp"
#include "cli/sealing.hpp"
#include "cli/verbs.hpp"
#include "store/store.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kHelp =
    "usage: interlock egress env [--json]\n"
    "       interlock egress ca [--json]\n"
    "  env prints the environment variables that send an agent's clients through the gate, and make them trust it:\n"
    "    eval \"$(interlock egress env)\"\n"
    "  Where the gate wants a token, put it into INTERLOCK_TOKEN before (and a task's id into INTERLOCK_TASK): it becomes part of the\n"
    "  proxy's address. ca prints the certificate of the authority that opens TLS; give it to agents alone, never to a system's store.\n";

using Variables = std::vector<std::pair<std::string, std::string>>;

// The authority's files, made where no gate has run yet.
Result<TrustFiles> trusted(const Config& config) {
  if (!config.egress.is_on())
    return fail(ErrorCode::kNotFound, "the configuration has no `egress`", "write egress: { listen: 127.0.0.1:7420 } into interlock.yaml");
  const auto files = trust_files(config.state_dir);
  std::error_code ignored;
  if (std::filesystem::exists(files.authority, ignored) && std::filesystem::exists(files.bundle, ignored)) return files;
  if (auto made = make_state_folder(config.state_dir); !made) return fail(std::move(made.error()));
  auto store = store::open_sqlite_store(config.state_dir / "store.db");
  if (!store) return fail(std::move(store.error()));
  auto sealed = open_sealed(config.secrets, config.state_dir, **store);
  if (!sealed) return fail(std::move(sealed.error()));
  const SystemClock clock;
  auto authority = http::LeafAuthority::open(**sealed, clock, config.egress.only_hosts);
  if (!authority) return fail(std::move(authority.error()));
  if (auto written = write_trust(config, **authority); !written) return fail(std::move(written.error()));
  return files;
}

// Of the gate that runs; else as configured, where that names a port.
Result<std::string> proxy_address(const Config& config) {
  for (const auto& answer : ask_gates(list_gates(config.state_dir.string()), "GET", "/v1/status")) {
    if (!answer.reply || !answer.reply->ok() || !answer.reply->body.is_object()) continue;
    const auto* egress = json::object_at(answer.reply->body.get_object(), "egress");
    if (egress == nullptr) continue;
    if (const auto listening = json::string_at(*egress, "listening"); listening && !listening->empty()) return std::string(*listening);
  }
  const auto& egress = config.egress;
  if (egress.listen_host.empty())
    return fail(ErrorCode::kUnsupported, "`egress` has a socket and no listener, and clients want an address",
                "write listen: 127.0.0.1:7420 beside it");
  if (egress.listen_port == 0)
    return fail(ErrorCode::kNotFound, "no gate runs here, and `egress.listen` leaves its port open",
                "start `interlock serve`, or name a port");
  const bool v6 = egress.listen_host.contains(':');
  return "http://" + (v6 ? "[" + egress.listen_host + "]" : egress.listen_host) + ":" + std::to_string(egress.listen_port);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Variables variables_for(const std::string& address, const TrustFiles& files) {
  auto proxy = address;
  const auto task = environment("INTERLOCK_TASK");
  const auto token = environment("INTERLOCK_TOKEN");
  if (!token.empty() || !task.empty())
    proxy = "http://" + percent_encoded(task.empty() ? "-" : task) + ":" + percent_encoded(token.empty() ? "-" : token) + "@" +
            address.substr(address.find("//") + 2);
  return proxy_variables(proxy, files);
}

std::string quoted_for_shell(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

int print_environment(const Config& config, bool as_json) {
  const auto files = trusted(config);
  if (!files) return complain(files.error(), as_json);
  const auto address = proxy_address(config);
  if (!address) return complain(address.error(), as_json);
  const auto variables = variables_for(*address, *files);
  if (as_json) {
    json::object out;
    for (const auto& [name, value] : variables) out[name] = value;
    std::printf("%s\n", approval::terminal_json(out).c_str());
  } else {
    for (const auto& [name, value] : variables) std::printf("export %s=%s\n", name.c_str(), quoted_for_shell(value).c_str());
  }
  return kDone;
}

int print_authority(const Config& config, bool as_json) {
  const auto files = trusted(config);
  if (!files) return complain(files.error(), as_json);
  const auto pem = read_text_file(files->authority, std::size_t{1} << 20);
  if (!pem) return complain(pem.error(), as_json);
  if (as_json) {
    const json::value out = json::object{{"certificate", *pem}, {"file", files->authority.string()}, {"bundle", files->bundle.string()}};
    std::printf("%s\n", approval::terminal_json(out).c_str());
  } else {
    std::printf("%s", pem->c_str());
  }
  return kDone;
}

}  // namespace

Variables proxy_variables(const std::string& proxy, const TrustFiles& files) {
  const auto bundle = files.bundle.string();
  const std::string direct = "localhost,127.0.0.1,::1";
  Variables out;
  // Some clients know one spelling, some the other.
  for (const auto* name : {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"})
    out.emplace_back(name, proxy);
  for (const auto* name : {"NO_PROXY", "no_proxy"}) out.emplace_back(name, direct);
  for (const auto* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
                           "CARGO_HTTP_CAINFO", "npm_config_cafile", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"})
    out.emplace_back(name, bundle);
  for (const auto* name : {"NODE_EXTRA_CA_CERTS", "DENO_CERT"}) out.emplace_back(name, files.authority.string());
  out.emplace_back("NODE_USE_ENV_PROXY", "1");
  return out;
}

int run_egress(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {}, {});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (arguments.rest.size() != 1 || (arguments.rest[0] != "env" && arguments.rest[0] != "ca"))
    return complain_of_usage("egress takes env or ca", kHelp);
  const auto config = load_places(places);
  if (!config) return complain(config.error(), arguments.has("--json"));
  return arguments.rest[0] == "env" ? print_environment(*config, arguments.has("--json"))
                                    : print_authority(*config, arguments.has("--json"));
}

}  // namespace interlock::cli
