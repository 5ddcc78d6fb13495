// Makes protobuf messages by hand, for tests.
#pragma once

#include <string>

namespace kubase::select {

// A field of a message: its number, its size and its bytes. For numbers below 16 and sizes below
// 128, which are one byte each.
inline std::string Bytes(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}

inline std::string Number(int number, int value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}

// As kube-apiserver stores an object.
inline std::string Envelope(const std::string& object) {
  return std::string("k8s\0", 4) + Bytes(1, Bytes(1, "v1") + Bytes(2, "Shirt")) + Bytes(2, object) +
         Bytes(3, "") + Bytes(4, "");
}

}  // namespace kubase::select
