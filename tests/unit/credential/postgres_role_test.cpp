#include "credential/postgres_role.hpp"

#include <gtest/gtest.h>

#include "credential/postgres_password.hpp"

namespace interlock::credential {
namespace {

TEST(PostgresRole, IsNamedAfterItsLease) {
  EXPECT_EQ(role_of("lease_01jd"), "interlock_lease_01jd");
  const auto of_long = role_of(std::string(80, 'x'));
  EXPECT_LE(of_long.size(), 63U);
  EXPECT_NE(of_long, role_of(std::string(81, 'x')));
  EXPECT_TRUE(is_our_role(of_long));
}

TEST(PostgresRole, OfOthersIsNeverTouched) {
  for (const std::string name : {"postgres", "", "interlock_", "interlock", "Interlock_x"}) EXPECT_FALSE(is_our_role(name)) << name;
  EXPECT_FALSE(is_our_role("interlock_" + std::string(60, 'x')));
}

TEST(PostgresRole, IsMadeWithNothingButItsGrants) {
  const auto statements =
      create_statements({.name = "interlock_l", .verifier = "SCRAM-SHA-256$x", .until_ms = 1'700'000'000'000, .connections = 3},
                        {{{"public", "orders"}, 1, {}}}, {}, "shop");
  ASSERT_EQ(statements.size(), 6U);
  EXPECT_EQ(statements[1].sql,
            "CREATE ROLE \"interlock_l\" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3 "
            "VALID UNTIL '2023-11-14T22:13:20.000Z' PASSWORD 'SCRAM-SHA-256$x'");
  EXPECT_EQ(statements.back().sql, "GRANT SELECT ON TABLE \"public\".\"orders\" TO \"interlock_l\"");
}

// RFC 7677 §3: user "user", password "pencil".
TEST(PostgresPassword, IsStoredAsTheStandardSays) {
  const std::string salt = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
  EXPECT_EQ(scram_verifier("pencil", salt).value(),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

}  // namespace
}  // namespace interlock::credential
