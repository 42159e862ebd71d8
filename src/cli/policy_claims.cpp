#include "cli/policy_claims.hpp"

#include "cli/config.hpp"
#include "yaml/document.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;
using analyze::Answer;
using analyze::Question;

constexpr std::size_t kMaxClaims = 1'000;
constexpr std::size_t kMaxFiles = 100;  // of one claim

}  // namespace

Result<ClaimFile> read_claims(const fs::path& file) {
  const auto text = read_text_file(file, std::size_t{1} << 20);
  if (!text) return fail(text.error());
  const auto document = yaml::parse(*text, file.string());
  if (!document) return fail(document.error());
  yaml::Reader reader(file.string());
  const fs::path folder = file.parent_path();
  auto beside = [&](const std::string& name) { return (folder / name).lexically_normal().string(); };

  ClaimFile out;
  yaml::Map top(reader, *document, "");
  out.schema = beside(reader.text(top.require("schema"), "schema"));
  out.gate = top.flag("gate", false);
  const yaml::Node& claims = top.require("claims");
  top.close();
  if (!reader.failed() && (claims.kind != yaml::Node::Kind::kSequence || claims.items.empty() || claims.items.size() > kMaxClaims)) {
    reader.complain(claims, "claims is a list of 1 to " + std::to_string(kMaxClaims) + " claims",
                    "- {name: ..., ask: denies, policies: [a.cedar], expect: proved}");
  }
  for (const yaml::Node& node : claims.items) {
    if (reader.failed()) break;
    Claim claim;
    yaml::Map map(reader, node, "claim");
    claim.name = reader.text(map.require("name"), "name");
    claim.place = file.string() + ':' + std::to_string(node.line);
    map.require("ask");
    claim.question = map.choice("ask", Question::kAlwaysDenies,
                                {{"never-errors", Question::kNeverErrors},
                                 {"denies", Question::kAlwaysDenies},
                                 {"allows", Question::kAlwaysAllows},
                                 {"implies", Question::kImplies},
                                 {"equivalent", Question::kEquivalent},
                                 {"disjoint", Question::kDisjoint}});
    map.require("policies");
    for (const std::string& name : map.texts("policies", kMaxFiles)) claim.policies.push_back(beside(name));
    for (const std::string& name : map.texts("other", kMaxFiles)) claim.other.push_back(beside(name));
    claim.given = map.text("given");
    map.require("expect");
    claim.expected =
        map.choice("expect", Answer::kProved, {{"proved", Answer::kProved}, {"refuted", Answer::kRefuted}, {"unknown", Answer::kUnknown}});
    map.close();
    if (!reader.failed() && analyze::needs_two_sets(claim.question) != !claim.other.empty()) {
      reader.complain(node, claim.other.empty() ? "this question compares `policies` with `other`" : "this question has no `other`");
    }
    out.claims.push_back(std::move(claim));
  }
  if (reader.failed()) return fail(*reader.error());
  return out;
}

}  // namespace interlock::cli
