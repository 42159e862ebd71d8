// Requests as agents write them: paths that are normal stay so, a route is found the same way twice, and what is known has a route.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "catalogue/catalogue.hpp"
#include "catalogue/graphql.hpp"
#include "catalogue/http_path.hpp"

namespace {

using namespace interlock;
using namespace interlock::catalogue;

constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"};
constexpr std::string_view kHosts[] = {
    "api.github.com", "github.com",      "gitlab.com",     "a.b.s3.amazonaws.com", "s3.eu-west-1.amazonaws.com",
    "slack.com",      "x.atlassian.net", "api.stripe.com", "registry.npmjs.org",   "sheets.googleapis.com"};

const Catalogue& shipped() {
  static const auto catalogue = Catalogue::load({}, {});
  if (!catalogue) std::abort();
  return **catalogue;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  (void)graphql_kind(text);
  const std::size_t mark = text.find('?');
  const auto path = normal_http_path(text.substr(0, mark));
  if (!path) return 0;
  if (normal_http_path(*path).value_or("") != *path || path->find("/../") != std::string::npos) std::abort();
  HttpTarget target;
  target.method = kMethods[data[0] % std::size(kMethods)];
  target.host = kHosts[data[1] % std::size(kHosts)];
  target.path = *path;
  if (mark != std::string_view::npos) target.query = text.substr(mark + 1);
  const HttpRoute route = shipped().route(target);
  const HttpRoute again = shipped().route(target);
  if (route.operation != again.operation || route.args != again.args) std::abort();
  model::ActionRequest request;
  request.surface = "http";
  request.server = route.connector;
  request.operation = "request";
  request.target = route.operation;
  request.args = route.args;
  const auto act = shipped().classify(request);
  if (act.effects.empty() || act.resource.id.empty() || (act.known && !route.known)) std::abort();
  return 0;
}
