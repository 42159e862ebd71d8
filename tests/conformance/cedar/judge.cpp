// Files, counts and differences.
#include "judge.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace check_cedar {
namespace {

constexpr std::size_t kShownCases = 12;  // failing cases named per kind

}  // namespace

using namespace interlock;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<json::value> read_json(const fs::path& path) {
  auto parsed = json::parse(read_text(path), {.size_bytes = std::size_t{256} << 20, .depth = 512});
  if (!parsed) return std::nullopt;
  return *parsed;
}

bool Suite::differs(const std::string& kind, const fs::path& file, const std::string& detail) {
  auto& list = differences_[kind];
  if (list.empty()) std::printf("%s: first difference in %s: %s\n  %s\n", name_.c_str(), kind.c_str(), file.c_str(), detail.c_str());
  list.push_back(file.string());
  return false;
}

void Suite::print() const {
  for (const auto& [kind, list] : differences_) {
    std::printf("%s: %s: %zu differences\n", name_.c_str(), kind.c_str(), list.size());
    for (std::size_t i = 0; i < std::min(list.size(), kShownCases); ++i) std::printf("  %s\n", list[i].c_str());
  }
  std::printf("%s: %zu passed, %zu failed\n", name_.c_str(), passed_, failed_);
}

fs::path Case::path(std::string_view member) const {
  auto name = json::string_at(json.as_object(), member);
  if (!name) return {};
  // The small named cases say where they once stood; their files lie beside them.
  fs::path beside = file.parent_path() / fs::path(*name).filename();
  return fs::exists(root / *name) ? root / *name : beside;
}

fs::path Case::beside(std::string_view suffix) const { return file.parent_path() / (file.stem().string() + std::string(suffix)); }

std::optional<Case> load_case(const fs::path& root, const fs::path& file, Suite& suite) {
  auto parsed = read_json(file);
  if (!parsed || !parsed->is_object()) {
    suite.differs("case file", file, "this is no JSON object");
    suite.count(false);
    return std::nullopt;
  }
  return Case{root, file, std::move(*parsed)};
}

}  // namespace check_cedar
