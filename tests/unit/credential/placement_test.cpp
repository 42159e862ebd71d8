#include "credential/placement.hpp"

#include <gtest/gtest.h>

#include <map>

namespace interlock::credential {
namespace {

class FixedLease final : public Lease {
 public:
  explicit FixedLease(std::map<std::string, std::string, std::less<>> fields, bool alive = true)
      : fields_(std::move(fields)), alive_(alive) {
    record_.credential = "gh";
  }
  const LeaseRecord& record() const override { return record_; }
  std::string_view field(std::string_view name) const override {
    const auto found = fields_.find(name);
    return found == fields_.end() || !alive_ ? std::string_view() : std::string_view(found->second);
  }
  std::vector<std::string_view> field_names() const override {
    std::vector<std::string_view> out;
    for (const auto& [name, value] : fields_) out.push_back(name);
    return out;
  }
  bool alive() const override { return alive_; }

 private:
  LeaseRecord record_;
  std::map<std::string, std::string, std::less<>> fields_;
  bool alive_;
};

TEST(Placement, FillsATemplateFromALease) {
  const FixedLease lease({{"token", "t0k"}, {"username", "Aladdin"}, {"password", "open sesame"}});
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"{token}", "t0k"},
      {"Bearer {token}", "Bearer t0k"},
      {"{token}{token}", "t0kt0k"},
      {"{{token}}", "{token}"},
      {"{{{token}}}", "{t0k}"},
      {"Basic {username:password|basic}", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},  // RFC 7617 §2
      {"{token|basic}", "dDBr"},
      {"postgres://{username}@h", "postgres://Aladdin@h"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_TRUE(check_template(text)) << text;
    const auto filled = fill_template(text, lease);
    ASSERT_TRUE(filled) << text;
    EXPECT_EQ(*filled, expected) << text;
  }
}

TEST(Placement, RefusesATemplateThatCannotBeMeant) {
  for (const std::string_view text : {"{", "}", "{token", "token}", "{}", "{ token }", "{a:b}", "{a:|basic}", "{:b|basic}", "{token|rot13}",
                                      "{token}}", "{a|basic|basic}", "{a:b:c|basic}", "{to\nken}"}) {
    EXPECT_EQ(check_template(text).error().code, ErrorCode::kInvalid) << text;
    EXPECT_FALSE(check_template(text).error().hint.empty()) << text;
  }
  EXPECT_EQ(check_template(std::string(5'000, 'x')).error().code, ErrorCode::kTooLarge);
}

TEST(Placement, SaysWhichFieldsThereAreAndNeverWhatIsInThem) {
  using FixedFields = std::map<std::string, std::string, std::less<>>;
  const FixedLease lease(FixedFields{{"token", "canary-value"}});
  const auto filled = fill_template("{token} {password}", lease);
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::kInvalid);
  EXPECT_NE(filled.error().text().find("password"), std::string::npos);
  EXPECT_NE(filled.error().hint.find("token"), std::string::npos);
  EXPECT_EQ(filled.error().text().find("canary"), std::string::npos);
}

TEST(Placement, ALeaseThatHasEndedFillsNothing) {
  EXPECT_EQ(fill_template("{token}", FixedLease(std::map<std::string, std::string, std::less<>>{{"token", "t"}}, false)).error().code,
            ErrorCode::kExpired);
}

}  // namespace
}  // namespace interlock::credential
