# Writes OUTPUT, a source file that holds the files of the page (FOLDER/FILE;...), each with a hash
# of its content. Run by the build:
# cmake -DOUTPUT=... -DFOLDER=... -DTEMPLATE=... -DFILES=... -P this.
function(literal out file)
  file(READ "${FOLDER}/${file}" content)
  set(${out} "R\"kubase(${content})kubase\"" PARENT_SCOPE)
endfunction()

set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

set(entries "")
foreach(file IN LISTS FILES)
  file(SHA256 "${FOLDER}/${file}" hash)
  string(SUBSTRING "${hash}" 0 12 hash)
  get_filename_component(stem "${file}" NAME_WE)
  get_filename_component(extension "${file}" LAST_EXT)
  string(SUBSTRING "${extension}" 1 -1 extension)
  literal(content "${file}")
  string(APPEND entries "    {\"${file}\", \"/assets/${stem}.${hash}.${extension}\", \"${hash}\", "
                        "\"${type_${extension}}\",\n     ${content}},\n")
endforeach()
literal(template "${TEMPLATE}")

file(WRITE "${OUTPUT}" "// Written by embed_assets.cmake.
#include \"web/assets.h\"

#include <algorithm>
#include <iterator>

#include \"shim/base/result.h\"

namespace kubase::web {
namespace {

constexpr Asset kAssets[] = {
${entries}};
constexpr std::string_view kTemplate = ${template};

}  // namespace

const Asset* FindAsset(std::string_view path) {
  const auto* found = std::find_if(std::begin(kAssets), std::end(kAssets),
                                   [&](const Asset& asset) { return asset.path == path; });
  return found == std::end(kAssets) ? nullptr : found;
}

const Asset& AssetOf(std::string_view file) {
  const auto* found = std::find_if(std::begin(kAssets), std::end(kAssets),
                                   [&](const Asset& asset) { return asset.file == file; });
  KUBASE_CHECK(found != std::end(kAssets));
  return *found;
}

std::string_view PageTemplate() { return kTemplate; }

}  // namespace kubase::web
")
