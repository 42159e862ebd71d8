// Tokens of an adversary: a table in families. Every case is refused, by the rule that it breaks, and in each family a control that
// differs in nothing else is taken.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>

#include <cstdio>

#include "base/hash.hpp"
#include "hostile.hpp"
#include "jose/token.hpp"

namespace interlock::jose::hostile {
namespace {

// What stands before every subject that comes by a token: read, find the one key, verify.
Status judge(std::string_view text) {
  const auto token = parse_token(text);
  if (!token) return fail(token.error());
  const auto* key = world().keys.find(token->kid, token->algorithm);
  if (key == nullptr) return fail(ErrorCode::kDenied, "no key of the issuer has this kid and alg");
  Expectations expected;
  expected.issuer = kIssuer;
  expected.audiences = {kAudience};
  expected.types = {"", "JWT"};
  expected.requires_subject = true;
  expected.longest_life_ms = 3'600'000;
  expected.now_ms = kNow;
  return verify_token(*token, key->key, expected);
}

std::string pem_of(const PublicKey& key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key.handle());
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &text));
  std::string pem(text, size);
  BIO_free(bio);
  return pem;
}

std::vector<Case> unsigned_tokens() {
  std::vector<Case> cases = {{"a good token", good_token(), ""}};
  for (int letters = 0; letters < 16; ++letters) {
    std::string none = "none";
    for (std::size_t i = 0; i < 4; ++i) {
      if ((letters >> i & 1) != 0) none[i] = static_cast<char>(none[i] - 'a' + 'A');
    }
    cases.push_back({"alg " + none, b64(header_of(none)) + "." + b64(good_claims()) + ".", "the token's alg is none"});
  }
  const auto good = good_token();
  cases.push_back({"alg none with a good signature", with_signature(header_of("none"), good_claims(), "x"), "the token's alg is none"});
  cases.push_back({"the signature taken off", good.substr(0, good.rfind('.') + 1), "the token has no signature"});
  cases.push_back({"the last dot taken off too", good.substr(0, good.rfind('.')), "three parts of a compact JWS"});
  cases.push_back({"alg empty", signed_ec(header_of(""), good_claims()), "alg is none of those known"});
  cases.push_back({"alg absent", signed_ec(R"({"typ":"JWT","kid":"ec-1"})", good_claims()), "no text member 'alg'"});
  cases.push_back({"alg null", signed_ec(R"({"alg":null,"kid":"ec-1"})", good_claims()), "no text member 'alg'"});
  cases.push_back({"alg a list", signed_ec(R"({"alg":["ES256","none"],"kid":"ec-1"})", good_claims()), "no text member 'alg'"});
  cases.push_back({"alg a number", signed_ec(R"({"alg":256,"kid":"ec-1"})", good_claims()), "no text member 'alg'"});
  cases.push_back({"alg an object", signed_ec(R"({"alg":{"ES256":1},"kid":"ec-1"})", good_claims()), "no text member 'alg'"});
  return cases;
}

std::vector<Case> confusions() {
  const auto& w = world();
  const auto rsa = [&](Algorithm algorithm, std::string_view alg) {
    return signed_by(w.rsa, algorithm, header_of(alg, "rsa-1"), good_claims());
  };
  std::vector<Case> cases = {
      {"ES256 by the EC key", good_token(), ""},
      {"RS256 by the RSA key", rsa(Algorithm::kRs256, "RS256"), ""},
      {"PS512 by the RSA key", rsa(Algorithm::kPs512, "PS512"), ""},
      {"PS256 by the key for PS256", signed_by(w.ps, Algorithm::kPs256, header_of("PS256", "ps-1"), good_claims()), ""},
      {"EdDSA by the Ed25519 key", signed_by(w.ed, Algorithm::kEdDsa, header_of("EdDSA", "ed-1"), good_claims()), ""}};
  const std::pair<const char*, std::string> secrets[] = {
      {"the public key in PEM", pem_of(w.rsa.public_key())},
      {"the public key as JWK", json::write(w.rsa.public_key().to_jwk())},
      {"the public modulus", std::string(json::view(w.rsa.public_key().to_jwk().at("n").as_string()))},
      {"the empty secret", ""},
      {"the kid", "rsa-1"}};
  for (const auto& [what, secret] : secrets) {
    cases.push_back(
        {std::string("HS256 with ") + what, hmac_signed(header_of("HS256", "rsa-1"), good_claims(), secret), "alg is symmetric"});
  }
  const auto pem = pem_of(w.rsa.public_key());
  cases.push_back({"HS384", hmac_signed(header_of("HS384", "rsa-1"), good_claims(), pem), "alg is symmetric"});
  cases.push_back({"HS512", hmac_signed(header_of("HS512", "rsa-1"), good_claims(), pem), "alg is symmetric"});
  cases.push_back(
      {"an HMAC that calls itself RS256", hmac_signed(header_of("RS256", "rsa-1"), good_claims(), pem), "signature does not verify"});
  cases.push_back({"an HMAC that calls itself ES256", hmac_signed(header_of("ES256"), good_claims(), pem), "signature does not verify"});
  for (const auto* alg : {"es256", "Es256", "rs256", "ES256K", "ES256 ", " ES256", "ES-256", "RS1", "RSA1_5", "RSA-OAEP", "A128KW", "dir",
                          "ECDH-ES", "PBES2-HS256+A128KW", "Ed448", "ES256\\u0000", "EDDSA", "\\u0045S255"}) {
    cases.push_back({std::string("alg ") + alg, signed_ec(header_of(alg), good_claims()), "alg is none of those known"});
  }
  cases.push_back(
      {"alg hs256 in small letters", hmac_signed(header_of("hs256", "rsa-1"), good_claims(), pem), "alg is none of those known"});
  // An algorithm and a key of two kinds: no key of the set is both.
  cases.push_back({"RS256 with the EC key's kid", signed_by(w.rsa, Algorithm::kRs256, header_of("RS256", "ec-1"), good_claims()),
                   "no key of the issuer"});
  cases.push_back({"ES256 with the RSA key's kid", signed_ec(header_of("ES256", "rsa-1"), good_claims()), "no key of the issuer"});
  cases.push_back({"ES384 with the P-256 key's kid", signed_ec(header_of("ES384"), good_claims()), "no key of the issuer"});
  cases.push_back({"EdDSA with the EC key's kid", signed_ec(header_of("EdDSA"), good_claims()), "no key of the issuer"});
  cases.push_back({"RS256 by the key that is for PS256", signed_by(w.ps, Algorithm::kRs256, header_of("RS256", "ps-1"), good_claims()),
                   "no key of the issuer"});
  cases.push_back({"PS384 by the key that is for PS256", signed_by(w.ps, Algorithm::kPs384, header_of("PS384", "ps-1"), good_claims()),
                   "no key of the issuer"});
  // The name of one algorithm over the signature of another.
  cases.push_back({"PS256's signature called RS256", rsa(Algorithm::kPs256, "RS256"), "signature does not verify"});
  cases.push_back({"RS256's signature called PS256", rsa(Algorithm::kRs256, "PS256"), "signature does not verify"});
  cases.push_back({"RS512's signature called RS256", rsa(Algorithm::kRs512, "RS256"), "signature does not verify"});
  cases.push_back({"RS256's signature called RS384", rsa(Algorithm::kRs256, "RS384"), "signature does not verify"});
  return cases;
}

std::vector<Case> keys_by_header() {
  const auto& w = world();
  std::vector<Case> cases = {
      {"the right kid", good_token(), ""},
      {"header members that name keys, which nobody follows, on a token of the issuer's own key",
       signed_ec(header_of("ES256", "ec-1", R"(,"jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/","x5c":["AAAA"])"), good_claims()),
       ""}};
  const auto by_stranger = [&](std::string_view kid, std::string_view more = "") {
    return signed_by(w.stranger, Algorithm::kEs256, header_of("ES256", kid, more), good_claims());
  };
  const std::pair<const char*, std::string> kids[] = {{"that is unknown", "ec-2"},
                                                      {"in other letters", "EC-1"},
                                                      {"with a space after it", "ec-1 "},
                                                      {"with a line after it", "ec-1\\n"},
                                                      {"with a zero byte after it", "ec-1\\u0000"},
                                                      {"that is a path to nothing", "/dev/null"},
                                                      {"that climbs", "../../../../../../dev/null"},
                                                      {"that climbs, encoded", "..%2f..%2fdev%2fnull"},
                                                      {"that is a file", "file:///etc/passwd"},
                                                      {"that is SQL", "x' UNION SELECT 'AAAA' --"},
                                                      {"that is SQL and always true", "' OR '1'='1"},
                                                      {"that is a command", "ec-1; cat /etc/passwd"},
                                                      {"that is a template", "${jndi:ldap://127.0.0.1/a}"},
                                                      {"that is an address", "http://169.254.169.254/latest/meta-data"},
                                                      {"of letters that look alike", "\xd0\xb5\x63-1"},
                                                      {"that is a wildcard", "*"}};
  for (const auto& [what, kid] : kids) cases.push_back({std::string("a kid ") + what, by_stranger(kid), "no key of the issuer"});
  cases.push_back({"the right kid over another's signature", by_stranger("ec-1"), "signature does not verify"});
  cases.push_back({"an empty kid over another's signature", by_stranger(""), "signature does not verify"});
  cases.push_back({"a huge kid", by_stranger(std::string(257, 'k')), "'kid' is over the bound"});
  cases.push_back({"a kid of 10,000 bytes", by_stranger(std::string(10'000, 'k')), "'kid' is over the bound"});
  cases.push_back({"a kid that is a number", signed_ec(R"({"alg":"ES256","kid":1})", good_claims()), "'kid' is no text"});
  cases.push_back({"a kid that is a list", signed_ec(R"({"alg":"ES256","kid":["ec-1"]})", good_claims()), "'kid' is no text"});
  cases.push_back({"a kid that is null", signed_ec(R"({"alg":"ES256","kid":null})", good_claims()), "'kid' is no text"});
  const auto jwk = json::write(w.stranger.public_key().to_jwk());
  const std::pair<const char*, std::string> tricks[] = {
      {"jwk", ",\"jwk\":" + jwk},
      {"jku", R"(,"jku":"http://127.0.0.1:1/keys.json")"},
      {"jku at the issuer's own name", R"(,"jku":"https://issuer.example@evil.example/keys.json")"},
      {"x5u", R"(,"x5u":"http://127.0.0.1:1/chain.pem")"},
      {"x5c", R"(,"x5c":["MIIB"])"},
      {"x5t", R"(,"x5t":"AAAA","x5t#S256":"AAAA")"},
      {"all of them", ",\"jwk\":" + jwk + R"(,"jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/","x5c":["MIIB"])"},
  };
  for (const auto& [what, more] : tricks) {
    cases.push_back({std::string("a key of its own by ") + what, by_stranger("ec-1", more), "signature does not verify"});
    cases.push_back(
        {std::string("a key of its own by ") + what + " and an unknown kid", by_stranger("mine", more), "no key of the issuer"});
  }
  return cases;
}

std::vector<Case> signatures() {
  const auto& w = world();
  const std::string order = *from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  const std::string zero(32, '\0');
  const std::string one = std::string(31, '\0') + '\x01';
  const auto ec = [&](std::string_view signature) { return with_signature(good_header(), good_claims(), signature); };
  const auto good = good_token();
  const auto raw = *base64url_decode(good.substr(good.rfind('.') + 1));
  const auto first_parts = good.substr(0, good.rfind('.') + 1);
  const auto rsa_input = b64(header_of("RS256", "rsa-1")) + "." + b64(good_claims());
  const auto rsa = *w.rsa.sign(Algorithm::kRs256, rsa_input);
  const std::string failed = "signature does not verify";
  return {
      {"ES256", good, ""},
      {"RS256", rsa_input + "." + b64(rsa), ""},
      {"psychic: all zeros", ec(zero + zero), failed},
      {"psychic in DER", ec(*from_hex("3006020100020100")), failed},
      {"r and s the order", ec(order + order), failed},
      {"r one, s the order", ec(one + order), failed},
      {"r zero, s one", ec(zero + one), failed},
      {"r one, s one", ec(one + one), failed},
      {"one byte short", first_parts + b64(raw.substr(0, 63)), failed},
      {"one byte long", first_parts + b64(raw + '\0'), failed},
      {"a zero byte before", first_parts + b64('\0' + raw), failed},
      {"r alone", first_parts + b64(raw.substr(0, 32)), failed},
      {"one byte", first_parts + "AA", failed},
      {"of another token of the issuer", b64(good_header()) + "." + b64(claims_with("sub", "\"admin\"")) + good.substr(good.rfind('.')),
       failed},
      {"under another header", b64(header_of("ES256", "ec-1", R"(,"x":1)")) + good.substr(good.find('.')), failed},
      {"with padding", good + "==", "signature is not base64url"},
      {"in the other alphabet", first_parts + "ab+/", "signature is not base64url"},
      {"with bits that nobody reads", good.substr(0, good.size() - 1) + "B", "signature is not base64url"},
      {"with a space in it", good.substr(0, good.size() - 4) + " " + good.substr(good.size() - 4), "signature is not base64url"},
      {"with a line after it", good + "\n", "signature is not base64url"},
      {"RSA of zeros", rsa_input + "." + b64(std::string(256, '\0')), failed},
      {"RSA of one", rsa_input + "." + b64(std::string(255, '\0') + '\x01'), failed},
      {"RSA one byte short", rsa_input + "." + b64(rsa.substr(1)), failed},
      {"RSA with a zero byte before", rsa_input + "." + b64('\0' + rsa), failed},
      {"RSA by another's key", signed_by(w.stranger_rsa, Algorithm::kRs256, header_of("RS256", "rsa-1"), good_claims()), failed},
      {"Ed25519 of zeros", with_signature(header_of("EdDSA", "ed-1"), good_claims(), std::string(64, '\0')), failed},
      {"Ed25519 with the identity", with_signature(header_of("EdDSA", "ed-1"), good_claims(), '\x01' + std::string(63, '\0')), failed},
  };
}

std::vector<Case> shapes() {
  const auto good = good_token();
  const auto first = good.find('.');
  const auto last = good.rfind('.');
  const std::string signature = good.substr(last);
  const auto claims_part = [&](std::string_view bytes) { return signed_ec(good_header(), bytes); };
  const auto header_part = [&](std::string_view bytes) { return signed_ec(bytes, good_claims()); };
  const std::string deep = R"(,"x":)" + std::string(40, '[') + std::string(40, ']');
  const auto escaped_nested = claims_with("x", "\"" + good + "\"");
  return {
      {"a good token", good, ""},
      {"a token within a claim", claims_part(escaped_nested), ""},
      {"empty", "", "three parts"},
      {"one word", "token", "three parts"},
      {"two dots", "..", "header is not valid JSON"},
      {"four parts", good + ".AAAA", "three parts"},
      {"five parts, as of JWE", good + ".AAAA.AAAA", "encrypted (JWE)"},
      {"a thousand dots", std::string(1000, '.'), "three parts"},
      {"cut in its header", good.substr(0, first - 3), "three parts"},
      {"cut in its claims", good.substr(0, last - 5), "three parts"},
      {"cut claims with the signature", good.substr(0, last - 3) + signature, "claims part is not"},
      {"cut in its signature", good.substr(0, good.size() - 2), "signature does not verify"},
      {"its header taken away", good.substr(first), "header is not valid JSON"},
      {"its claims taken away", good.substr(0, first) + "." + signature, "claims part is not valid JSON"},
      {"over 16 KiB", signed_ec(good_header(), claims_with("x", "\"" + std::string(kTokenBytes, 'x') + "\"")), "over the bound of 16 KiB"},
      {"a megabyte of dots", std::string(1 << 20, '.'), "over the bound of 16 KiB"},
      {"a scheme before it", "Bearer " + good, "header is not base64url"},
      {"a space before it", " " + good, "header is not base64url"},
      {"a zero byte in it", good.substr(0, 5) + '\0' + good.substr(5), "header is not base64url"},
      {"padding in the header", good.substr(0, first) + "=" + good.substr(first), "header is not base64url"},
      {"JWS in JSON", R"({"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]})", "three parts"},
      {"a header that is a list", header_part("[]"), "header is no JSON object"},
      {"a header that is a text", header_part("\"ES256\""), "header is no JSON object"},
      {"a header that is null", header_part("null"), "header is no JSON object"},
      {"a header that is no JSON", header_part("{alg:ES256}"), "header is not valid JSON"},
      {"a header with a comma too many", header_part(R"({"alg":"ES256",})"), "header is not valid JSON"},
      {"a header with a comment", header_part(R"({"alg":"ES256"/**/})"), "header is not valid JSON"},
      {"a header with text after it", header_part(good_header() + "{}"), "text follows the document"},
      {"a header with a mark of byte order", header_part("\xef\xbb\xbf" + good_header()), "header is not valid JSON"},
      {"a header in UTF-16", header_part(std::string_view("{\0\"\0}\0", 6)), "header is not valid JSON"},
      {"a header of bytes that are no UTF-8", header_part(header_of("ES256", "\xff\xfe")), "header is not valid JSON"},
      {"a header with an overlong character", header_part(header_of("ES256", "\xc0\xaf")), "header is not valid JSON"},
      {"a header with a lone surrogate", header_part(header_of("ES256", "\\ud800")), "header is not valid JSON"},
      {"a header with a control character", header_part(header_of("ES256", "a\nb")), "header is not valid JSON"},
      {"a header that is too deep", header_part(header_of("ES256", "ec-1", deep)), "header is not valid JSON: nesting is too deep"},
      {"claims that are a list", claims_part("[]"), "claims part is no JSON object"},
      {"claims that are a text", claims_part("\"" + good + "\""), "claims part is no JSON object"},
      {"claims that are a token: nested JWT", claims_part(good), "claims part is not valid JSON"},
      {"claims that are empty", claims_part(""), "claims part is not valid JSON"},
      {"claims that are too deep", claims_part(claims_with("", "", deep)), "claims part is not valid JSON: nesting is too deep"},
      {"claims of bytes that are no UTF-8", claims_part(claims_with("sub", "\"\x80\"")), "claims part is not valid JSON"},
      {"claims with a surrogate in UTF-8", claims_part(claims_with("sub", "\"\xed\xa0\x80\"")), "claims part is not valid JSON"},
      {"claims with NaN", claims_part(claims_with("exp", "NaN")), "claims part is not valid JSON"},
      {"claims with Infinity", claims_part(claims_with("exp", "Infinity")), "claims part is not valid JSON"},
  };
}

std::vector<Case> members() {
  const auto claims = [](std::string_view more) { return signed_ec(good_header(), claims_with("", "", more)); };
  const auto header = [](std::string_view more) { return signed_ec(header_of("ES256", "ec-1", more), good_claims()); };
  const auto typed = [](std::string_view typ) {
    return signed_ec("{\"alg\":\"ES256\",\"kid\":\"ec-1\",\"typ\":" + std::string(typ) + "}", good_claims());
  };
  return {
      {"typ JWT", good_token(), ""},
      {"typ application/jwt", typed("\"application/jwt\""), ""},
      {"no typ", signed_ec(R"({"alg":"ES256","kid":"ec-1"})", good_claims()), ""},
      {"alg twice", header(R"(,"alg":"none")"), "a key comes twice"},
      {"alg twice, the same", header(R"(,"alg":"ES256")"), "a key comes twice"},
      {"alg twice, once escaped", header(R"(,"\u0061lg":"none")"), "a key comes twice"},
      {"kid twice", header(R"(,"kid":"rsa-1")"), "a key comes twice"},
      {"typ twice", header(R"(,"typ":"at+jwt")"), "a key comes twice"},
      {"iss twice", claims(R"(,"iss":"https://evil.example")"), "a key comes twice"},
      {"sub twice", claims(R"(,"sub":"admin")"), "a key comes twice"},
      {"sub twice, once escaped", claims(R"(,"s\u0075b":"admin")"), "a key comes twice"},
      {"aud twice", claims(R"(,"aud":"https://evil.example")"), "a key comes twice"},
      {"exp twice", claims(R"(,"exp":9999999999)"), "a key comes twice"},
      {"a member twice within a claim", claims(R"(,"act":{"sub":"a","sub":"b"})"), "a key comes twice"},
      {"crit of an extension", header(R"(,"crit":["exp"],"exp":1)"), "header has crit"},
      {"crit empty", header(R"(,"crit":[])"), "header has crit"},
      {"crit of b64", header(R"(,"crit":["b64"],"b64":false)"), "header has crit"},
      {"crit null", header(R"(,"crit":null)"), "header has crit"},
      {"b64 false alone", header(R"(,"b64":false)"), "header has b64"},
      {"b64 true", header(R"(,"b64":true)"), "header has b64"},
      {"typ at+jwt where an ID token is wanted", typed("\"at+jwt\""), "typ is not one that is taken"},
      {"typ dpop+jwt", typed("\"dpop+jwt\""), "typ is not one that is taken"},
      {"typ of a logout token", typed("\"logout+jwt\""), "typ is not one that is taken"},
      {"typ of a security event", typed("\"secevent+jwt\""), "typ is not one that is taken"},
      {"typ of a client's attestation", typed("\"oauth-client-attestation+jwt\""), "typ is not one that is taken"},
      {"typ with a space", typed("\"JWT \""), "typ is not one that is taken"},
      {"typ text/jwt", typed("\"text/jwt\""), "typ is not one that is taken"},
      {"typ a number", typed("1"), "'typ' is no text"},
      {"typ a list", typed("[\"JWT\"]"), "'typ' is no text"},
      {"typ huge", typed("\"" + std::string(300, 'a') + "\""), "'typ' is over the bound"},
  };
}

std::vector<Case> clocks() {
  const auto at = [](std::string_view name, std::string_view written) { return signed_ec(good_header(), claims_with(name, written)); };
  const auto seconds = [](std::int64_t from_now) { return std::to_string(kSeconds + from_now); };
  const auto two = [&](std::int64_t issued, std::int64_t expires) {
    auto claims = claims_with("iat", seconds(issued));
    const auto exp = "\"exp\":" + seconds(300);
    return signed_ec(good_header(), claims.replace(claims.find(exp), exp.size(), "\"exp\":" + seconds(expires)));
  };
  return {
      {"good times", good_token(), ""},
      {"exp within the leeway", two(-100, -29), ""},
      {"iat at the end of the leeway", at("iat", seconds(30)), ""},
      {"nbf at the end of the leeway", at("nbf", seconds(30)), ""},
      {"a life of just an hour", two(0, 3600), ""},
      {"a fraction", at("exp", seconds(1) + ".5"), ""},
      {"exp as old as the leeway", two(-100, -30), "the token expired at"},
      {"exp one second older", two(-100, -31), "the token expired at"},
      {"exp a day old", two(-90'000, -86'400), "the token expired at"},
      {"exp in 1970", signed_ec(good_header(), R"({"iss":")" + kIssuer + R"(","sub":"a","aud":")" + kAudience + R"(","exp":0})"),
       "the token expired at"},
      {"exp absent", at("exp", ""), "the token has no exp"},
      {"exp null", at("exp", "null"), "exp is no number"},
      {"exp a text", at("exp", "\"" + seconds(300) + "\""), "exp is no number"},
      {"exp true", at("exp", "true"), "exp is no number"},
      {"exp a list", at("exp", "[" + seconds(300) + "]"), "exp is no number"},
      {"exp an object", at("exp", "{}"), "exp is no number"},
      {"exp negative", at("exp", "-1"), "exp is not a time between 1970 and 9999"},
      {"exp the smallest integer", at("exp", "-9223372036854775808"), "exp is not a time between 1970 and 9999"},
      {"exp the largest integer", at("exp", "18446744073709551615"), "exp is not a time between 1970 and 9999"},
      {"exp 1e300", at("exp", "1e300"), "exp is not a time between 1970 and 9999"},
      {"exp 1e400", at("exp", "1e400"), "claims part is not valid JSON"},
      {"exp of thirty digits", at("exp", "999999999999999999999999999999"), "does not fit 64 bits"},
      {"exp in milliseconds", at("exp", std::to_string(kNow + 300'000)), "exp is not a time between 1970 and 9999"},
      {"exp in year 10000", at("exp", "253402300800"), "exp is not a time between 1970 and 9999"},
      {"exp in hexadecimal", at("exp", "0x7fffffff"), "claims part is not valid JSON"},
      {"exp with a zero before it", at("exp", "0" + seconds(300)), "claims part is not valid JSON"},
      {"exp with a plus", at("exp", "+" + seconds(300)), "claims part is not valid JSON"},
      {"exp before iat", two(-5, -10), "exp is not after its iat"},
      {"exp at iat", two(-5, -5), "exp is not after its iat"},
      {"a life of an hour and a second", two(0, 3601), "lives longer than"},
      {"a life of ten years", two(0, 315'360'000), "lives longer than"},
      {"no iat, and an end beyond an hour",
       signed_ec(good_header(), R"({"iss":")" + kIssuer + R"(","sub":"a","aud":")" + kAudience + R"(","exp":)" + seconds(3700) + "}"),
       "lives longer than"},
      {"iat after the leeway", at("iat", seconds(31)), "iat is in the future"},
      {"iat a text", at("iat", "\"now\""), "iat is no number"},
      {"iat negative", at("iat", "-1"), "iat is not a time between 1970 and 9999"},
      {"iat null", at("iat", "null"), "iat is no number"},
      {"nbf after the leeway", at("nbf", seconds(31)), "not valid before"},
      {"nbf tomorrow", at("nbf", seconds(86'400)), "not valid before"},
      {"nbf a text", at("nbf", "\"0\""), "nbf is no number"},
      {"nbf negative", at("nbf", "-0.5"), "nbf is not a time between 1970 and 9999"},
  };
}

std::vector<Case> names() {
  const auto with = [](std::string_view name, std::string_view written) { return signed_ec(good_header(), claims_with(name, written)); };
  const std::string other = "aud does not name this gate";
  const std::string issuer = "iss is not the issuer";
  return {
      {"the right names", good_token(), ""},
      {"the audience in a list", with("aud", R"(["https://other.example",")" + kAudience + "\"]"), ""},
      {"another audience", with("aud", "\"https://other.example/mcp\""), other},
      {"a list of others", with("aud", R"(["https://other.example","https://third.example"])"), other},
      {"aud absent", with("aud", ""), other},
      {"aud an empty text", with("aud", "\"\""), other},
      {"aud an empty list", with("aud", "[]"), other},
      {"aud with a slash after it", with("aud", "\"" + kAudience + "/\""), other},
      {"aud that is the beginning", with("aud", "\"https://gate.example\""), other},
      {"aud that goes on", with("aud", "\"" + kAudience + "/tools\""), other},
      {"aud in other letters", with("aud", "\"https://GATE.example/mcp\""), other},
      {"aud over http", with("aud", "\"http://gate.example/mcp\""), other},
      {"aud with the default port", with("aud", "\"https://gate.example:443/mcp\""), other},
      {"aud with a query", with("aud", "\"" + kAudience + "?x\""), other},
      {"aud with a space", with("aud", "\"" + kAudience + " \""), other},
      {"aud of two in one text", with("aud", "\"https://other.example " + kAudience + "\""), other},
      {"aud a wildcard", with("aud", "\"*\""), other},
      {"aud with a zero byte after it", with("aud", "\"" + kAudience + "\\u0000\""), other},
      {"aud null", with("aud", "null"), "aud is neither a text nor a list"},
      {"aud a number", with("aud", "5"), "aud is neither a text nor a list"},
      {"aud an object", with("aud", "{\"" + kAudience + "\":true}"), "aud is neither a text nor a list"},
      {"aud a list with a number in it", with("aud", "[\"" + kAudience + "\",5]"), "aud is neither a text nor a list"},
      {"aud a list in a list", with("aud", "[[\"" + kAudience + "\"]]"), "aud is neither a text nor a list"},
      {"another issuer", with("iss", "\"https://evil.example\""), issuer},
      {"iss with a slash after it", with("iss", "\"" + kIssuer + "/\""), issuer},
      {"iss over http", with("iss", "\"http://issuer.example\""), issuer},
      {"iss in other letters", with("iss", "\"https://Issuer.example\""), issuer},
      {"iss with user information", with("iss", "\"https://issuer.example@evil.example\""), issuer},
      {"iss that goes on", with("iss", "\"https://issuer.example.evil.example\""), issuer},
      {"iss with a port", with("iss", "\"https://issuer.example:443\""), issuer},
      {"iss with a space before it", with("iss", "\" " + kIssuer + "\""), issuer},
      {"iss of letters that look alike", with("iss", "\"https://\xd1\x96ssuer.example\""), issuer},
      {"iss absent", with("iss", ""), issuer},
      {"iss empty", with("iss", "\"\""), issuer},
      {"iss null", with("iss", "null"), "'iss' is no text"},
      {"iss a list", with("iss", "[\"" + kIssuer + "\"]"), "'iss' is no text"},
      {"the issuer's name over another issuer's key with the same kid",
       signed_by(world().stranger, Algorithm::kEs256, good_header(), good_claims()), "signature does not verify"},
      {"sub absent", with("sub", ""), "the token has no sub"},
      {"sub empty", with("sub", "\"\""), "the token has no sub"},
      {"sub a number", with("sub", "0"), "'sub' is no text"},
      {"sub an object", with("sub", "{}"), "'sub' is no text"},
      {"sub null", with("sub", "null"), "'sub' is no text"},
      {"jti a number", with("jti", "1"), "'jti' is no text"},
  };
}

TEST(HostileToken, IsRefusedByTheRuleItBreaks) {
  struct {
    const char* family;
    std::vector<Case> cases;
  } const families[] = {{"unsigned", unsigned_tokens()},
                        {"confusion", confusions()},
                        {"keys by header", keys_by_header()},
                        {"signatures", signatures()},
                        {"shapes", shapes()},
                        {"members", members()},
                        {"clocks", clocks()},
                        {"names", names()}};
  std::size_t refused = 0;
  for (const auto& family : families) {
    SCOPED_TRACE(family.family);
    refused += expect_each(family.cases, judge);
  }
  std::printf("%zu hostile tokens refused, each by its rule\n", refused);
  EXPECT_GE(refused, 240U);
}

TEST(HostileToken, IsRefusedForAnIssuerThatAllowsOtherAlgorithms) {
  const auto token = *parse_token(good_token());
  const Algorithm allowed[] = {Algorithm::kRs256, Algorithm::kEdDsa};
  Expectations expected;
  expected.algorithms = allowed;
  expected.now_ms = kNow;
  EXPECT_NE(verify_token(token, world().ec.public_key(), expected).error().message.find("not one that is allowed for this issuer"),
            std::string::npos);
  expected.algorithms = {};
  EXPECT_NE(verify_token(token, world().rsa.public_key(), expected).error().message.find("does not fit the issuer's key"),
            std::string::npos);
}

}  // namespace
}  // namespace interlock::jose::hostile
