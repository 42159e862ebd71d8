// Where policies come from: files that paths name, and the presets in the binary.
#include <algorithm>
#include <fstream>
#include <utility>

#include "policy/policy_engine.hpp"

namespace interlock::policy {

// Made by cmake/Embed.cmake from policies/*.cedar.
std::span<const std::pair<std::string_view, std::string_view>> preset_files();

namespace {

constexpr std::size_t kMaxPolicyBytes = std::size_t{8} << 20;  // a file

Result<std::vector<std::filesystem::path>> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> inside;
  std::error_code error;
  for (auto one = std::filesystem::directory_iterator(folder, error); !error && one != std::filesystem::directory_iterator();
       one.increment(error)) {
    const auto& path = one->path();
    // A name that begins with a dot is an editor's own.
    if (path.extension() == ".cedar" && !path.filename().string().starts_with('.')) inside.push_back(path);
  }
  if (error)
    return fail(ErrorCode::kIo, folder.string() + ": " + error.message(), "check `policies:` in interlock.yaml and the folder's mode");
  std::sort(inside.begin(), inside.end());
  return inside;
}

Result<PolicySource> read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return fail(ErrorCode::kIo, file.string() + ": the file can't be read", "check `policies:` in interlock.yaml and the file's mode");
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return fail(ErrorCode::kIo, file.string() + ": " + error.message(), "policies are regular files");
  if (size > kMaxPolicyBytes)
    return fail(ErrorCode::kTooLarge, file.string() + ": more than " + std::to_string(kMaxPolicyBytes) + " bytes");
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail(ErrorCode::kIo, file.string() + ": reading failed");
  // Half of a policy set that somebody is writing must not come into force.
  if (static_cast<std::uintmax_t>(in.gcount()) != size)
    return fail(ErrorCode::kConflict, file.string() + ": the file changed while it was read", "load it again");
  text.pop_back();
  return PolicySource{file.string(), std::move(text)};
}

}  // namespace

Result<std::vector<PolicySource>> read_sources(std::span<const std::filesystem::path> paths) {
  std::vector<PolicySource> out;
  for (const auto& path : paths) {
    std::error_code error;
    std::vector<std::filesystem::path> files{path};
    if (std::filesystem::is_directory(path, error)) {
      auto inside = files_in(path);
      if (!inside) return fail(std::move(inside.error()));
      files = std::move(*inside);
    }
    for (const auto& file : files) {
      auto source = read_file(file);
      if (!source) return fail(std::move(source.error()));
      out.push_back(std::move(*source));
    }
  }
  return out;
}

Result<std::vector<PolicySource>> preset_sources(std::string_view preset) {
  const std::string file = (preset == "observe" ? std::string("balanced") : std::string(preset)) + ".cedar";
  for (const auto& [name, text] : preset_files()) {
    if (name == file) return std::vector<PolicySource>{{"preset:" + file, std::string(text)}};
  }
  return fail(ErrorCode::kNotFound, "there is no preset `" + std::string(preset) + "`",
              "the presets are observe, balanced, strict and none");
}

}  // namespace interlock::policy
