// What a gate says to whoever runs it: one line an event on standard error, as text or as JSON. Never a secret, never a receipt.
//
// A line is one write(2), so that several gates and servers may share a terminal. Loop thread only.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "cli/config.hpp"

namespace interlock::cli {

class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Log(LogConfig config = {}, int descriptor = 2) : config_(config), descriptor_(descriptor) {}
  void set(LogConfig config) { config_ = config; }

  void debug(std::string_view message, Fields fields = {}) { write(LogLevel::kDebug, message, fields); }
  void info(std::string_view message, Fields fields = {}) { write(LogLevel::kInfo, message, fields); }
  void warn(std::string_view message, Fields fields = {}) { write(LogLevel::kWarn, message, fields); }
  void error(std::string_view message, Fields fields = {}) { write(LogLevel::kError, message, fields); }
  // "WHAT: message", with the hint as a field.
  void error(std::string_view what, const Error& error);

 private:
  void write(LogLevel level, std::string_view message, Fields fields);

  LogConfig config_;
  int descriptor_;
};

}  // namespace interlock::cli
