// Reads `run` of interlock.yaml.
#include <charconv>

#include "cli/config_reading.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kPaths = 256;
constexpr std::size_t kVariables = 256;
constexpr std::int64_t kMostProcesses = 1'000'000;
constexpr std::int64_t kMostFiles = 1'000'000;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 50;
constexpr std::int64_t kMostCpuMs = std::int64_t{30} * 24 * 3'600'000;

std::vector<std::filesystem::path> paths_at(ConfigReader& in, yaml::Map& map, std::string_view key) {
  const auto* node = map.find(key);
  return node == nullptr ? std::vector<std::filesystem::path>() : in.paths(*node, map.what_of(key), kPaths, false);
}

std::optional<std::int64_t> number_at(yaml::Map& map, std::string_view key, std::int64_t most) {
  const auto value = map.integer(key, 0, 1, most);
  return value == 0 ? std::nullopt : std::optional(value);
}

// "8GiB", "512MiB", or a number of bytes.
std::optional<std::int64_t> size_at(ConfigReader& in, yaml::Map& map, std::string_view key) {
  const auto* node = map.find(key);
  if (node == nullptr) return std::nullopt;
  const auto text = in.reader.text(*node, map.what_of(key));
  if (in.reader.failed()) return std::nullopt;
  std::int64_t number = -1;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = std::string_view(text).substr(static_cast<std::size_t>(end - text.data()));
  const std::int64_t scale = unit.empty() ? 1 : unit == "KiB" ? 1 << 10 : unit == "MiB" ? 1 << 20 : unit == "GiB" ? 1 << 30 : 0;
  if (bad != std::errc() || scale == 0 || number <= 0 || number > kMostBytes / scale) {
    in.reader.complain(*node, "`" + map.what_of(key) + "` must be a size", "write 8GiB, 512MiB or a number of bytes");
    return std::nullopt;
  }
  return number * scale;
}

}  // namespace

void read_run(ConfigReader& in, yaml::Map& root, Config& out) {
  const auto* node = root.find("run");
  if (node == nullptr) return;
  yaml::Map map(in.reader, *node, "run");
  auto& run = out.run;
  run.hide = paths_at(in, map, "hide");
  run.read = paths_at(in, map, "read");
  run.write = paths_at(in, map, "write");
  run.keep_environment = map.texts("keep_environment", kVariables);
  if (const auto* limits = map.find("limits")) {
    yaml::Map each(in.reader, *limits, "run.limits");
    run.processes = number_at(each, "processes", kMostProcesses);
    run.open_files = number_at(each, "open_files", kMostFiles);
    run.memory_bytes = size_at(in, each, "memory");
    run.file_bytes = size_at(in, each, "file_size");
    if (const auto cpu_ms = each.duration_ms("cpu", 0, 1'000, kMostCpuMs); cpu_ms > 0) run.cpu_ms = cpu_ms;
    each.close();
  }
  map.close();
}

}  // namespace interlock::cli
