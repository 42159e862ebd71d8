#include "cli/logging.hpp"

#include <unistd.h>

#include <string>

#include "approval/display.hpp"
#include "base/json.hpp"
#include "base/time.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kFieldBytes = 2'000;

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace: return "trace";
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarn: return "warn";
    case LogLevel::kError: return "error";
    case LogLevel::kOff: return "off";
  }
  return "info";
}

}  // namespace

void Log::error(std::string_view what, const Error& error) {
  const std::string message = std::string(what) + ": " + error.message;
  if (error.hint.empty()) write(LogLevel::kError, message, {});
  else write(LogLevel::kError, message, {{"hint", error.hint}});
}

void Log::write(LogLevel level, std::string_view message, Fields fields) {
  if (level < config_.level) return;
  const auto now = rfc3339(SystemClock().now_ms());
  std::string line;
  if (config_.json) {
    json::object out{{"at", now}, {"level", level_name(level)}, {"message", message}};
    for (const auto& [name, value] : fields) out[name] = value;
    line = approval::terminal_json(out);
  } else {
    line = now + " " + std::string(level_name(level)) + " " + approval::printable(message, kFieldBytes);
    for (const auto& [name, value] : fields) {
      const auto shown = approval::printable(value, kFieldBytes);
      const bool plain = shown.find(' ') == std::string::npos;
      line += " " + std::string(name) + "=" + (plain ? shown : "\"" + shown + "\"");
    }
  }
  line += '\n';
  // A log that cannot be written has nobody to tell.
  [[maybe_unused]] const auto written = ::write(descriptor_, line.data(), line.size());
}

}  // namespace interlock::cli
