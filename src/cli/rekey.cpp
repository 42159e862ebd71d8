#include "cli/rekey.hpp"

#include "cli/sealing.hpp"

namespace interlock::cli {
namespace {

struct NewKey {
  store::MasterKey key;
  bool in_place = false;  // it stands where the configuration looks already
};

Result<NewKey> new_key(const store::SealedStore& sealed, const SecretsConfig& config, const std::filesystem::path& state_folder,
                       const std::string& file) {
  const auto given = [](Result<store::MasterKey> key) -> Result<NewKey> {
    if (!key) return fail(std::move(key.error()));
    return NewKey{std::move(*key), false};
  };
  if (!file.empty()) {
    if (config.master_key == MasterKeySource::kPassphrase) return given(key_of_passphrase_file(file, state_folder));
    return given(store::MasterKey::read_file(file));
  }
  if (config.master_key == MasterKeySource::kFile) return given(store::MasterKey::generate());
  auto present = open_master_key(config, state_folder);
  if (!present) return fail(std::move(present.error()));
  if (present->id() == sealed.master_id())
    return fail(ErrorCode::kInvalid, "there is no new key to move to",
                "name it with --new-key-file FILE, or put it in its place first and say this again");
  return NewKey{std::move(*present), true};
}

// Puts the key where the configuration looks. Empty: it is there; else what people have to do.
Result<std::string> place_key(const store::MasterKey& key, const SecretsConfig& config, const std::filesystem::path& state_folder) {
  Status placed;
  switch (config.master_key) {
    case MasterKeySource::kFile: placed = key.replace_file(key_file_of(config, state_folder)); break;
    case MasterKeySource::kKeyring: placed = key.replace_in_keyring(config.master_key_name); break;
    case MasterKeySource::kSystemd:
      return "give the service the new credential " + config.master_key_name + " and restart it; until then both keys open";
    case MasterKeySource::kPassphrase:
      return "put the new passphrase in the place of the old one and restart the gate; until then both open";
  }
  if (!placed) return fail(std::move(placed.error()));
  return std::string();
}

}  // namespace

Result<RekeyReport> rekey_store(store::SealedStore& sealed, const SecretsConfig& config, const std::filesystem::path& state_folder,
                                const std::string& new_key_file, bool keep_data_key, UnixMs now_ms) {
  auto next = new_key(sealed, config, state_folder, new_key_file);
  if (!next) return fail(std::move(next.error()));
  RekeyReport report;
  report.master = next->key.id();
  if (auto begun = sealed.begin_rekey(next->key); !begun) return fail(std::move(begun.error()));
  if (!next->in_place) {
    auto left = place_key(next->key, config, state_folder);
    if (!left) return fail(std::move(left.error()));
    report.next = std::move(*left);
  }
  report.finished = report.next.empty();
  if (report.finished) {
    if (auto finished = sealed.finish_rekey(); !finished) return fail(std::move(finished.error()));
  }
  if (keep_data_key) return report;
  auto rotation = sealed.rotate_data_key(now_ms);
  if (!rotation) return fail(std::move(rotation.error()));
  report.rotation = *rotation;
  return report;
}

}  // namespace interlock::cli
