// Takes a log into use: finds a free one, reads its end, cuts off a torn record, refuses a damaged one.
#pragma once

#include <string>
#include <vector>

#include "ledger/files.hpp"
#include "ledger/publisher.hpp"

namespace interlock::ledger {

// A log that this process holds.
struct HeldLog {
  LogPaths paths;
  File lock;
  File log;  // for appending
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t published = 0;  // records under the present checkpoint
  Boundary boundary;
};

// The first log below `folder` that nobody holds and that is whole, made where there is none. Adds to `notices` what was found.
Result<HeldLog> take_log(const std::filesystem::path& folder, const tlog::Signer& signer, const std::string& now,
                         std::vector<std::string>& notices);

}  // namespace interlock::ledger
