// The authority that opens TLS: what its certificates say, whom they convince, and whom it refuses to speak for.
#include "surface/http/leaf_authority.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>

namespace interlock::http {
namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string text = (std::filesystem::temp_directory_path() / "interlock-leaf-XXXXXX").string();
    path = ::mkdtemp(text.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

class LeafAuthorities : public ::testing::Test {
 protected:
  Folder folder;
  std::unique_ptr<store::Store> store = store::open_memory_store();
  store::SealedStore sealed{*store, std::move(*store::MasterKey::open_file(folder.path / "master.key"))};
  ManualClock clock{SystemClock().now_ms()};

  std::unique_ptr<LeafAuthority> open(std::vector<std::string> only_hosts = {}) {
    auto opened = LeafAuthority::open(sealed, clock, std::move(only_hosts));
    EXPECT_TRUE(opened) << opened.error().text();
    return std::move(*opened);
  }
};

X509* parse(const std::string& pem) {
  BIO* bytes = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* out = PEM_read_bio_X509(bytes, nullptr, nullptr, nullptr);
  BIO_free(bytes);
  return out;
}

// What OpenSSL says of the leaf that a server shows, as a client that trusts `authority` alone and wants `host`.
int verdict_of(const LeafAuthority& authority, const net::TlsServer& server, const std::string& host, UnixMs at_ms) {
  X509_STORE* trust = X509_STORE_new();
  X509* root = parse(authority.certificate_pem());
  X509_STORE_add_cert(trust, root);
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, trust, SSL_CTX_get0_certificate(server.context()), nullptr);
  auto* wanted = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_time(wanted, at_ms / 1000);
  X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
  X509_verify_cert(context);
  const int verdict = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_free(root);
  X509_STORE_free(trust);
  return verdict;
}

TEST_F(LeafAuthorities, LeavesConvinceWhoTrustsTheAuthorityAndOnlyOfTheirHost) {
  const auto authority = open();
  for (const auto& host : std::vector<std::string>{"api.github.com", "localhost", "127.0.0.1", "::1", "a-host_with.odd-name.example"}) {
    const auto server = authority->server_for(host);
    ASSERT_TRUE(server) << server.error().text();
    EXPECT_EQ(verdict_of(*authority, **server, host, clock.now_ms()), X509_V_OK) << host;
    EXPECT_NE(verdict_of(*authority, **server, "other.example", clock.now_ms()), X509_V_OK) << host;
    EXPECT_EQ(verdict_of(*authority, **server, host, clock.now_ms() + 25 * 3'600'000), X509_V_ERR_CERT_HAS_EXPIRED) << host;
  }
}

TEST_F(LeafAuthorities, TheAuthorityIsConstrained) {
  const auto authority = open();
  X509* root = parse(authority->certificate_pem());
  EXPECT_EQ(X509_get_pathlen(root), 0);
  EXPECT_NE(X509_get_extension_flags(root) & EXFLAG_CA, 0U);
  EXPECT_EQ(X509_get_extended_key_usage(root), XKU_SSL_SERVER);
  X509_free(root);
}

TEST_F(LeafAuthorities, ARestartHasTheSameAuthorityAndAnotherStateFolderAnother) {
  const auto first = open()->certificate_pem();
  EXPECT_EQ(open()->certificate_pem(), first);
  auto elsewhere = store::open_memory_store();
  store::SealedStore other(*elsewhere, std::move(*store::MasterKey::open_file(folder.path / "master.key")));
  EXPECT_NE((*LeafAuthority::open(other, clock, {}))->certificate_pem(), first);
}

TEST_F(LeafAuthorities, HostsOutsideTheListGetNoLeafAndWouldConvinceNobody) {
  const auto authority = open({"*.example.com", "api.test"});
  for (const auto& inside : std::vector<std::string>{"a.example.com", "a.b.example.com", "api.test"}) {
    const auto server = authority->server_for(inside);
    ASSERT_TRUE(server) << inside;
    EXPECT_EQ(verdict_of(*authority, **server, inside, clock.now_ms()), X509_V_OK) << inside;
  }
  for (const auto& outside :
       std::vector<std::string>{"example.com", "badexample.com", "example.com.evil.test", "sub.api.test", "127.0.0.1", "::1"}) {
    const auto server = authority->server_for(outside);
    ASSERT_FALSE(server) << outside;
    EXPECT_EQ(server.error().code, ErrorCode::kDenied);
  }
  // An authority of other constraints takes its place when the list changes; the old list is not the new one's.
  const auto before = authority->certificate_pem();
  const auto wider = open({"10.1.2.3", "api.test"});
  EXPECT_NE(wider->certificate_pem(), before);
  EXPECT_EQ(verdict_of(*wider, **wider->server_for("10.1.2.3"), "10.1.2.3", clock.now_ms()), X509_V_OK);
  EXPECT_FALSE(wider->server_for("a.example.com"));
}

TEST_F(LeafAuthorities, ALeafIsMadeOnceAndAnewBeforeItEnds) {
  const auto authority = open();
  const auto first = *authority->server_for("a.example");
  EXPECT_EQ(*authority->server_for("a.example"), first);
  EXPECT_NE(*authority->server_for("a.example", false), first);
  clock.advance_ms(23 * 3'600'000 + 1);
  EXPECT_NE(*authority->server_for("a.example"), first);
}

TEST_F(LeafAuthorities, NoCertificateNamesWhatIsNoHost) {
  const auto authority = open();
  const std::string longer(300, 'a');
  for (const auto& odd :
       std::vector<std::string>{std::string(), std::string("A.example"), std::string("a b"), std::string("a,DNS:b"),
                                std::string("*.example"), longer, std::string("a..b"), std::string("a\0b", 3), std::string("a\nb")}) {
    const auto server = authority->server_for(odd);
    ASSERT_FALSE(server) << odd;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalid) << odd;
  }
}

TEST_F(LeafAuthorities, ManyHostsAreRememberedWithinTheBound) {
  const auto authority = open();
  const auto first = *authority->server_for("host-0.example");
  for (std::size_t i = 1; i <= kRememberedLeaves; ++i) ASSERT_TRUE(authority->server_for("host-" + std::to_string(i) + ".example"));
  EXPECT_EQ(first.use_count(), 1) << "the one used longest ago is forgotten";
}

TEST_F(LeafAuthorities, WhatCannotBeReadIsAnErrorAndNeverAReasonForANewOne) {
  (void)open();
  ASSERT_TRUE(sealed.put("egress-authority", "authority", "{}"));
  EXPECT_FALSE(LeafAuthority::open(sealed, clock, {}));
}

}  // namespace
}  // namespace interlock::http
