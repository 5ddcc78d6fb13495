// YAML that belongs to someone else: parsed, changed and written back without changing its meaning.
//
// yaml-cpp's own output drops the quotes of "123", which turns a string into a number for every Go
// program; this one keeps them. Comments and the layout are not kept (kubectl does not either).
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "shim/base/result.h"

namespace kubase::launcher {

// The one document of `text`; a null node when it is empty. Error: kInvalidArgument with the line
// and the parser's words (never the text): not YAML, or more than one document.
Result<YAML::Node> ParseYaml(const std::string& text);

// The text of `node`, which reads back as the same tree (this is checked). Errors: kInvalidArgument
// (nested deeper than 100, more than a million nodes: anchors can make a short text endless).
Result<std::string> EmitYaml(const YAML::Node& node);

}  // namespace kubase::launcher
