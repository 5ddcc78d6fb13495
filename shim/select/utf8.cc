// The ranges of well-formed UTF-8 are those of the Unicode standard, table 3-7.
#include "shim/select/utf8.h"

#include <cstdint>

namespace kubase::select {
namespace {

struct Lead {
  size_t size;    // of the character
  uint8_t least;  // of the second byte, which excludes overlong forms, surrogates and what is
  uint8_t most;   // beyond Unicode
};

Lead LeadOf(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2 || byte > 0xF4) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {4, 0x80, 0xBF};
}

// 0: no well-formed character begins there.
size_t CharacterSize(std::string_view text) {
  const Lead lead = LeadOf(static_cast<uint8_t>(text[0]));
  if (lead.size < 2) return lead.size;
  if (text.size() < lead.size) return 0;
  const auto second = static_cast<uint8_t>(text[1]);
  if (second < lead.least || second > lead.most) return 0;
  for (size_t i = 2; i < lead.size; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return lead.size;
}

}  // namespace

std::string WithReplacementCharacters(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    if (size == 0) {
      result += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      result += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return result;
}

}  // namespace kubase::select
