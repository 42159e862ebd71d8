// What a gate arranges for its own process before it holds a secret, and the signals that it lives by.
#pragma once

#include <functional>

#include "cli/logging.hpp"
#include "net/loop.hpp"

namespace interlock::cli {

// No core dumps, and no other process of the same user reads this one's memory, environment or descriptors
// (prctl(2) PR_SET_DUMPABLE): tokens and server keys are in there, and agents often run as the same user. What stands in
// /proc/PID/stat and status, which approvals and operators read, stays readable. Children are as dumpable as ever.
// The umask is left alone: files of the gate are made with their modes, and servers would inherit it.
void guard_own_process();

// As many descriptors as the system allows: each client and each server is one or more.
void raise_descriptor_limit();

// SIGTERM and SIGINT: `stop` at the first, an end at once at the second. SIGHUP: `reload`. SIGPIPE is ignored.
void live_by_signals(net::Loop& loop, Log& log, std::function<void()> stop, std::function<void()> reload);

}  // namespace interlock::cli
