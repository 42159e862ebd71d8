#include "yaml/document.hpp"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace interlock::yaml {
namespace {

std::string at(std::string_view source, std::uint32_t line, std::uint32_t column) {
  return std::string(source) + ':' + std::to_string(line) + ':' + std::to_string(column);
}

// Leaves the parser from inside an event; caught in parse().
struct Refused {
  Error error;
};

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1 + node.keys.size();
  for (const Node& item : node.items) count += count_nodes(item);
  return count;
}

// Builds the tree from the parser's events. Positions of yaml-cpp count from 0.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view source, Limits limits) : source_(source), limits_(limits) {}
  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { put(make(mark, Node::Kind::kNull), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias stands inside what it names", "write the value out");
    nodes_ += count_nodes(found->second);
    if (nodes_ > limits_.nodes) too_many(mark);
    Node copy = found->second;
    copy.line = line_of(mark);
    copy.column = column_of(mark);
    put(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str") refuse(mark, "the tag `" + tag + "` is not understood", "leave it out");
    Node node = make(mark, Node::Kind::kScalar);
    node.quoted = tag != "?";
    node.text = value;
    if (!node.quoted && (value.empty() || value == "~" || value == "null")) {
      node.kind = Node::Kind::kNull;
      node.text.clear();
    }
    put(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    bool wants_value = false;
  };

  static std::uint32_t line_of(const YAML::Mark& mark) { return static_cast<std::uint32_t>(std::max(mark.line, 0) + 1); }
  static std::uint32_t column_of(const YAML::Mark& mark) { return static_cast<std::uint32_t>(std::max(mark.column, 0) + 1); }

  [[noreturn]] void refuse(std::uint32_t line, std::uint32_t column, std::string what, std::string hint, ErrorCode code) {
    throw Refused{Error{code, at(source_, line, column) + ": " + std::move(what), std::move(hint)}};
  }
  [[noreturn]] void refuse(const YAML::Mark& mark, std::string what, std::string hint, ErrorCode code = ErrorCode::kInvalid) {
    refuse(line_of(mark), column_of(mark), std::move(what), std::move(hint), code);
  }
  [[noreturn]] void too_many(const YAML::Mark& mark) {
    refuse(mark, "the file has more than " + std::to_string(limits_.nodes) + " values", "aliases count as often as they are used",
           ErrorCode::kTooLarge);
  }

  Node make(const YAML::Mark& mark, Node::Kind kind) {
    if (++nodes_ > limits_.nodes) too_many(mark);
    Node node;
    node.kind = kind;
    node.line = line_of(mark);
    node.column = column_of(mark);
    return node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    if (tag != "?" && tag != "" && tag != "!") refuse(mark, "the tag `" + tag + "` is not understood", "leave it out");
    if (open_.size() >= limits_.depth) {
      refuse(mark, "values are nested deeper than " + std::to_string(limits_.depth), "", ErrorCode::kTooLarge);
    }
    open_.push_back({make(mark, kind), anchor});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    put(std::move(done.node), done.anchor);
  }

  void put(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      // The copy that the anchor keeps costs memory as an alias does.
      nodes_ += count_nodes(node);
      if (nodes_ > limits_.nodes) {
        refuse(node.line, node.column, "the file has more than " + std::to_string(limits_.nodes) + " values", "use fewer anchors",
               ErrorCode::kTooLarge);
      }
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.wants_value) {
      parent.node.items.push_back(std::move(node));
      parent.wants_value = false;
    } else {
      add_key(parent, std::move(node));
    }
  }

  void add_key(Open& parent, Node key) {
    if (key.kind != Node::Kind::kScalar) {
      refuse(key.line, key.column, "a key must be plain text", "put the key in quotes", ErrorCode::kInvalid);
    }
    if (!seen_before(parent.node, key.text)) {
      parent.node.keys.push_back(std::move(key));
      parent.wants_value = true;
      return;
    }
    refuse(key.line, key.column, "the key `" + key.text + "` is there twice", "keep one of them", ErrorCode::kInvalid);
  }

  static bool seen_before(const Node& map, const std::string& key) {
    return std::any_of(map.keys.begin(), map.keys.end(), [&](const Node& other) { return other.text == key; });
  }

  std::string_view source_;
  Limits limits_;
  std::size_t nodes_ = 0;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size() && i < items.size(); ++i) {
    if (keys[i].text == key) return &items[i];
  }
  return nullptr;
}

Result<Node> parse(std::string_view text, std::string_view source_name, Limits limits) {
  if (text.size() > limits.size_bytes) {
    return fail(ErrorCode::kTooLarge,
                std::string(source_name) + ": the file is larger than " + std::to_string(limits.size_bytes) + " bytes");
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(source_name, limits);
    if (!parser.HandleNextDocument(builder)) return Node{};
    Node root = builder.take();
    TreeBuilder second(source_name, limits);
    if (parser.HandleNextDocument(second)) {
      const Node other = second.take();
      return fail(ErrorCode::kInvalid, at(source_name, other.line, other.column) + ": a second document starts here",
                  "one file holds one document; remove `---`");
    }
    return root;
  } catch (const Refused& refused) {
    return fail(refused.error);
  } catch (const YAML::Exception& e) {
    const auto line = static_cast<std::uint32_t>(std::max(e.mark.line, 0) + 1);
    const auto column = static_cast<std::uint32_t>(std::max(e.mark.column, 0) + 1);
    return fail(ErrorCode::kInvalid, at(source_name, line, column) + ": not YAML: " + e.msg, "check indentation, quotes and brackets");
  } catch (const std::exception& e) {
    return fail(ErrorCode::kInvalid, std::string(source_name) + ": not YAML: " + e.what());
  }
}

}  // namespace interlock::yaml
