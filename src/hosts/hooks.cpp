// Hooks put into the files of a host, and taken out: edit.hpp.
#include <algorithm>

#include "hosts/edit.hpp"
#include "hosts/hook_points.hpp"
#include "hosts/json_text.hpp"

namespace interlock::hosts {
namespace {

using Kind = JsonNode::Kind;

// Where one of ours stands: hooks / EVENT / [group] / "hooks" / [entry], or hooks / EVENT / [entry].
struct Found {
  const JsonNode* event = nullptr;
  std::size_t group = 0;              // in the event's array; of kEntries: the entry itself
  const JsonNode* entries = nullptr;  // the array that holds the entry
  std::size_t entry = 0;
  bool takes_all = true;  // its matcher leaves nothing out
  const JsonNode& node() const { return entries->children[entry]; }
};

const JsonNode* command_of(const HookShape& shape, const JsonNode& entry) {
  const auto* command = entry.member(shape.command_key);
  return command != nullptr && command->is(Kind::kString) ? command : nullptr;
}

bool is_ours(const Host& host, const JsonNode& entry) {
  const auto* command = command_of(hook_shape_of(host), entry);
  return command != nullptr && is_hook_command(host, command->text);
}

bool takes_all(const JsonNode& group) {
  const auto* matcher = group.member("matcher");
  return matcher == nullptr || (matcher->is(Kind::kString) && (matcher->text.empty() || matcher->text == "*"));
}

std::vector<Found> ours_in(const Host& host, const JsonNode& event) {
  std::vector<Found> out;
  const bool grouped = hook_shape_of(host).form == HookForm::kGroups;
  for (std::size_t i = 0; i < event.children.size(); ++i) {
    const auto& child = event.children[i];
    if (!grouped) {
      if (is_ours(host, child)) out.push_back({&event, i, &event, i, takes_all(child)});
      continue;
    }
    const auto* entries = child.member("hooks");
    if (entries == nullptr || !entries->is(Kind::kArray)) continue;
    for (std::size_t j = 0; j < entries->children.size(); ++j)
      if (is_ours(host, entries->children[j])) out.push_back({&event, i, entries, j, takes_all(child)});
  }
  return out;
}

json::object entry_of(const Host& host, const Place& place, const HookPoint& point) {
  const auto& shape = hook_shape_of(host);
  json::object entry;
  if (shape.typed) entry["type"] = "command";
  entry[shape.command_key] = hook_command(host, place.program, place.arguments);
  if (!shape.timeout_key.empty()) entry[shape.timeout_key] = point.timeout != 0 ? point.timeout : shape.timeout;
  if (shape.fail_closed) entry["failClosed"] = true;
  if (shape.on_failure) entry["onFailure"] = "block";
  return entry;
}

json::value element_of(const Host& host, const Place& place, const HookPoint& point) {
  auto entry = entry_of(host, place, point);
  if (hook_shape_of(host).form != HookForm::kGroups) return entry;
  json::object group;
  if (point.of_tools) group["matcher"] = "*";
  group["hooks"] = json::array{std::move(entry)};
  return group;
}

// One file's text on its way: each step changes it and reads it anew.
class HookFile {
 public:
  static Result<HookFile> read(const Host& host, std::string path, std::string text) {
    auto document = read_json_text(std::move(path), std::move(text));
    if (!document) return fail(std::move(document.error()));
    HookFile file(host, std::move(*document));
    if (auto good = file.check(); !good) return fail(std::move(good.error()));
    return file;
  }

  Status install(const Place& place) {
    if (hook_shape_of(host_).versioned && document_.root.member("version") == nullptr) {
      if (auto done = apply(adding(document_, document_.root, "version", 1)); !done) return done;
    }
    if (document_.root.member("hooks") == nullptr) return apply(adding(document_, document_.root, "hooks", all_of(place)));
    for (const auto& point : hook_points_of(host_))
      if (auto done = install_one(place, point); !done) return done;
    return {};
  }

  // Of events other than those in `kept`, which install wants as they are.
  Status remove(std::span<const HookPoint> kept) {
    for (;;) {
      const auto* hooks = document_.root.member("hooks");
      if (hooks == nullptr) return {};
      std::optional<Found> found;
      for (const auto& event : hooks->children) {
        if (std::ranges::find(kept, event.key, &HookPoint::event) != kept.end()) continue;
        if (auto ours = ours_in(host_, event); !ours.empty()) found = ours.front();
        if (found) break;
      }
      if (!found) return {};
      if (auto done = apply(without(*found)); !done) return done;
    }
  }

  const JsonDocument& document() const { return document_; }
  std::string take() { return std::move(document_.text); }

 private:
  HookFile(const Host& host, JsonDocument document) : host_(host), document_(std::move(document)) {}

  std::unexpected<Error> wrong(const JsonNode& node, std::string_view what) const {
    return fail(ErrorCode::kInvalid, document_.place(node.begin) + ": " + std::string(what) + ", so the hooks cannot be put in",
                "nothing was changed; mend the file first");
  }

  Status check() const {
    if (!document_.root.is(Kind::kObject)) return wrong(document_.root, "this is no object");
    const auto* hooks = document_.root.member("hooks");
    if (hooks == nullptr) return {};
    if (!hooks->is(Kind::kObject)) return wrong(*hooks, "`hooks` is no object");
    for (const auto& point : hook_points_of(host_)) {
      const auto* event = hooks->member(point.event);
      if (event != nullptr && !event->is(Kind::kArray)) return wrong(*event, "`" + std::string(point.event) + "` is no array");
    }
    return {};
  }

  json::object all_of(const Place& place) const {
    json::object hooks;
    for (const auto& point : hook_points_of(host_)) hooks[point.event] = json::array{element_of(host_, place, point)};
    return hooks;
  }

  Status apply(std::vector<Splice> splices) {
    auto next = read_json_text(document_.file, spliced(document_.text, std::move(splices)));
    if (!next)
      return fail(ErrorCode::kInternal, "an edit of " + document_.file + " would have broken it",
                  "nothing was changed; please report this");
    document_ = std::move(*next);
    return {};
  }

  // The entry, and what would be left empty without it: its group, its event, `hooks`.
  std::vector<Splice> without(const Found& found) const {
    if (found.entries->children.size() > 1) return taking_out(document_, *found.entries, found.entry);
    if (found.entries != found.event && found.event->children.size() > 1) return taking_out(document_, *found.event, found.group);
    const auto& hooks = *document_.root.member("hooks");
    const auto index = static_cast<std::size_t>(found.event - hooks.children.data());
    if (hooks.children.size() > 1) return taking_out(document_, hooks, index);
    return taking_out(document_, document_.root, static_cast<std::size_t>(&hooks - document_.root.children.data()));
  }

  Status install_one(const Place& place, const HookPoint& point) {
    const auto* event = document_.root.member("hooks")->member(point.event);
    if (event == nullptr)
      return apply(adding(document_, *document_.root.member("hooks"), point.event, json::array{element_of(host_, place, point)}));
    const auto ours = ours_in(host_, *event);
    const auto good = std::ranges::find_if(ours, &Found::takes_all);
    if (good == ours.end() && ours.empty()) return apply(adding(document_, *event, std::nullopt, element_of(host_, place, point)));
    // More than one of ours, or one that a matcher narrows: it goes, and the rest is looked at again.
    for (auto one = ours.begin(); one != ours.end(); ++one) {
      if (one == good) continue;
      if (auto done = apply(without(*one)); !done) return done;
      return document_.root.member("hooks") == nullptr ? install(place) : install_one(place, point);
    }
    return update(place, point, good->node());
  }

  Status update(const Place& place, const HookPoint& point, const JsonNode& node) {
    for (const auto& member : entry_of(host_, place, point)) {
      const std::string_view key(member.key().data(), member.key().size());
      const auto* present = node.member(key);
      if (present == nullptr) {
        if (auto done = apply(adding(document_, node, key, member.value())); !done) return done;
      } else if (!same(*present, member.value())) {
        if (auto done = apply({replacing(document_, *present, member.value())}); !done) return done;
      } else {
        continue;
      }
      return install_one(place, point);
    }
    return {};
  }

  bool same(const JsonNode& node, const json::value& value) const {
    if (value.is_string()) return node.is(Kind::kString) && node.text == json::view(value.get_string());
    return document_.raw(node) == json::write(value);
  }

  const Host& host_;
  JsonDocument document_;
};

bool is_blank_text(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// A file that holds nothing but what install puts there: nobody else's.
bool is_bare(const JsonDocument& document) {
  return std::ranges::all_of(document.root.children, [](const JsonNode& child) { return child.key == "version"; });
}

bool is_file_of_ours(std::string_view path) {
  const auto name = path.substr(path.find_last_of('/') + 1);
  return name.starts_with("interlock");
}

std::string fresh_text(const Host& host, const Place& place) {
  json::object root;
  if (hook_shape_of(host).versioned) root["version"] = 1;
  json::object hooks;
  for (const auto& point : hook_points_of(host)) hooks[point.event] = json::array{element_of(host, place, point)};
  root["hooks"] = std::move(hooks);
  return json_file_text(root);
}

Result<std::optional<std::string>> installed(const Host& host, const Place& place, const std::string& path,
                                             const std::optional<std::string>& before) {
  if (!before) return fresh_text(host, place);
  if (is_blank_text(*before)) return std::string(before->starts_with("\xEF\xBB\xBF") ? "\xEF\xBB\xBF" : "") + fresh_text(host, place);
  auto file = HookFile::read(host, path, *before);
  if (!file) return fail(std::move(file.error()));
  if (auto done = file->remove(hook_points_of(host)); !done) return fail(std::move(done.error()));
  if (auto done = file->install(place); !done) return fail(std::move(done.error()));
  return file->take();
}

Result<std::optional<std::string>> removed(const Host& host, const std::string& path, const std::optional<std::string>& before) {
  if (!before || is_blank_text(*before)) return before;
  auto file = HookFile::read(host, path, *before);
  if (!file) return fail(std::move(file.error()));
  if (auto done = file->remove({}); !done) return fail(std::move(done.error()));
  if (is_file_of_ours(path) && is_bare(file->document())) return std::nullopt;
  return file->take();
}

std::unexpected<Error> not_ours(const std::string& path) {
  return fail(
      ErrorCode::kConflict, path + " is a hook of somebody else's, and there can be only one of this name",
      "nothing was changed; let that file call `interlock hook` first, or put the hooks into the other folder (with or without --project)");
}

Result<std::optional<std::string>> program_text(const Host& host, const Place& place, const std::string& path,
                                                const std::optional<std::string>& before) {
  if (before && !is_blank_text(*before) && !is_hook_file(host, *before)) return not_ours(path);
  return hook_shape_of(host).form == HookForm::kFolder ? hook_script(host, place.program, place.arguments)
                                                       : hook_module(host, place.program, place.arguments);
}

bool is_configuration(const Host& host) {
  const auto form = hook_shape_of(host).form;
  return form == HookForm::kGroups || form == HookForm::kEntries;
}

// What `after_of` makes of each file; those that stay as they are, are left out.
template <typename AfterOf>
Result<std::vector<Change>> changes(const Host& host, const Place& place, const ReadFile& read, AfterOf after_of) {
  std::vector<Change> out;
  for (auto& path : hook_paths(host, place)) {
    auto before = read(path);
    if (!before) return fail(std::move(before.error()));
    auto after = after_of(path, *before);
    if (!after) return fail(std::move(after.error()));
    if (*before == *after) continue;
    const std::uint32_t mode = hook_shape_of(host).form == HookForm::kFolder ? 0755 : 0644;
    out.push_back({std::move(path), std::move(*before), std::move(*after), mode});
  }
  return out;
}

}  // namespace

std::vector<std::string> hook_paths(const Host& host, const Place& place) {
  const auto file = path_of(host, host.hook_files[place.for_project ? 1 : 0], place.folders());
  if (hook_shape_of(host).form != HookForm::kFolder) return {file};
  std::vector<std::string> out;
  for (const auto& point : hook_points_of(host)) out.push_back(file + std::string(point.event));
  return out;
}

Result<std::vector<Change>> install(const Host& host, const Place& place, const ReadFile& read) {
  return changes(host, place, read, [&](const std::string& path, const std::optional<std::string>& before) {
    return is_configuration(host) ? installed(host, place, path, before) : program_text(host, place, path, before);
  });
}

Result<std::vector<Change>> remove(const Host& host, const Place& place, const ReadFile& read) {
  return changes(host, place, read,
                 [&](const std::string& path, const std::optional<std::string>& before) -> Result<std::optional<std::string>> {
                   if (is_configuration(host)) return removed(host, path, before);
                   if (before && is_hook_file(host, *before)) return std::nullopt;
                   return before;
                 });
}

}  // namespace interlock::hosts
