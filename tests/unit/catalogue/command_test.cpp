// What command lines are: command_lines.txt beside this file, a line and its parts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "catalogue/catalogue.hpp"

namespace interlock::catalogue {
namespace {

const Catalogue& shipped() {
  static const auto loaded = Catalogue::load({}, {});
  if (!loaded) {
    ADD_FAILURE() << loaded.error().text();
    std::abort();
  }
  return **loaded;
}

model::ActionRequest shell_request(const std::string& line) {
  model::ActionRequest request;
  request.surface = "hook";
  request.operation = "shell";
  request.args =
      json::object{{"command", line}, {"cwd", "/work/app"}, {"environment", json::object{{"HOME", "/home/me"}, {"TMPDIR", "/tmp"}}}};
  return request;
}

// "file/delete File /a /b: delete 2 unknown"
std::string written(const model::Classification& what) {
  std::string out = what.action + " " + what.resource.type + " " + what.resource.id;
  for (const auto& further : what.further_resources) out += " " + further.resource.id;
  out += ":";
  for (const model::Effect effect : what.effects) out += " " + std::string(model::effect_name(effect));
  out += " " + std::to_string(static_cast<int>(what.band));
  return out + (what.known ? "" : " unknown");
}

struct Row {
  std::string line;
  std::vector<std::string> parts;
  int place = 0;
};

// "$ LINE", its newlines as ⏎; below it a part a line, indented.
std::vector<Row> rows() {
  std::vector<Row> out;
  std::ifstream in(INTERLOCK_SOURCE_DIR "/tests/unit/catalogue/command_lines.txt");
  std::string text;
  for (int place = 1; std::getline(in, text); ++place) {
    if (text.starts_with("$ ")) {
      std::string line = text.substr(2);
      for (std::size_t at = 0; (at = line.find("⏎", at)) != std::string::npos;) line.replace(at, std::string("⏎").size(), "\n");
      out.push_back({line, {}, place});
    } else if (text.starts_with("  ") && !out.empty()) {
      out.back().parts.push_back(text.substr(2));
    }
  }
  return out;
}

TEST(Command, LinesAreTheirParts) {
  const auto all = rows();
  EXPECT_GE(all.size(), 400U);
  for (const Row& row : all) {
    const auto act = shipped().classify(shell_request(row.line));
    std::vector<std::string> parts;
    for (const model::ActPart& part : act.parts) parts.push_back(written(part.what));
    EXPECT_EQ(parts, row.parts) << "command_lines.txt:" << row.place << ": " << row.line;
  }
}

}  // namespace
}  // namespace interlock::catalogue
