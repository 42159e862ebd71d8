// Claims about policies in a file, each with the answer it should get: policies/proofs/presets.yaml is one. docs/analyze.md tells
// the format.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "analyze/analyze.hpp"
#include "cli/arguments.hpp"

namespace interlock::cli {

struct Claim {
  std::string name;
  std::string place;  // "file:line"
  analyze::Question question = analyze::Question::kAlwaysDenies;
  Words policies;     // files or folders, as the process can open them
  Words other;        // the second set
  std::string given;  // an expression; empty: none
  analyze::Answer expected = analyze::Answer::kProved;
};

struct ClaimFile {
  std::string schema;
  bool gate = false;
  std::vector<Claim> claims;
};

// Relative paths start at the file's folder. A file without claims is refused.
Result<ClaimFile> read_claims(const std::filesystem::path& file);

}  // namespace interlock::cli
