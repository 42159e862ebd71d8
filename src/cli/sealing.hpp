// What is sealed in a state folder, opened as the configuration says where its master key comes from: one sealed store for all who seal.
// Each error says what to do. Any thread; the store is for one.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "cli/config_credentials.hpp"
#include "store/master_key.hpp"
#include "store/sealed.hpp"
#include "store/store.hpp"

namespace interlock::cli {

// Where the configuration has it: a file, the kernel's keyring, a systemd credential, a passphrase. A key file is made where there is none.
Result<store::MasterKey> open_master_key(const SecretsConfig& config, const std::filesystem::path& state_folder);
// Of MasterKeySource::kFile.
std::filesystem::path key_file_of(const SecretsConfig& config, const std::filesystem::path& state_folder);
Result<store::MasterKey> key_of_passphrase_file(const std::filesystem::path& file, const std::filesystem::path& state_folder);
// kDenied: the store was sealed under another master key.
Result<std::unique_ptr<store::SealedStore>> open_sealed(const SecretsConfig& config, const std::filesystem::path& state_folder,
                                                        store::Store& store);

}  // namespace interlock::cli
