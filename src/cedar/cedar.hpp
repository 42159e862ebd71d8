// Cedar, the policy language, as a library of its own: policies in, a question in, a decision out.
//
//   auto policies = PolicySet::parse({{"policies/base.cedar", text}});          // once, at load; refuses a bad set whole
//   auto store    = Entities::from_json(entities_text);                         // once
//   ValueArena arena;                                                           // per request
//   Request request{.principal = {"Agent", "a1"}, .action = {"Action", "fs/read"}, .resource = {"File", "/work/x"},
//                   .context = arena.record({{"args", Value::json(arguments)}, {"approved", Value::boolean(false)}})};
//   Response response = authorize(*policies, request, *store);
//
// What it must never do: guess. What the language does not allow, or this library does not support, is an error at load with
// file, line and column. What fails while a policy is evaluated is reported in the Response beside the decision: plain Cedar
// skips such a policy, and the caller decides whether that is enough (the gate denies when a `forbid` fails).
//
// Threads: PolicySet and Entities are immutable snapshots; any number of threads may read one at once. ValueArena and
// Request belong to one thread. Nothing here throws, and nothing here waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::cedar {

// ---------------------------------------------------------------------------------------------------------------- names

struct UidData;  // how a uid stands inside values; see storage.hpp

// Type::"id". The hashes are made once, here, so that a uid kept by the caller costs nothing to look up.
class EntityUid {
 public:
  EntityUid() : EntityUid(std::string{}, std::string{}) {}
  // `type` is taken as it stands: it should be a name such as `Agent` or `Acme::Agent`. What comes from outside goes
  // through parse(), or through is_type_name().
  EntityUid(std::string type, std::string id);

  // Reads `Type::"id"` as it is written in a policy.
  static Result<EntityUid> parse(std::string_view text);

  const std::string& type() const { return type_; }
  const std::string& id() const { return id_; }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t type_hash() const { return type_hash_; }
  std::string text() const;  // Type::"id", with the id escaped

  friend bool operator==(const EntityUid& a, const EntityUid& b) { return a.hash_ == b.hash_ && a.id_ == b.id_ && a.type_ == b.type_; }

 private:
  std::string type_;
  std::string id_;
  std::uint64_t type_hash_;
  std::uint64_t hash_;
};

// Whether `text` is a name that an entity type may have: identifiers joined by `::`, none of them reserved.
bool is_type_name(std::string_view text);

// --------------------------------------------------------------------------------------------------------------- values

struct SetData;
struct RecordData;
struct IpData;
class ValueArena;

// One Cedar value in 16 bytes, copied freely. Scalars stand in it; strings, sets, records and uids are views of memory that
// somebody else keeps: a ValueArena, an Entities, a PolicySet, or the caller.
class Value {
 public:
  enum class Kind : std::uint8_t {
    kBool,
    kLong,
    kString,
    kEntity,
    kSet,
    kRecord,
    kDecimal,
    kDatetime,
    kDuration,
    kIp,
    kUnrepresentable,  // JSON that no Cedar value can be (null, 1e300); looking at it is an evaluation error
  };

  Value() = default;  // false
  static Value boolean(bool v) {
    Value r;
    r.bits_.boolean = v;
    return r;
  }
  static Value integer(std::int64_t v) {
    Value r(Kind::kLong);
    r.bits_.number = v;
    return r;
  }
  static Value decimal_from_units(std::int64_t ten_thousandths) {
    Value r(Kind::kDecimal);
    r.bits_.number = ten_thousandths;
    return r;
  }
  static Value datetime_ms(std::int64_t since_epoch_ms) {
    Value r(Kind::kDatetime);
    r.bits_.number = since_epoch_ms;
    return r;
  }
  static Value duration_ms(std::int64_t ms) {
    Value r(Kind::kDuration);
    r.bits_.number = ms;
    return r;
  }
  // The text is not copied: it must live as long as the value is used. ValueArena::string copies.
  static Value borrowed(std::string_view text);

  // A JSON value as *plain data*, not copied and not converted until a policy looks at it, so a request costs what its
  // policies read. Objects are records, arrays are sets, and there are no escapes: an object that says {"__entity": ...} is
  // a record with that field, so data from outside can't name an entity. Numbers: integers are Long; a double with an
  // integral value (5.0) is that Long; one with at most four digits after the point is a decimal; null, and every other
  // number, has no Cedar form, and a policy that looks at it (other than by `has`) fails to evaluate.
  // `v` must outlive the value.
  static Value json(const json::value& v);
  static Value json(const json::object& v);
  static Value json(const json::array& v);
  static Value json(json::value&&) = delete;  // it would not outlive the value
  static Value json(json::object&&) = delete;
  static Value json(json::array&&) = delete;

  Kind kind() const { return kind_; }
  bool is_json() const { return shape_ == Shape::kJsonArray || shape_ == Shape::kJsonObject; }
  bool as_bool() const { return bits_.boolean; }                      // kBool
  std::int64_t as_integer() const { return bits_.number; }            // kLong, kDecimal (ten-thousandths), kDatetime, kDuration (ms)
  std::string_view as_string() const { return {bits_.text, size_}; }  // kString

 private:
  enum class Shape : std::uint8_t { kPlain, kJsonArray, kJsonObject, kHoldsJson };
  explicit Value(Kind kind) : kind_(kind) {}

  Kind kind_ = Kind::kBool;
  Shape shape_ = Shape::kPlain;
  std::uint32_t size_ = 0;
  union Bits {
    std::int64_t number = 0;
    bool boolean;
    const char* text;
    const UidData* uid;
    const SetData* set;
    const RecordData* record;
    const IpData* ip;
    const json::array* json_array;
    const json::object* json_object;
  } bits_;

  friend struct ValueAccess;
};

struct Field {
  std::string_view name;
  Value value;
};

// Keeps what values point to. One per request (or longer); clear() makes it ready for the next without giving memory back.
class ValueArena {
 public:
  ValueArena();
  ~ValueArena();
  ValueArena(ValueArena&&) noexcept;
  ValueArena& operator=(ValueArena&&) noexcept;

  Value string(std::string_view text);  // copies
  Value entity(const EntityUid& uid);   // copies
  Value entity(std::string_view type, std::string_view id);
  // Duplicates fall together. A field that is named twice keeps its last value. Names are copied.
  Value set(std::span<const Value> items);
  Value set(std::initializer_list<Value> items) { return set(std::span(items.begin(), items.size())); }
  Value strings(std::span<const std::string> items);
  Value record(std::span<const Field> fields);
  Value record(std::initializer_list<Field> fields) { return record(std::span(fields.begin(), fields.size())); }
  // `base` (a record) with some fields added or replaced.
  Value with(Value base, std::initializer_list<Field> fields);
  // ip("…"), decimal("…"), datetime("…"), duration("…"): fails as the policy function would.
  Result<Value> extension(std::string_view function, std::string_view argument);
  // Cedar's JSON form, with its escapes {"__entity": {...}} and {"__extn": {...}}: for trusted data. Doubles and null are
  // errors, as upstream has it. `v` need not outlive the call.
  Result<Value> cedar_json(const json::value& v);

  void clear();

 private:
  friend struct ValueAccess;
  std::unique_ptr<class Arena> arena_;
};

// The value in Cedar's own syntax, for messages, tests and logs. Bounded in length.
std::string to_text(Value value);

// ------------------------------------------------------------------------------------------------------------- entities

class EntitiesBuilder;

// A store of entities with their attributes, tags and ancestors: immutable, cheap to copy (one shared pointer), and able to
// lie over another one. A store for all requests holds what lasts; each request adds its own few entities in a layer:
//
//   EntitiesBuilder layer(base);
//   layer.add(agent, arena.record({{"owner", arena.entity(owner)}}), {team});
//   Result<Entities> entities = layer.build();
class Entities {
 public:
  Entities();  // none
  // Cedar's entities JSON: [{"uid", "attrs", "parents", "tags"?}], with explicit or implicit uid escapes.
  static Result<Entities> from_json(std::string_view text);
  static Result<Entities> from_json(const char* text) { return from_json(std::string_view(text)); }
  static Result<Entities> from_json(const std::string& text) { return from_json(std::string_view(text)); }
  static Result<Entities> from_json(const json::value& value);

  bool contains(const EntityUid& uid) const;
  bool is_descendant(const EntityUid& child, const EntityUid& ancestor) const;  // false for one and the same
  std::size_t size() const;

 private:
  friend class EntitiesBuilder;
  friend struct EntitiesAccess;
  explicit Entities(std::shared_ptr<const struct EntityStore> store);
  std::shared_ptr<const struct EntityStore> store_;
};

class EntitiesBuilder {
 public:
  EntitiesBuilder();
  explicit EntitiesBuilder(const Entities& base);  // shares the base
  ~EntitiesBuilder();
  EntitiesBuilder(EntitiesBuilder&&) noexcept;

  // Values are copied in, except that JSON views stay views. Parents need not be in the store. `attributes` and `tags` are
  // records; the default is an empty one.
  void add(const EntityUid& uid, Value attributes = {}, std::span<const EntityUid> parents = {}, Value tags = {});
  void add(const EntityUid& uid, Value attributes, std::initializer_list<EntityUid> parents, Value tags = {}) {
    add(uid, attributes, std::span(parents.begin(), parents.size()), tags);
  }
  // Computes the ancestors. Refuses cycles, an entity added twice with different data, and one that the base has already
  // (ask base.contains()). The builder is empty afterwards and can be used for the next layer over the same base.
  Result<Entities> build();

 private:
  friend struct EntitiesAccess;
  std::unique_ptr<struct EntityStore> store_;
  std::shared_ptr<const struct EntityStore> base_;
};

// ------------------------------------------------------------------------------------------------------------- policies

enum class Effect : std::uint8_t { kPermit, kForbid };

struct PolicySource {
  std::string name;  // of the file, as errors should call it
  std::string text;
};

// One thing wrong in a source: where (both counted from 1; columns in bytes), what, and what to do about it.
struct Diagnostic {
  std::string source;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
  std::string hint;
  std::string source_line;  // the line itself, for a caret under it

  std::string text() const;  // "file:line:column: message (hint)", then the line and a caret
};

struct LoadOptions {
  bool id_from_annotation = false;  // @id("x") names the policy x; without it, and by default, policyN by position in the set
  std::size_t max_source_bytes = std::size_t{16} << 20;  // all sources together
  std::size_t max_policies = 100'000;
  std::size_t max_diagnostics = 20;  // reported per load; the first is also the Error's message
};

struct Annotation {
  std::string name;
  std::string value;       // empty when written without one
  bool has_value = false;  // @name and @name("") differ here only
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

class Policy {
 public:
  const std::string& id() const { return id_; }
  Effect effect() const { return effect_; }
  std::span<const Annotation> annotations() const { return annotations_; }
  // The value of @name; nullopt when the policy does not carry it.
  std::optional<std::string_view> annotation(std::string_view name) const;
  const std::string& source_name() const { return *source_name_; }
  std::uint32_t line() const { return line_; }
  std::uint32_t column() const { return column_; }
  std::string_view text() const { return text_; }
  // A template (it has ?principal or ?resource) that nothing links: it stands in the set and decides nothing.
  bool is_template() const { return is_template_; }

 private:
  friend class PolicySetBuilder;
  std::string id_;
  Effect effect_ = Effect::kForbid;
  bool is_template_ = false;
  std::uint32_t line_ = 0;
  std::uint32_t column_ = 0;
  std::vector<Annotation> annotations_;
  const std::string* source_name_ = nullptr;
  std::string_view text_;
};

struct CompiledPolicies;

// A policy that is a template with its slots filled.
struct TemplateLink {
  std::string template_id;
  std::string id;
  std::optional<EntityUid> principal;  // exactly the slots that the template has
  std::optional<EntityUid> resource;
};

// A set of policies, compiled. An immutable snapshot that is cheap to copy; Policy pointers live as long as any copy of it.
class PolicySet {
 public:
  PolicySet();  // no policies: denies everything
  // All sources are one set. On failure nothing is loaded; `all` receives every diagnostic, and the Error's message is the
  // first one's text.
  static Result<PolicySet> parse(std::span<const PolicySource> sources, const LoadOptions& options = {},
                                 std::vector<Diagnostic>* all = nullptr);
  static Result<PolicySet> parse(std::initializer_list<PolicySource> sources, const LoadOptions& options = {},
                                 std::vector<Diagnostic>* all = nullptr) {
    return parse(std::span(sources.begin(), sources.size()), options, all);
  }

  // This set with the links added, behind the policies it has.
  Result<PolicySet> link(std::span<const TemplateLink> links) const;

  std::span<const Policy> policies() const;  // in the order of the sources
  const Policy* find(std::string_view id) const;

 private:
  friend struct PolicySetAccess;
  friend class PolicySetBuilder;
  std::shared_ptr<const CompiledPolicies> compiled_;
};

// -------------------------------------------------------------------------------------------------------- authorization

struct Request {
  EntityUid principal;
  EntityUid action;
  EntityUid resource;
  Value context;  // a record; the default Value{} stands for an empty one
};

enum class Decision : std::uint8_t { kDeny, kAllow };

struct PolicyError {
  const Policy* policy = nullptr;
  std::string message;  // one sentence with the place: "policies/base.cedar:3:12: `context.args` has no attribute `path`"
};

// Allow: some permit is satisfied and no forbid is; `determining` are the satisfied permits. Deny: `determining` are the
// satisfied forbids, none when nothing permitted. `errors`: each policy whose evaluation failed, whatever the decision.
// Both in the order of the set. The pointers live as long as the PolicySet.
struct Response {
  Decision decision = Decision::kDeny;
  std::vector<const Policy*> determining;
  std::vector<PolicyError> errors;
};

Response authorize(const PolicySet& policies, const Request& request, const Entities& entities);
// The same into a Response that keeps its memory from call to call.
void authorize(const PolicySet& policies, const Request& request, const Entities& entities, Response& response);

// The decision alone, sooner: it is known when one forbid, or no permit, is satisfied.
Decision decide(const PolicySet& policies, const Request& request, const Entities& entities);

// Decisions on requests that share their principal and context, in the order of `targets`: what may this agent do?
struct Target {
  EntityUid action;
  EntityUid resource;
};
std::vector<Decision> decide_each(const PolicySet& policies, const EntityUid& principal, const Value& context,
                                  std::span<const Target> targets, const Entities& entities);

}  // namespace interlock::cedar
