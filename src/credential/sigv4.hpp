// AWS Signature Version 4: the head of a request signed with leased keys, for our own calls and for requests that pass through the gate.
//
// Source: AWS IAM User Guide, "Create a signed AWS API request" (reference_sigv-create-signed-request) and "Authenticating Requests: Using
// the Authorization Header" of the Amazon S3 API reference. Pure functions, any thread. The secret key is read and never kept; keys that
// are derived from it are wiped. No error holds a key or a signature.
//
// The body is signed by its hash. What streams through and cannot be hashed first is signed as kUnsignedPayload (Amazon S3 over TLS takes
// it, other services do not), or by the hash that the client declared in X-Amz-Content-Sha256: the service compares it with what arrives,
// so that a false one is refused there. Bodies whose every chunk is signed (STREAMING-AWS4-HMAC-SHA256-PAYLOAD) cannot be signed anew by
// their head alone, and are refused.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/http.hpp"

namespace interlock::credential {

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";  // chunked with checksums, unsigned

// Whose signature, and what for. Views of a lease's fields and of a placement.
struct SigV4Signer {
  std::string_view access_key_id;
  std::string_view secret_access_key;
  std::string_view session_token;  // empty: the keys are no session's
  std::string_view region;         // "eu-central-1"
  std::string_view service;        // "s3", "sts", "dynamodb"
};

// What a body is signed as: its SHA-256, in hexadecimal.
std::string payload_hash(std::string_view body);
// Whether a client's X-Amz-Content-Sha256 can be signed again: a hash, kUnsignedPayload or kUnsignedTrailer.
bool is_payload_hash(std::string_view declared);

// Signs: takes what was signed before off (Authorization, X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-Sha256, Date), then sets them
// anew. `target` is path and query as they are sent, `headers` holds Host as it is sent. Signed are Host, Content-Type, Content-MD5 and
// every X-Amz-* header, which no hop on the way changes. kInvalid: no Host, no key, no region, no service, or a `payload` that is no
// payload hash.
Status sign(const SigV4Signer& signer, std::string_view method, std::string_view target, net::Headers& headers, std::string_view payload,
            UnixMs now_ms);

// What the name of an AWS endpoint says of itself: "dynamodb.eu-central-1.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com"; one without
// a region is signed for us-east-1. Both empty: it is no such name.
struct SigV4Scope {
  std::string_view service;
  std::string_view region;
};
SigV4Scope sigv4_scope_of(std::string_view host);

// The parts, for those who check them against AWS's vectors.
// Amazon S3 takes a path as it is; other services want dot segments resolved and every segment encoded once more.
std::string canonical_path(std::string_view path, std::string_view service);
std::string canonical_query(std::string_view query);
// `headers` are all signed. `signed_names` becomes "host;x-amz-date".
std::string canonical_request(std::string_view method, std::string_view target, const net::Headers& headers, std::string_view payload,
                              std::string_view service, std::string& signed_names);
std::string string_to_sign(const SigV4Signer& signer, std::string_view amz_date, std::string_view canonical);
std::string signature(const SigV4Signer& signer, std::string_view amz_date, std::string_view text);
std::string amz_date(UnixMs now_ms);  // "20150830T123600Z"

}  // namespace interlock::credential
