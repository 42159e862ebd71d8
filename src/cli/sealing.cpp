#include "cli/sealing.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kKeyFile = "master.key";
constexpr const char* kSaltFile = "master.salt";

Result<store::MasterKey> from_passphrase(Result<std::string> passphrase, const std::filesystem::path& state_folder) {
  if (!passphrase) return fail(std::move(passphrase.error()));
  auto key = store::MasterKey::from_passphrase(*passphrase, state_folder / kSaltFile);
  store::wipe(*passphrase);
  return key;
}

}  // namespace

std::filesystem::path key_file_of(const SecretsConfig& config, const std::filesystem::path& state_folder) {
  return config.master_key_file.empty() ? state_folder / kKeyFile : config.master_key_file;
}

Result<store::MasterKey> key_of_passphrase_file(const std::filesystem::path& file, const std::filesystem::path& state_folder) {
  return from_passphrase(store::read_passphrase_file(file), state_folder);
}

Result<store::MasterKey> open_master_key(const SecretsConfig& config, const std::filesystem::path& state_folder) {
  switch (config.master_key) {
    case MasterKeySource::kFile: return store::MasterKey::open_file(key_file_of(config, state_folder));
    case MasterKeySource::kKeyring: return store::MasterKey::from_keyring(config.master_key_name);
    case MasterKeySource::kSystemd: return store::MasterKey::from_systemd(config.master_key_name);
    case MasterKeySource::kPassphrase:
      return from_passphrase(config.master_key_file.empty() ? store::read_systemd_credential(config.master_key_name)
                                                            : store::read_passphrase_file(config.master_key_file),
                             state_folder);
  }
  return fail(ErrorCode::kInternal, "the master key has no source");
}

Result<std::unique_ptr<store::SealedStore>> open_sealed(const SecretsConfig& config, const std::filesystem::path& state_folder,
                                                        store::Store& store) {
  auto key = open_master_key(config, state_folder);
  if (!key) return fail(std::move(key.error()));
  auto sealed = std::make_unique<store::SealedStore>(store, std::move(*key),
                                                     [config, state_folder] { return open_master_key(config, state_folder); });
  if (auto fits = sealed->check(); !fits) return fail(std::move(fits.error()));
  return sealed;
}

}  // namespace interlock::cli
