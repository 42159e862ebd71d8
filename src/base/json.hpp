// JSON for the whole house: Boost.JSON's value type, behind a strict parser and a writer of our own.
//
// Strict means: one document, valid UTF-8, bounded size and depth, no duplicate keys in an object, no trailing text, no integer
// outside 64 bits (it would silently become a double; digits that a double is written as are taken). Errors carry the byte
// offset. The writer prints doubles as ECMAScript does (RFC 8785 §3.2.2.3), so 1.5 stays 1.5.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::json {

using boost::json::array;
using boost::json::kind;
using boost::json::object;
using boost::json::string;
using boost::json::value;

struct Limits {
  std::size_t size_bytes = std::size_t{16} << 20;
  std::size_t depth = 64;  // of nested arrays and objects
};

Result<value> parse(std::string_view text, Limits limits = {});

// Compact text. Strings are written as they are (UTF-8), with only what JSON requires escaped.
std::string write(const value& v);
void write_to(std::string& out, const value& v);
void write_string_to(std::string& out, std::string_view text);

// RFC 8785 (JCS): members sorted by UTF-16 code units, canonical numbers. Fails on what JCS cannot express: integers beyond
// 2^53 lose nothing here and are written in full, which RFC 8785 §6 leaves to the application.
std::string write_canonical(const value& v);

// Accessors that never throw: nullptr / nullopt / fallback when the member is absent or of another kind.
const value* find(const value& v, std::string_view key);
const value* find(const object& o, std::string_view key);
const object* object_at(const object& o, std::string_view key);
const array* array_at(const object& o, std::string_view key);
std::optional<std::string_view> string_at(const object& o, std::string_view key);
std::optional<std::int64_t> int_at(const object& o, std::string_view key);
bool bool_at(const object& o, std::string_view key, bool fallback = false);

inline std::string_view view(const string& s) { return {s.data(), s.size()}; }

}  // namespace interlock::json
