// Forms: what is taken, and that nothing is taken in two ways.
#include "surface/api/form.hpp"

#include <gtest/gtest.h>

namespace interlock::api {
namespace {

TEST(Form, ReadsFieldsWithTheirEncodingUndone) {
  const auto form = Form::parse("grant_type=urn%3aietf%3Aparams&scope=a+b&empty=&bare&caf%C3%A9=x%3D%26y");
  ASSERT_TRUE(form) << form.error().text();
  EXPECT_EQ(form->get("grant_type"), "urn:ietf:params");
  EXPECT_EQ(form->get("scope"), "a b");
  EXPECT_EQ(form->get("empty"), "");
  EXPECT_EQ(form->get("bare"), "");
  EXPECT_EQ(form->get("caf\xC3\xA9"), "x=&y");
  EXPECT_EQ(form->get("absent"), std::nullopt);
  EXPECT_TRUE(Form::parse("")->all().empty());
  EXPECT_EQ(Form::parse("&&a=1&")->all().size(), 1U);
}

TEST(Form, RefusesWhatTwoReadersCouldTakeDifferently) {
  for (const char* text : {"a=1&a=2", "a=1&%61=2", "a=%", "a=%2", "a=%2g", "a=%zz", "%=1", "a=%00", "%00=a", "a=%ff", "a=%C3",
                           "a=%ED%A0%80", "a=\xff", "a=1&b=%4"}) {
    const auto form = Form::parse(text);
    ASSERT_FALSE(form) << text;
    EXPECT_EQ(form.error().code, ErrorCode::kInvalid) << text;
  }
}

TEST(Form, IsBounded) {
  EXPECT_TRUE(Form::parse("a=" + std::string(kFormBytes - 2, 'x')));
  EXPECT_EQ(Form::parse("a=" + std::string(kFormBytes - 1, 'x')).error().code, ErrorCode::kTooLarge);
  std::string many;
  for (std::size_t i = 0; i <= kFormFields; ++i) many += "f" + std::to_string(i) + "=1&";
  EXPECT_EQ(Form::parse(many).error().code, ErrorCode::kTooLarge);
}

TEST(Form, ErrorsShowNoValue) {
  EXPECT_EQ(Form::parse("client_secret=hunter2&client_secret=hunter2").error().text().find("hunter2"), std::string::npos);
  EXPECT_EQ(Form::parse("client_secret=hunter2%").error().text().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace interlock::api
