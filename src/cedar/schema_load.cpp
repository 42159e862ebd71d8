// Schemas from their two syntaxes, and between them.
#include "cedar/schema_syntax.hpp"

namespace interlock::cedar {
namespace {

// Attributes inside sets inside attributes: each level of a type is two or three of JSON.
constexpr json::Limits kJsonLimits{.size_bytes = kMaxSchemaBytes, .depth = 4 * kMaxTypeDepth};

std::unexpected<Error> refuse(const Diagnostics& diagnostics, std::vector<Diagnostic>* all) {
  if (all != nullptr) *all = diagnostics.kept();
  return std::unexpected(diagnostics.error());
}

Status check_size(const PolicySource& source) {
  if (source.text.size() <= kMaxSchemaBytes) return {};
  return fail(ErrorCode::kTooLarge, source.name + ": the schema has more than 16 MiB");
}

// A schema as it was read, with what its offsets stand for.
struct ReadSchema {
  SchemaSyntax syntax;
  SchemaPlaces places;
};

Result<ReadSchema> read_text(const PolicySource& source, Diagnostics& diagnostics) {
  if (Status good = check_size(source); !good) return std::unexpected(good.error());
  auto text = std::make_shared<const SourceText>(source.name, source.text);
  ReadSchema read;
  read.places = [text](std::uint32_t offset, std::string message, std::string hint) {
    return text->diagnose(offset, std::move(message), std::move(hint));
  };
  if (!SchemaParser(*text, diagnostics).parse(read.syntax)) return std::unexpected(diagnostics.error());
  return read;
}

Result<ReadSchema> read_json(const PolicySource& source, Diagnostics& diagnostics) {
  if (Status good = check_size(source); !good) return std::unexpected(good.error());
  auto report = [&](std::string message) -> std::unexpected<Error> {
    Diagnostic diagnostic;
    diagnostic.source = source.name;
    diagnostic.message = std::move(message);
    diagnostics.add(std::move(diagnostic));
    return std::unexpected(diagnostics.error());
  };
  Result<json::value> document = json::parse(source.text, kJsonLimits);
  if (!document) return report(document.error().message);
  ReadSchema read;
  auto places = std::make_shared<std::vector<std::string>>();
  std::string fault;
  if (!read_schema_json(*document, read.syntax, *places, fault)) return report(std::move(fault));
  read.places = [places, name = source.name](std::uint32_t offset, std::string message, std::string hint) {
    Diagnostic diagnostic;
    diagnostic.source = name;
    diagnostic.message = (offset < places->size() ? (*places)[offset] + ": " : std::string()) + message;
    diagnostic.hint = std::move(hint);
    return diagnostic;
  };
  return read;
}

using Read = Result<ReadSchema> (*)(const PolicySource&, Diagnostics&);

Result<std::shared_ptr<const SchemaData>> load(const PolicySource& source, Read read, std::vector<Diagnostic>* all,
                                               SchemaSyntax* syntax = nullptr) {
  Diagnostics diagnostics(1);
  Result<ReadSchema> schema = read(source, diagnostics);
  if (!schema && diagnostics.empty()) return std::unexpected(schema.error());
  if (!schema) return refuse(diagnostics, all);
  std::shared_ptr<const SchemaData> data = resolve_schema(schema->syntax, schema->places, diagnostics);
  if (data == nullptr) return refuse(diagnostics, all);
  if (syntax != nullptr) *syntax = std::move(schema->syntax);
  return data;
}

}  // namespace

Result<Schema> Schema::parse(const PolicySource& source, std::vector<Diagnostic>* all) {
  auto data = load(source, read_text, all);
  if (!data) return std::unexpected(data.error());
  return SchemaAccess::wrap(std::move(*data));
}

Result<Schema> Schema::parse_json(const PolicySource& source, std::vector<Diagnostic>* all) {
  auto data = load(source, read_json, all);
  if (!data) return std::unexpected(data.error());
  return SchemaAccess::wrap(std::move(*data));
}

Result<std::string> schema_text_to_json(const PolicySource& text) {
  SchemaSyntax syntax;
  if (auto data = load(text, read_text, nullptr, &syntax); !data) return std::unexpected(data.error());
  return json::write(write_schema_json(syntax));
}

Result<std::string> schema_json_to_text(const PolicySource& json_text) {
  SchemaSyntax syntax;
  if (auto data = load(json_text, read_json, nullptr, &syntax); !data) return std::unexpected(data.error());
  return write_schema_text(syntax);
}

}  // namespace interlock::cedar
