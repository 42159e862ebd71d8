// What counts as local: this machine, private networks, and a browser's look into itself.
#include <gtest/gtest.h>

#include "policy/url_parts.hpp"

namespace interlock::policy {
namespace {

TEST(Url, IsLocalByItsText) {
  for (const char* url : {"http://localhost/",
                          "http://localhost:8080/x",
                          "https://app.localhost/",
                          "http://printer.local/",
                          "http://vault.internal/",
                          "http://box.home.arpa/",
                          "http://intranet/",
                          "http://127.0.0.1/",
                          "http://127.8.9.1:9/",
                          "http://10.1.2.3/",
                          "http://172.16.0.1/",
                          "http://172.31.255.255/",
                          "http://192.168.1.1/",
                          "http://169.254.169.254/latest/meta-data",
                          "http://100.64.0.1/",
                          "http://0.0.0.0/",
                          "http://255.255.255.255/",
                          "http://[::1]/",
                          "http://[::]/",
                          "http://[fd00::1]:80/",
                          "http://[fe80::1]/",
                          "http://[::ffff:10.0.0.1]/",
                          "http://[64:ff9b::7f00:1]/",
                          "ws://localhost/",
                          "ftp://10.0.0.1/",
                          "view-source:http://169.254.169.254/",
                          "chrome://settings",
                          "javascript:alert(1)",
                          "blob:http://localhost/x",
                          "filesystem:http://localhost/temporary/x",
                          "file:///etc/passwd"}) {
    EXPECT_TRUE(is_local(url_parts(url))) << url;
  }
  for (const char* url :
       {"http://example.com/", "https://localhost.example.com/", "http://8.8.8.8/", "http://172.32.0.1/", "http://192.169.0.1/",
        "http://[2001:db8::1]/", "http://[2606:4700::1111]/", "memo://insights", "test://static-text", "data:text/plain"}) {
    EXPECT_FALSE(is_local(url_parts(url))) << url;
  }
}

TEST(Url, FallsIntoItsParts) {
  struct {
    const char *url, *scheme, *host, *path;
  } rows[] = {{"https://a.b:8443/c/d", "https", "a.b", "/c/d"},
              {"http://[::1]:80/x", "http", "[::1]", "/x"},
              {"http://[::1]/x", "http", "[::1]", "/x"},
              {"memo://insights", "memo", "insights", ""},
              {"urn:isbn:1", "urn", "", "isbn:1"},
              {"nothing", "", "", "nothing"},
              {"", "", "", ""},
              {"http://", "http", "", ""},
              {"http://[", "http", "[", ""}};
  for (const auto& row : rows) {
    const UrlParts parts = url_parts(row.url);
    EXPECT_EQ(parts.scheme, row.scheme) << row.url;
    EXPECT_EQ(parts.host, row.host) << row.url;
    EXPECT_EQ(parts.path, row.path) << row.url;
    (void)is_local(parts);
  }
}

}  // namespace
}  // namespace interlock::policy
