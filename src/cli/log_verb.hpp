// `interlock log`: reads the ledger of a state folder; works beside a running gate, on a copy, and offline.
//
//   tail [-f] [-n N]      the newest receipts, and with -f what comes after
//   show ACT|LOG:SEQ      every receipt of an act, or one record, in full
//   query [--subject S] [--action A[*]] [--server S] [--task T] [--kind K] [--verdict V] [--since T] [--until T] [--limit N]
//   verify [--checkpoint FILE]   recomputes everything; FILE is a checkpoint that was kept elsewhere
//   reindex               makes the index again from the log
//   key                   the keys that third parties verify checkpoints with
// `--json` for all: one JSON value a line. Exit codes: 0 done, 1 not found or not intact, 2 usage.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace interlock::cli {

// The ledger is <state_dir>/ledger. SIGINT ends `tail -f` the usual way.
int run_log(const std::filesystem::path& state_dir, std::vector<std::string> args);

}  // namespace interlock::cli
