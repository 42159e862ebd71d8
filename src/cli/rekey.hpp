// Moving a state folder to another master key, while its gates run: the data keys are sealed under both, the new key takes the place of
// the old one, the old one is taken out, and every value is sealed anew. Killed at any of these steps, everything opens.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/config_credentials.hpp"
#include "store/sealed.hpp"

namespace interlock::cli {

struct RekeyReport {
  std::string master;     // id of the key that is in force, or will be
  bool finished = false;  // false: both keys open the store, until a gate is started with the new one
  std::string next;       // what is left to do, for people; empty: nothing
  store::RotationReport rotation;
};

// `new_key_file`: with the new key, or the new passphrase. Empty: a key file gets a fresh key; for the other places the key that stands
// there now, where it has changed. kInvalid says what to give.
Result<RekeyReport> rekey_store(store::SealedStore& sealed, const SecretsConfig& config, const std::filesystem::path& state_folder,
                                const std::string& new_key_file, bool keep_data_key, UnixMs now_ms);

}  // namespace interlock::cli
