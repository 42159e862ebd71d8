// What verified claims make of a subject: ids that cannot be mistaken, chains, humans, and the shipped mappings.
#include "identity/issuers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/claim_text.hpp"

namespace interlock::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

json::object claims_of(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return value->as_object();
}

IssuerConfig issuer() {
  IssuerConfig config;
  config.issuer = "https://id.example/realms/a";
  return config;
}

TEST(Claims, APathFindsTheLongestNameThatIsThere) {
  const auto claims = claims_of(R"({"kubernetes.io":{"pod":{"name":"p"}},"a":{"b":{"c":1}},"a.b":{"c":2},"https://x.example/t":"u"})");
  EXPECT_EQ(json::write(*claim_at(claims, "kubernetes.io.pod.name")), "\"p\"");
  EXPECT_EQ(json::write(*claim_at(claims, "a.b.c")), "2");
  EXPECT_EQ(json::write(*claim_at(claims, "https://x.example/t")), "\"u\"");
  for (const auto* missing : {"", ".", "a.", ".a", "a.b.c.d", "kubernetes", "kubernetes.io.pod.uid"}) {
    EXPECT_EQ(claim_at(claims, missing), nullptr) << missing;
  }
}

TEST(Claims, ATemplateIsRefusedWhereTwoTokensCouldShareAnId) {
  for (const auto* bad : {"", "fixed", "{", "}", "a{}", "{a", "a}b", "{a}{b}", "x\n{a}"}) EXPECT_FALSE(ClaimTemplate::read(bad)) << bad;
  const auto form = ClaimTemplate::read("ci/{a}/{b}");
  ASSERT_TRUE(form);
  EXPECT_EQ(*form->fill(claims_of(R"({"a":"x","b":"y/z"})")), "ci/x/y/z");
  EXPECT_FALSE(form->fill(claims_of(R"({"a":"x/y","b":"z"})")));
}

TEST(Claims, ASubjectIsMadeOfClaimsOrRefused) {
  struct Case {
    const char* form;
    const char* claims;
    const char* id;  // empty: refused
  };
  const Case cases[] = {
      {"", R"({"sub":"s"})", "oidc/id.example/realms/a/s"},
      {"ci/{n}", R"({"n":17})", "ci/17"},
      {"ci/{n}", R"({"n":true})", "ci/true"},
      {"", R"({})", ""},
      {"", R"({"sub":""})", ""},
      {"", R"({"sub":null})", ""},
      {"", R"({"sub":["s"]})", ""},
      {"", R"({"sub":{"s":1}})", ""},
      {"", R"({"sub":"a\nb"})", ""},
      {"", R"({"sub":"a\u0000"})", ""},
      {"{sub}", R"({"sub":"spiffe://example.org/a"})", ""},
      {"{sub}", R"({"sub":"local/root/bash"})", ""},
      {"{sub}", R"({"sub":"anonymous"})", ""},
      {"{sub}", R"({"sub":"plain"})", "plain"},
  };
  for (const auto& one : cases) {
    auto config = issuer();
    config.subject = one.form;
    const auto subject = map_claims(config, claims_of(one.claims));
    EXPECT_EQ(subject ? subject->id : "", one.id) << one.form << " " << one.claims;
    if (!subject) {
      EXPECT_EQ(subject.error().code, ErrorCode::kDenied);
    }
  }
  auto long_claims = claims_of("{}");
  long_claims["sub"] = std::string(kClaimBytes + 1, 'a');
  EXPECT_FALSE(map_claims(issuer(), long_claims));
}

TEST(Claims, RequiredClaimsMustHold) {
  auto config = issuer();
  config.claims = {{"org", {"acme", "team-*"}}, {"env", {"prod"}}};
  const std::pair<const char*, bool> cases[] = {
      {R"({"sub":"s","org":"acme","env":"prod"})", true},        {R"({"sub":"s","org":"team-a","env":"prod"})", true},
      {R"({"sub":"s","org":["x","acme"],"env":"prod"})", true},  {R"({"sub":"s","org":"acme"})", false},
      {R"({"sub":"s","org":"acme2","env":"prod"})", false},      {R"({"sub":"s","org":"Acme","env":"prod"})", false},
      {R"({"sub":"s","org":"team","env":"prod"})", false},       {R"({"sub":"s","org":[],"env":"prod"})", false},
      {R"({"sub":"s","org":{"a":"acme"},"env":"prod"})", false}, {R"({"sub":"s","org":"acme","env":"prod*"})", false},
  };
  for (const auto& [claims, holds] : cases) EXPECT_EQ(map_claims(config, claims_of(claims)).has_value(), holds) << claims;
}

TEST(Claims, TheOutermostActIsTheSubjectAndTheRestIsItsChainWithTheOriginFirst) {
  auto config = issuer();
  config.subject = "human/{email}";
  config.stands_for = StandsFor::kHuman;
  const auto subject = map_claims(
      config,
      claims_of(R"({"sub":"1","email":"ana@x","act":{"sub":"newest","act":{"sub":"middle","act":{"sub":"oldest"}}},"exp":1700000100})"));
  ASSERT_TRUE(subject) << subject.error().text();
  EXPECT_EQ(subject->id, "oidc/id.example/realms/a/newest");
  const std::string prefix = "oidc/id.example/realms/a/";
  EXPECT_THAT(subject->chain,
              ElementsAre(model::Delegator{"human/ana@x", config.issuer, true}, model::Delegator{prefix + "oldest", config.issuer, false},
                          model::Delegator{prefix + "middle", config.issuer, false}));
  EXPECT_FALSE(subject->inherited);
  EXPECT_EQ(subject->credential, "oidc");
  EXPECT_EQ(subject->expires_ms, 1'700'000'100'000);
}

TEST(Claims, AHumansTokenWithoutAnActorIsInherited) {
  auto config = issuer();
  config.stands_for = StandsFor::kHuman;
  EXPECT_TRUE(map_claims(config, claims_of(R"({"sub":"ana"})"))->inherited);
  config.stands_for = StandsFor::kWorkload;
  config.human_claims = {"scp"};
  EXPECT_TRUE(map_claims(config, claims_of(R"({"sub":"ana","scp":"read"})"))->inherited);
  EXPECT_FALSE(map_claims(config, claims_of(R"({"sub":"app"})"))->inherited);
}

TEST(Claims, AnActIsRefusedWhereItIsMalformedTooDeepOrOfAnotherIssuer) {
  std::string deep = R"({"sub":"a"})";
  for (std::size_t i = 0; i < kActDepth; ++i) deep = R"({"sub":"a","act":)" + deep + "}";
  const std::string cases[] = {
      R"({"sub":"s","act":"a"})",
      R"({"sub":"s","act":null})",
      R"({"sub":"s","act":{}})",
      R"({"sub":"s","act":{"sub":"a","act":[]}})",
      R"({"sub":"s","act":{"sub":"a","iss":"https://other.example"}})",
      R"({"sub":"s","act":{"sub":"a","iss":7}})",
      R"({"sub":"s","may_act":"a"})",
      R"({"sub":"s","may_act":{"sub":"a","iss":"https://other.example"}})",
      R"({"sub":"s","act":)" + deep + "}",
  };
  for (const auto& one : cases) EXPECT_FALSE(map_claims(issuer(), claims_of(one))) << one;
  EXPECT_TRUE(map_claims(issuer(), claims_of(R"({"sub":"s","act":{"sub":"a","iss":"https://id.example/realms/a"}})")));
}

TEST(Claims, ScopesAreReadAsEachIssuerWritesThem) {
  EXPECT_THAT(map_claims(issuer(), claims_of(R"({"sub":"s","scope":"b a  b"})"))->scopes, ElementsAre("a", "b"));
  EXPECT_THAT(map_claims(issuer(), claims_of(R"({"sub":"s","scp":"b a"})"))->scopes, ElementsAre("a", "b"));
  EXPECT_THAT(map_claims(issuer(), claims_of(R"({"sub":"s","scp":["b","a"]})"))->scopes, ElementsAre("a", "b"));
  for (const auto* bad :
       {R"({"sub":"s","scope":1})", R"({"sub":"s","scp":[1]})", R"({"sub":"s","scope":"a\"b"})", R"({"sub":"s","scope":"a\tb"})"}) {
    EXPECT_FALSE(map_claims(issuer(), claims_of(bad))) << bad;
  }
  std::string many;
  for (std::size_t i = 0; i <= kScopes; ++i) many += "s" + std::to_string(i) + " ";
  EXPECT_FALSE(map_claims(issuer(), json::object{{"sub", "s"}, {"scope", many}}));
}

TEST(Claims, AttributesAreWhatPolicyCanCompare) {
  auto config = issuer();
  config.attributes = {{"groups", "groups"}, {"level", "level"}, {"deep", "deep"}, {"absent", "absent"}};
  const auto subject = map_claims(config, claims_of(R"({"sub":"s","groups":["a",{"b":1},"c"],"level":3,"deep":{"x":1}})"));
  ASSERT_TRUE(subject);
  EXPECT_EQ(json::write_canonical(subject->attributes), R"({"groups":["a","c"],"issuer":"https://id.example/realms/a","level":3})");
}

TEST(Claims, IssuersThatCannotWorkAreRefusedWhenTheyAreConfigured) {
  auto config = issuer();
  EXPECT_TRUE(check_issuer(config));
  config.subject = "{";
  EXPECT_FALSE(check_issuer(config));
  config = issuer();
  config.issuer = "id.example";
  EXPECT_FALSE(check_issuer(config));
  config.issuer.clear();
  EXPECT_FALSE(check_issuer(config));
  config = issuer();
  config.longest_life_ms = 0;
  EXPECT_FALSE(check_issuer(config));
}

struct PresetCase {
  const char* preset;
  IssuerConfig config;
  const char* claims;
  const char* id;
  const char* attribute;
  const char* value;
};

TEST(Presets, MapWhatEachIssuerSigns) {
  const auto with = [](std::string name, std::vector<std::string> audiences, std::map<std::string, std::vector<std::string>> claims) {
    IssuerConfig config;
    config.issuer = std::move(name);
    config.audiences = std::move(audiences);
    config.claims = std::move(claims);
    return config;
  };
  const PresetCase cases[] = {
      {"github", with("", {}, {{"repository_owner", {"octo-org"}}}),
       R"({"sub":"repo:octo-org/octo-repo:environment:prod","repository":"octo-org/octo-repo","repository_owner":"octo-org","environment":"prod","job_workflow_ref":"octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main","ref":"refs/heads/main","run_id":"1"})",
       "github/octo-org/octo-repo", "job_workflow_ref", "\"octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main\""},
      {"gitlab", with("", {}, {{"namespace_path", {"my-group"}}}),
       R"({"sub":"project_path:my-group/my-project:ref_type:branch:ref:main","project_path":"my-group/my-project","namespace_path":"my-group","ref_protected":"true","pipeline_source":"push"})",
       "gitlab/my-group/my-project", "ref_protected", "\"true\""},
      {"gitlab", with("https://git.example", {}, {}), R"({"sub":"x","project_path":"a/b","pipeline_source":"web"})",
       "gitlab@git.example/a/b", "pipeline_source", "\"web\""},
      {"kubernetes", with("https://kubernetes.default.svc.cluster.local", {"gate"}, {}),
       R"({"sub":"system:serviceaccount:agents:coder","kubernetes.io":{"namespace":"agents","pod":{"name":"coder-0","uid":"u1"},"serviceaccount":{"name":"coder","uid":"u2"}}})",
       "kubernetes/kubernetes.default.svc.cluster.local/agents/coder", "pod", "\"coder-0\""},
      {"entra", with("https://login.microsoftonline.com/t1/v2.0", {"app"}, {}),
       R"({"sub":"o1","oid":"o1","tid":"t1","azp":"c1","ver":"2.0","idtyp":"app","roles":["Act"]})", "entra/t1/o1", "client", "\"c1\""},
      {"okta", with("https://acme.okta.com/oauth2/default", {"api://default"}, {}), R"({"sub":"0oa1","cid":"0oa1","scp":["act"],"ver":1})",
       "okta/acme.okta.com/oauth2/default/0oa1", "client", "\"0oa1\""},
  };
  for (auto one : cases) {
    ASSERT_TRUE(apply_issuer_preset(one.preset, one.config)) << one.preset;
    EXPECT_TRUE(check_issuer(one.config)) << one.preset;
    const auto subject = map_claims(one.config, claims_of(one.claims));
    ASSERT_TRUE(subject) << one.preset << ": " << subject.error().text();
    EXPECT_EQ(subject->id, one.id);
    EXPECT_FALSE(subject->inherited) << one.preset;
    EXPECT_EQ(json::write(subject->attributes.at(one.attribute)), one.value);
  }
}

TEST(Presets, KnowAHumansTokenOfAWorkloadIssuer) {
  IssuerConfig entra;
  entra.issuer = "https://login.microsoftonline.com/t1/v2.0";
  entra.audiences = {"app"};
  ASSERT_TRUE(apply_issuer_preset("entra", entra));
  EXPECT_TRUE(map_claims(entra, claims_of(R"({"sub":"p","oid":"o","tid":"t1","azp":"c","ver":"2.0","scp":"Act"})"))->inherited);
  EXPECT_FALSE(map_claims(entra, claims_of(R"({"sub":"p","oid":"o","tid":"t2","azp":"c","ver":"2.0"})")));
  EXPECT_FALSE(map_claims(entra, claims_of(R"({"sub":"p","oid":"o","tid":"t1","appid":"c","ver":"1.0"})")));
  IssuerConfig okta;
  okta.issuer = "https://acme.okta.com";
  okta.audiences = {"api://default"};
  ASSERT_TRUE(apply_issuer_preset("okta", okta));
  EXPECT_TRUE(map_claims(okta, claims_of(R"({"sub":"ana@acme","cid":"0oa1","uid":"00u1","scp":["act"]})"))->inherited);
}

TEST(Presets, DoNotLetStrangersIn) {
  struct Case {
    const char* preset;
    const char* issuer;
    std::vector<std::string> audiences;
    std::map<std::string, std::vector<std::string>> claims;
    const char* says;
  };
  const Case cases[] = {
      {"github", "", {}, {}, "every repository"},
      {"github", "", {}, {{"repository_owner", {"*"}}}, "every repository"},
      {"github", "", {}, {{"event_name", {"push"}}}, "every repository"},
      {"gitlab", "", {}, {{"ref_protected", {"true"}}}, "every project"},
      {"kubernetes", "", {"gate"}, {}, "issuer"},
      {"kubernetes", "https://k8s.example", {}, {}, "audiences"},
      {"entra", "https://login.microsoftonline.com/common/v2.0", {"app"}, {}, "tenant"},
      {"entra", "https://login.microsoftonline.com/t1/v2.0", {}, {}, "audiences"},
      {"okta", "", {"a"}, {}, "issuer"},
      {"keycloak", "https://id.example", {"a"}, {}, "presets are"},
  };
  for (const auto& one : cases) {
    IssuerConfig config;
    config.issuer = one.issuer;
    config.audiences = one.audiences;
    config.claims = one.claims;
    const auto status = apply_issuer_preset(one.preset, config);
    ASSERT_FALSE(status) << one.preset;
    EXPECT_THAT(status.error().text(), HasSubstr(one.says));
  }
}

}  // namespace
}  // namespace interlock::identity
