// The files of the page, embedded in the program by embed_assets.cmake.
#pragma once

#include <string>
#include <string_view>

namespace kubase::web {

struct Asset {
  std::string_view file;  // "page.css"
  std::string_view path;  // "/assets/page.0123456789ab.css": changes with the content
  std::string_view hash;  // of the content
  std::string_view content_type;
  std::string_view content;
};

// By the path that a browser asks for; nullptr: there is none.
const Asset* FindAsset(std::string_view path);

// By its file name in this folder, which must be one of those embedded.
const Asset& AssetOf(std::string_view file);

// The document around the page's content (page.html).
std::string_view PageTemplate();

}  // namespace kubase::web
