// Parameters by name, JSON field by field.
#include "web/preview_query.h"

#include <httplib.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace kubase::web {
namespace {

using nlohmann::json;

constexpr std::pair<std::string_view, Cascade> kCascades[] = {
    {"background", Cascade::kBackground},
    {"foreground", Cascade::kForeground},
    {"orphan", Cascade::kOrphan},
};

std::string ValueOf(const QueryParameters& parameters, const std::string& name,
                    std::string absent) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::move(absent) : found->second;
}

// A part of a key of the storage: nothing in it may lead out of its place.
Result<void> CheckName(const std::string& parameter, const std::string& value) {
  if (!value.empty() && value.find('/') == std::string::npos) return Ok();
  return Error{ErrorCode::kInvalidArgument, parameter + " must be given, and has no \"/\" in it"};
}

}  // namespace

Result<Cascade> ParseCascade(std::string_view word) {
  for (const auto& [name, cascade] : kCascades) {
    if (name == word) return cascade;
  }
  return Error{ErrorCode::kInvalidArgument, "cascade must be background, foreground or orphan"};
}

Result<PreviewQuery> ParsePreviewQuery(const QueryParameters& parameters) {
  PreviewQuery query;
  query.kind = ValueOf(parameters, "kind", "");
  query.name = ValueOf(parameters, "name", "");
  query.name_space = ValueOf(parameters, "namespace", query.name_space);
  KUBASE_TRY(CheckName("kind", query.kind));
  KUBASE_TRY(CheckName("name", query.name));
  KUBASE_TRY(CheckName("namespace", query.name_space));
  KUBASE_ASSIGN_OR_RETURN(query.cascade,
                          ParseCascade(ValueOf(parameters, "cascade", "background")));
  const std::string limit = ValueOf(parameters, "limit", std::to_string(query.limit));
  const char* const end = limit.data() + limit.size();
  const auto [rest, failure] = std::from_chars(limit.data(), end, query.limit);
  if (failure != std::errc() || rest != end || query.limit < 1 ||
      query.limit > PreviewQuery::kLimitMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "limit must be a number from 1 to " + std::to_string(PreviewQuery::kLimitMax)};
  }
  return query;
}

std::string PreviewTarget(const PreviewQuery& query) {
  httplib::Params parameters = {{"kind", query.kind},
                                {"name", query.name},
                                {"namespace", query.name_space},
                                {"limit", std::to_string(query.limit)}};
  for (const auto& [word, cascade] : kCascades) {
    if (cascade == query.cascade) parameters.emplace("cascade", word);
  }
  return httplib::append_query_params(std::string(kPreviewPath), parameters);
}

void to_json(json& out, const PreviewEffect& effect) {
  out = {{"outcome", effect.outcome}, {"group", effect.group},
         {"kind", effect.kind},       {"namespace", effect.name_space},
         {"name", effect.name},       {"by", effect.by},
         {"why", effect.why}};
}

void from_json(const json& in, PreviewEffect& effect) {
  effect.outcome = in.value("outcome", "");
  effect.group = in.value("group", "");
  effect.kind = in.value("kind", "");
  effect.name_space = in.value("namespace", "");
  effect.name = in.value("name", "");
  effect.by = in.value("by", "");
  effect.why = in.value("why", "");
}

std::string PreviewToJson(const Preview& preview) {
  const json document = {{"revision", preview.revision}, {"deleted", preview.deleted},
                         {"blocked", preview.blocked},   {"orphaned", preview.orphaned},
                         {"detached", preview.detached}, {"leftAlone", preview.left_alone},
                         {"complete", preview.complete}, {"effects", preview.effects}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Preview> PreviewFromJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    Preview preview;
    preview.revision = document.value("revision", preview.revision);
    preview.deleted = document.value("deleted", preview.deleted);
    preview.blocked = document.value("blocked", preview.blocked);
    preview.orphaned = document.value("orphaned", preview.orphaned);
    preview.detached = document.value("detached", preview.detached);
    preview.left_alone = document.value("leftAlone", preview.left_alone);
    preview.complete = document.value("complete", preview.complete);
    preview.effects = document.value("effects", preview.effects);
    return preview;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kInvalidArgument, std::string("cannot read the preview: ") + e.what()};
  }
}

}  // namespace kubase::web
