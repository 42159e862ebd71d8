#include "ledger/reading.hpp"

#include <fcntl.h>

#include <algorithm>
#include <deque>

#include "base/json.hpp"

namespace interlock::ledger {
namespace {

bool text_matches(const std::string& wanted, const std::string& value) {
  if (wanted.empty()) return true;
  if (wanted.ends_with('*')) return value.starts_with(std::string_view(wanted).substr(0, wanted.size() - 1));
  return wanted == value;
}

bool earlier(const Record& a, const Record& b) { return std::tie(a.at_ms, a.log, a.sequence) < std::tie(b.at_ms, b.log, b.sequence); }

Status find_by_index(const LogPaths& paths, const Query& query, std::vector<Record>& out) {
  auto index = Index::open(paths);
  if (!index) return fail(std::move(index.error()));
  if (auto status = index->catch_up(paths); !status) return status;
  auto rows = index->find(query);
  if (!rows) return fail(std::move(rows.error()));
  auto log = File::open(paths.log(), O_RDONLY);
  if (!log) return fail(std::move(log.error()));
  std::vector<Record> records;
  for (const auto& row : *rows) {
    auto text = read_record(*log, row.offset, row.length);
    if (!text) return fail(std::move(text.error()));
    records.push_back({paths.name(), row.sequence, row.facts.at_ms, std::move(*text)});
  }
  std::ranges::move(records, std::back_inserter(out));
  return {};
}

Status find_by_search(const LogPaths& paths, const Query& query, std::vector<Record>& out, std::vector<std::string>& warnings) {
  auto reader = LogReader::open(paths.log());
  if (!reader) return fail(std::move(reader.error()));
  std::deque<Record> newest;
  std::uint64_t damaged = 0;
  for (;;) {
    auto line = reader->next();
    if (!line) return fail(std::move(line.error()));
    if (line->state == Line::State::kEnd || line->state == Line::State::kTorn) break;
    auto facts = line->state == Line::State::kRecord ? facts_of(line->record) : fail(ErrorCode::kInvalid, "damaged");
    if (!facts) {
      ++damaged;
      continue;
    }
    if (!matches(query, *facts)) continue;
    newest.push_back({paths.name(), line->sequence, facts->at_ms, std::string(line->record)});
    if (newest.size() > query.limit) newest.pop_front();
  }
  if (damaged > 0)
    warnings.push_back("log " + paths.name() + " holds " + std::to_string(damaged) + " damaged records; run: interlock log verify");
  std::ranges::move(newest, std::back_inserter(out));
  return {};
}

Result<std::vector<LogPaths>> logs_of(const std::filesystem::path& folder) {
  auto logs = list_logs(folder);
  if (logs && logs->empty()) {
    return fail(ErrorCode::kNotFound, "there is no ledger in " + folder.string(),
                "it is made when a gate first starts with this state folder");
  }
  return logs;
}

}  // namespace

bool matches(const Query& query, const Facts& facts) {
  return text_matches(query.act, facts.act) && text_matches(query.kind, facts.kind) && text_matches(query.subject, facts.subject) &&
         text_matches(query.task, facts.task) && text_matches(query.server, facts.server) && text_matches(query.action, facts.action) &&
         text_matches(query.verdict, facts.verdict) && (!query.since_ms || facts.at_ms >= *query.since_ms) &&
         (!query.until_ms || facts.at_ms < *query.until_ms);
}

Result<Found> find_receipts(const std::filesystem::path& ledger_folder, const Query& query) {
  auto logs = logs_of(ledger_folder);
  if (!logs) return fail(std::move(logs.error()));
  Found found;
  for (const auto& paths : *logs) {
    std::error_code code;
    if (!std::filesystem::exists(paths.log(), code)) continue;
    if (find_by_index(paths, query, found.records)) continue;
    if (auto status = find_by_search(paths, query, found.records, found.warnings); !status) return fail(std::move(status.error()));
  }
  std::ranges::sort(found.records, earlier);
  if (found.records.size() > query.limit)
    found.records.erase(found.records.begin(), found.records.end() - static_cast<std::ptrdiff_t>(query.limit));
  return found;
}

Result<Record> read_receipt(const std::filesystem::path& ledger_folder, const std::string& log, std::uint64_t sequence) {
  auto logs = logs_of(ledger_folder);
  if (!logs) return fail(std::move(logs.error()));
  for (const auto& paths : *logs) {
    if (paths.name() != log) continue;
    auto reader = LogReader::open(paths.log());
    if (!reader) return fail(std::move(reader.error()));
    for (;;) {
      auto line = reader->next();
      if (!line) return fail(std::move(line.error()));
      if (line->state == Line::State::kEnd || line->state == Line::State::kTorn) break;
      if (line->sequence != sequence) continue;
      if (line->state == Line::State::kDamaged)
        return fail(ErrorCode::kInvalid, "record " + log + ":" + std::to_string(sequence) + " is damaged", "run: interlock log verify");
      auto facts = facts_of(line->record);
      return Record{log, sequence, facts ? facts->at_ms : 0, std::string(line->record)};
    }
  }
  return fail(ErrorCode::kNotFound, "there is no record " + log + ":" + std::to_string(sequence));
}

Result<std::uint64_t> reindex(const std::filesystem::path& ledger_folder) {
  auto logs = logs_of(ledger_folder);
  if (!logs) return fail(std::move(logs.error()));
  std::uint64_t records = 0;
  for (const auto& paths : *logs) {
    std::error_code code;
    if (!std::filesystem::exists(paths.log(), code)) continue;
    auto index = Index::open(paths);
    if (!index) return fail(std::move(index.error()));
    auto status = index->clear();
    if (status) status = index->catch_up(paths);
    if (!status) return fail(std::move(status.error()));
    auto size = index->size();
    if (!size) return fail(std::move(size.error()));
    records += *size;
  }
  return records;
}

Result<Follower> Follower::open(const std::filesystem::path& ledger_folder) {
  Follower follower;
  follower.folder_ = ledger_folder;
  auto logs = logs_of(ledger_folder);
  if (!logs) return fail(std::move(logs.error()));
  for (const auto& paths : *logs) {
    auto reader = LogReader::open(paths.log());
    if (!reader) continue;  // being made
    for (;;) {
      auto line = reader->next();
      if (!line) return fail(std::move(line.error()));
      if (line->state == Line::State::kEnd || line->state == Line::State::kTorn) break;
    }
    follower.readers_.emplace(paths.name(), std::move(*reader));
  }
  return follower;
}

Result<std::vector<Record>> Follower::next() {
  auto logs = list_logs(folder_);
  if (!logs) return fail(std::move(logs.error()));
  std::vector<Record> records;
  for (const auto& paths : *logs) {
    auto at = readers_.find(paths.name());
    if (at == readers_.end()) {
      auto reader = LogReader::open(paths.log());
      if (!reader) continue;  // being made
      at = readers_.emplace(paths.name(), std::move(*reader)).first;
    }
    for (;;) {
      auto line = at->second.next();
      if (!line) return fail(std::move(line.error()));
      if (line->state == Line::State::kEnd || line->state == Line::State::kTorn) break;
      if (line->state != Line::State::kRecord) continue;
      auto facts = facts_of(line->record);
      records.push_back({paths.name(), line->sequence, facts ? facts->at_ms : 0, std::string(line->record)});
    }
  }
  std::ranges::sort(records, earlier);
  return records;
}

}  // namespace interlock::ledger
