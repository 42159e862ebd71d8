// Source: AWS STS API reference, AssumeRole (version 2011-06-15).
#include "credential/aws_broker.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/hash.hpp"
#include "credential/broker_calls.hpp"
#include "credential/session_policy.hpp"
#include "credential/sigv4.hpp"
#include "oauth/form.hpp"
#include "oauth/token_request.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kSts = "AWS STS";
constexpr std::string_view kVersion = "2011-06-15";
constexpr std::int64_t kShortest_s = 900;  // that STS makes
constexpr std::int64_t kLongest_s = 43'200;
constexpr std::int64_t kMint_ms = 60'000;      // between the plan and STS's own clock reading, at most
constexpr std::size_t kSessionNameBytes = 64;  // [\w+=,.@-]{2,64}
constexpr std::size_t kFieldBytes = 16 * 1024;

// The text of the one element of this name, which holds no other. STS's answers are flat XML, and what is read of them are keys, times and
// error codes: nothing that XML would have to escape.
std::optional<std::string_view> element(std::string_view xml, std::string_view name) {
  const auto open = "<" + std::string(name) + ">";
  const auto begin = xml.find(open);
  if (begin == std::string_view::npos || xml.find(open, begin + 1) != std::string_view::npos) return std::nullopt;
  const auto rest = xml.substr(begin + open.size());
  const auto end = rest.find('<');
  if (end == std::string_view::npos || end == 0 || end > kFieldBytes || !rest.substr(end).starts_with("</" + std::string(name) + ">"))
    return std::nullopt;
  const auto text = rest.substr(0, end);
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '&'; });
  return is_plain ? std::optional(text) : std::nullopt;
}

class AwsBroker final : public Broker {
 public:
  AwsBroker(const BrokerParts& parts, std::string credential, BrokerSettings& settings)
      : calls_(*parts.loop, *parts.http), clock_(*parts.clock), vault_(*parts.vault), credential_(std::move(credential)) {
    role_arn_ = settings.needed_text("role_arn", "write arn:aws:iam::ACCOUNT:role/NAME");
    region_ = settings.needed_text("region", "write the region whose STS is asked, like eu-central-1");
    endpoint_ = settings.text("endpoint", "https://sts." + region_ + ".amazonaws.com");
    while (endpoint_.ends_with('/')) endpoint_.pop_back();
    if (const auto right = oauth::check_endpoint(endpoint_); !right)
      settings.complain("endpoint", "is refused: " + right.error().message, right.error().hint);
    access_key_id_ = settings.needed_text("access_key_id", "write the access key ID of the user that may assume the role");
    secret_access_key_secret_ = settings.needed_text("secret_access_key_secret", "name the secret that holds its secret access key");
    external_id_ = settings.text("external_id");
    policy_ = SessionPolicy::read(settings, "session_policy");
    duration_s_ = settings.number("duration", kShortest_s, kShortest_s, kLongest_s);
  }

  std::string_view kind() const override { return "aws"; }
  std::string_view revocation_means() const override { return "expiry: an STS session cannot be revoked"; }
  bool can_revoke() const override { return false; }

  Result<Plan> plan(const MintOrder& order) const override {
    auto policy = policy_.for_act(order.act);
    if (!policy) return fail(policy.error().code, "credential " + credential_ + ": " + policy.error().message, policy.error().hint);
    const auto wanted_s = (order.expires_ms - order.now_ms + 999) / 1000;
    const auto duration_s = std::clamp(wanted_s, kShortest_s, duration_s_);
    Plan out;
    out.grant = json::write_canonical(json::object{{"role", role_arn_}, {"policy", *policy}});
    out.handle = {{"role", role_arn_},
                  {"session", ("interlock-" + order.lease).substr(0, kSessionNameBytes)},
                  {"policy", std::move(*policy)},
                  {"seconds", duration_s}};
    out.expires_ms = order.now_ms + kMint_ms + duration_s * 1000;
    return out;
  }

  void mint(const MintOrder& /*order*/, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    auto request = make_request(plan.handle);
    if (!request) return calls_.later([done = std::move(done), error = nothing_made(std::move(request.error()))] { done(fail(error)); });
    calls_.send(endpoint_ + "/", std::move(*request), [this, plan, done = std::move(done)](Result<oauth::Fetched> fetched) {
      if (!fetched) return done(fail(unminted(std::move(fetched.error()))));
      done(read(plan, *fetched));
    });
  }

  // Nothing to do: expiry is the end, as can_revoke() says.
  void revoke(const Revocation& /*what*/, std::function<void(Status)> done) override {
    calls_.later([done = std::move(done)] { done({}); });
  }

 private:
  Result<net::HttpClientRequest> make_request(const json::object& handle) {
    const auto secret = vault_.get(secret_access_key_secret_);
    if (!secret) return fail(secret.error());
    auto url = net::parse_url(endpoint_ + "/");
    if (!url) return fail(std::move(url.error()));
    const auto text = [&](std::string_view name) { return std::string(json::string_at(handle, name).value_or("")); };
    const auto body = oauth::write_form({{"Action", "AssumeRole"},
                                         {"Version", std::string(kVersion)},
                                         {"RoleArn", role_arn_},
                                         {"RoleSessionName", text("session")},
                                         {"DurationSeconds", std::to_string(json::int_at(handle, "seconds").value_or(kShortest_s))},
                                         {"ExternalId", external_id_},
                                         {"Policy", text("policy")}});
    // Host as the client writes it: it is signed.
    const bool is_usual_port = url->port == (url->scheme == "https" ? 443 : 80);
    const bool is_v6 = url->host.find(':') != std::string::npos;
    auto host = is_v6 ? "[" + url->host + "]" : url->host;
    if (!is_usual_port) host += ":" + std::to_string(url->port);
    net::HttpClientRequest request{.method = "POST", .url = *url, .headers = {{"Host", host}}, .body = body, .may_repeat = false};
    request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    const SigV4Signer signer{
        .access_key_id = access_key_id_, .secret_access_key = secret->view(), .session_token = {}, .region = region_, .service = "sts"};
    if (auto is_signed = sign(signer, request.method, url->target, request.headers, payload_hash(body), clock_.now_ms()); !is_signed)
      return fail(std::move(is_signed.error()));
    return request;
  }

  Result<Minted> read(const Plan& plan, const oauth::Fetched& fetched) const {
    if (fetched.status != 200) {
      auto error = answer_error(kSts, "AssumeRole", fetched.status, element(fetched.body, "Code").value_or(""));
      error = unminted(std::move(error));
      if (error.code == ErrorCode::kDenied)
        error.hint = "see whether user " + access_key_id_ + " may assume " + role_arn_ + ", and the session policy";
      return fail(std::move(error));
    }
    Minted out;
    for (const auto& [field, name] :
         {std::pair{"access_key_id", "AccessKeyId"}, {"secret_access_key", "SecretAccessKey"}, {"session_token", "SessionToken"}}) {
      const auto text = element(fetched.body, name);
      if (!text) return fail(ErrorCode::kUnavailable, "the answer of AWS STS holds no " + std::string(name), "see what `endpoint` names");
      out.fields.emplace(field, Secret(*text));
    }
    const auto expires = parse_rfc3339(element(fetched.body, "Expiration").value_or(""));
    if (!expires || *expires > plan.expires_ms) {
      return fail(ErrorCode::kUnavailable, "AWS STS says of the session no expiry, or a later one than was asked for",
                  "see whether this machine's clock is right");
    }
    out.handle = plan.handle;
    out.handle["access_key_id"] = element(fetched.body, "AccessKeyId").value_or("");
    out.expires_ms = *expires;
    return out;
  }

  BrokerCalls calls_;
  const Clock& clock_;
  Vault& vault_;
  std::string credential_;
  std::string role_arn_;
  std::string region_;
  std::string endpoint_;
  std::string access_key_id_;
  std::string secret_access_key_secret_;
  std::string external_id_;
  SessionPolicy policy_;
  std::int64_t duration_s_ = kShortest_s;
};

}  // namespace

Result<std::shared_ptr<Broker>> make_aws_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  BrokerSettings reader(credential, settings);
  auto broker = std::make_shared<AwsBroker>(parts, std::move(credential), reader);
  if (auto right = reader.finish(); !right) return fail(std::move(right.error()));
  return broker;
}

}  // namespace interlock::credential
