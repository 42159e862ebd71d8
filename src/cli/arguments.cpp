#include "cli/arguments.hpp"

#include "yaml/document.hpp"

namespace interlock::cli {

std::string Arguments::value(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const auto near = yaml::nearest(word, known);
  return near.empty() ? std::string() : " (did you mean " + near + "?)";
}

Arguments parse_arguments(const Words& words, const std::set<std::string>& flags, const std::set<std::string>& with_value) {
  Arguments out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--") {
      out.after_dashes = true;
      out.rest.insert(out.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    const auto equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const auto name = word.substr(0, equals);
    const bool is_flag = name == "--json" || name == "--help" || name == "-h" || flags.contains(name);
    if (is_flag && equals != std::string::npos) {
      out.wrong = name + " takes no value";
    } else if (is_flag) {
      out.flags.insert(name == "-h" ? "--help" : name);
    } else if (with_value.contains(name)) {
      if (equals != std::string::npos) out.values.emplace(name, word.substr(equals + 1));
      else if (i + 1 < words.size()) out.values.emplace(name, words[++i]);
      else out.wrong = name + " needs a value";
    } else if (word.size() > 1 && word.front() == '-') {
      std::vector<std::string_view> known = {"--json", "--help"};
      known.insert(known.end(), flags.begin(), flags.end());
      known.insert(known.end(), with_value.begin(), with_value.end());
      out.wrong = "unknown option " + name + did_you_mean(name, known);
    } else {
      out.rest.push_back(word);
    }
  }
  return out;
}

Places take_places(Words& words) {
  Places out;
  Words kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") {
      kept.insert(kept.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      break;
    }
    const auto equals = words[i].find('=');
    const auto name = words[i].substr(0, equals);
    if (name != "--config" && name != "--state") {
      kept.push_back(words[i]);
      continue;
    }
    auto& target = name == "--config" ? out.config : out.state;
    if (equals != std::string::npos) target = words[i].substr(equals + 1);
    else if (i + 1 < words.size()) target = words[++i];
    if (target.empty()) out.wrong = name + " needs a value";
  }
  words = std::move(kept);
  return out;
}

}  // namespace interlock::cli
