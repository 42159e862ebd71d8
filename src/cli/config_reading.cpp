#include "cli/config_reading.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "net/http_client.hpp"
#include "oauth/fetch.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "interlock.yaml";
constexpr const char* kServiceConfig = "/etc/interlock";
constexpr const char* kServiceState = "/var/lib/interlock";

// `.` and `..` collapsed by the text alone, and no slash at the end.
fs::path tidy(const fs::path& path) {
  auto out = path.lexically_normal();
  return out.has_filename() || out == out.root_path() ? out : out.parent_path();
}

fs::path absolute_folder_of(const fs::path& file) {
  std::error_code ignored;
  return tidy(fs::absolute(file, ignored).parent_path());
}

std::optional<fs::path> folder_in(const ConfigSurroundings& surroundings, std::string_view variable) {
  const auto value = surroundings.environment(variable);
  if (!value || value->empty() || value->front() != '/') return std::nullopt;  // XDG: relative ones are to be ignored
  return tidy(*value);
}

}  // namespace

ConfigSurroundings real_surroundings() { return {.environment = process_environment()}; }

ConfigReader::ConfigReader(const fs::path& file, const ConfigSurroundings& around)
    : reader(file.string()), folder(absolute_folder_of(file)), surroundings(around) {
  reader.expand = [this](std::string_view text) { return expand_environment(text, surroundings.environment); };
}

fs::path ConfigReader::path(const yaml::Node& node, std::string_view what) {
  std::string text = reader.text(node, what);
  if (reader.failed()) return {};
  if (text.empty() || text.find('\0') != std::string::npos) {
    reader.complain(node, "`" + std::string(what) + "` must be a path");
    return {};
  }
  if (text == "~" || text.starts_with("~/")) {
    const auto home = folder_in(surroundings, "HOME");
    if (!home) {
      reader.complain(node, "`" + std::string(what) + "` begins with ~, and HOME is not set", "write the path out");
      return {};
    }
    text = home->string() + text.substr(1);
  }
  return tidy(folder / text);
}

std::vector<fs::path> ConfigReader::paths(const yaml::Node& node, std::string_view what, std::size_t at_most, bool must_exist) {
  std::vector<fs::path> out;
  if (reader.failed()) return out;
  if (node.kind != yaml::Node::Kind::kSequence) {
    reader.complain(node, "`" + std::string(what) + "` must be a list of paths", "write [ ./one, ./two ]");
    return out;
  }
  if (node.items.size() > at_most) {
    reader.complain(node, "`" + std::string(what) + "` has more than " + std::to_string(at_most) + " items", {}, ErrorCode::kTooLarge);
    return out;
  }
  for (const auto& item : node.items) {
    auto one = path(item, what);
    if (reader.failed()) return out;
    std::error_code error;
    if (must_exist && surroundings.check_files && !fs::exists(one, error)) {
      reader.complain(item, "`" + std::string(what) + "`: there is no " + item.text, "relative paths start at the folder of this file",
                      ErrorCode::kNotFound);
      return out;
    }
    out.push_back(std::move(one));
  }
  return out;
}

fs::path ConfigReader::file(yaml::Map& map, std::string_view key) {
  const auto* node = map.find(key);
  if (node == nullptr) return {};
  auto out = path(*node, map.what_of(key));
  std::error_code error;
  if (!reader.failed() && surroundings.check_files && !fs::is_regular_file(out, error)) {
    reader.complain(*node, "`" + map.what_of(key) + "`: there is no file " + node->text, "relative paths start at the folder of this file",
                    ErrorCode::kNotFound);
  }
  return out;
}

fs::path ConfigReader::secret_file(yaml::Map& map, std::string_view key) {
  auto out = file(map, key);
  if (out.empty() || reader.failed() || !surroundings.check_files) return out;
  struct stat facts{};
  if (::stat(out.c_str(), &facts) != 0 || (facts.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    reader.complain(*map.find(key), "`" + map.what_of(key) + "`: other users can read, or its group can write, " + map.find(key)->text,
                    "chmod 600 it, or 640 where a group must read it", ErrorCode::kDenied);
  }
  return out;
}

std::string ConfigReader::endpoint(yaml::Map& map, std::string_view key, bool query) {
  const auto* node = map.find(key);
  if (node == nullptr) return {};
  std::string out = reader.text(*node, map.what_of(key));
  check_endpoint(*node, map.what_of(key), out, query);
  return out;
}

void ConfigReader::check_endpoint(const yaml::Node& node, std::string_view what, std::string_view url, bool query) {
  if (reader.failed()) return;
  const auto parsed = net::parse_url(url);
  if (!parsed || (parsed->scheme != "https" && !is_loopback(parsed->host)))
    reader.complain(node, "`" + std::string(what) + "` is no https address", "write https://HOST/PATH; http is for loopback alone");
  else if (!query && parsed->target.find('?') != std::string::npos)
    reader.complain(node, "`" + std::string(what) + "` has a query", "leave out what begins with ?");
}

jose::Algorithm ConfigReader::algorithm(const yaml::Node& node, std::string_view what) {
  // In the order of jose::Algorithm.
  static constexpr std::array<std::string_view, 10> kNames = {"ES256", "ES384", "ES512", "RS256", "RS384",
                                                              "RS512", "PS256", "PS384", "PS512", "EdDSA"};
  return static_cast<jose::Algorithm>(reader.choice(node, what, kNames));
}

void ConfigReader::each_map(yaml::Map& map, std::string_view key, std::size_t at_most, const char* example,
                            const std::function<void(const yaml::Node&)>& each) {
  const auto* node = map.find(key);
  if (node == nullptr) return;
  if (node->kind != yaml::Node::Kind::kSequence)
    return reader.complain(*node, "`" + map.what_of(key) + "` must be a list", std::string("write - ") + example);
  if (node->items.size() > at_most)
    return reader.complain(*node, "`" + map.what_of(key) + "` has more than " + std::to_string(at_most) + " items", {},
                           ErrorCode::kTooLarge);
  for (const auto& item : node->items) {
    if (reader.failed()) return;
    each(item);
  }
}

// A name below .localhost is left out: a resolver may send it anywhere.
bool is_loopback(std::string_view host) { return !host.ends_with(".localhost") && oauth::is_loopback_host(host); }

bool is_sha256_text(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::string> read_text_file(const fs::path& path, std::size_t limit_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR) return fail(ErrorCode::kNotFound, "there is no file " + path.string());
    return fail(system_error("cannot read " + path.string(), why));
  }
  std::string text;
  struct stat facts{};
  const bool regular = ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  char part[16 * 1024];
  ssize_t got = 0;
  while (regular && text.size() <= limit_bytes && (got = ::read(fd, part, sizeof part)) > 0)
    text.append(part, static_cast<std::size_t>(got));
  const int why = errno;
  ::close(fd);
  if (!regular) return fail(ErrorCode::kInvalid, path.string() + " is not a file");
  if (got < 0) return fail(system_error("cannot read " + path.string(), why));
  if (text.size() > limit_bytes)
    return fail(ErrorCode::kTooLarge, path.string() + " is larger than " + std::to_string(limit_bytes) + " bytes");
  return text;
}

std::optional<fs::path> find_config(const fs::path& folder, const ConfigSurroundings& surroundings) {
  std::vector<fs::path> places = {folder / kFileName};
  if (const auto xdg = folder_in(surroundings, "XDG_CONFIG_HOME")) places.push_back(*xdg / "interlock" / kFileName);
  else if (const auto home = folder_in(surroundings, "HOME")) places.push_back(*home / ".config" / "interlock" / kFileName);
  places.push_back(fs::path(kServiceConfig) / kFileName);
  for (const auto& place : places) {
    std::error_code error;
    if (fs::is_regular_file(place, error)) return place;
  }
  return std::nullopt;
}

fs::path default_state_folder(const ConfigSurroundings& surroundings) {
  if (const auto xdg = folder_in(surroundings, "XDG_STATE_HOME")) return *xdg / "interlock";
  if (const auto home = folder_in(surroundings, "HOME")) return tidy(*home / ".local" / "state" / "interlock");
  return kServiceState;
}

fs::path default_state_folder_for(const fs::path& config_file, const ConfigSurroundings& surroundings) {
  return absolute_folder_of(config_file) == kServiceConfig ? fs::path(kServiceState) : default_state_folder(surroundings);
}

Result<fs::path> state_folder_of(const fs::path& config_file, const ConfigSurroundings& surroundings) {
  const auto text = read_text_file(config_file, kMaxConfigBytes);
  if (!text) return fail(text.error());
  const auto root = yaml::parse(*text, config_file.string(), {.size_bytes = kMaxConfigBytes});
  if (!root) return fail(root.error());
  const auto* node = root->find("state_dir");
  if (node == nullptr || node->kind == yaml::Node::Kind::kNull) return default_state_folder_for(config_file, surroundings);
  ConfigReader in(config_file, surroundings);
  auto folder = in.path(*node, "state_dir");
  if (in.reader.failed()) return fail(*in.reader.error());
  return folder;
}

bool may_be_workspace(const fs::path& folder, const ConfigSurroundings& surroundings) {
  const auto tidied = tidy(folder);
  if (tidied == tidied.root_path()) return false;
  const auto home = folder_in(surroundings, "HOME");
  if (!home) return true;
  const auto from_folder = home->lexically_relative(tidied);  // "." or "user": the folder is the home, or holds it
  return from_folder.empty() || *from_folder.begin() == "..";
}

}  // namespace interlock::cli
