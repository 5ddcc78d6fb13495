// Result<T>: a value or an Error, for every seam between rooms.
//
// Expected failures are data, never exceptions: an exception of a library is caught in the .cc that
// calls the library. The list of codes is closed; a code exists only when some caller reacts to it
// differently or when the etcd contract gives it a text of its own (shim/wire/status_map.cc).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kubase {

enum class ErrorCode {
  // The etcd contract (api/v3rpc/rpctypes/error.go): each has one exact wire text.
  kCompacted,          // the revision asked for was compacted away
  kFutureRevision,     // the revision asked for does not exist yet
  kEmptyKey,           // a request without a key
  kKeyNotFound,        // ignore_value or ignore_lease on a key that does not exist
  kValueProvided,      // ignore_value together with a value
  kLeaseProvided,      // ignore_lease together with a lease
  kDuplicateKey,       // one transaction changes a key twice on one path
  kTooManyOperations,  // more operations in a transaction than the limit
  kInvalidSortOption,  // unknown sort order or target
  kRequestTooLarge,    // the request exceeds the size limit
  kAnswerTooLarge,     // no message can hold the answer
  kLeaseNotFound,
  kLeaseExists,
  kLeaseTtlTooLarge,
  kDuplicateWatchId,  // a client-chosen watch id that is in use on the stream
  kNoSpace,           // the database or its disk is full
  kLeaderChanged,     // nothing was done: another process leads the database
  // Between our kube-apiserver and the store.
  kCollectedByStorage,  // the garbage collector of kube-controller-manager must leave it alone
  // The rest of the world.
  kInvalidArgument,   // malformed input; the message says what, where and how to fix it
  kNotFound,          // a file, name or record that was asked for does not exist
  kAlreadyExists,     // something that must be new is there
  kPermissionDenied,  // the operating system or the database refuses
  kUnsupported,       // understood, but not offered here
  kOverloaded,        // a bounded queue is full; nothing was done
  kUnavailable,       // nothing was done; the same request may be sent again
  kConflict,          // the database undid it for another's sake: it may be done again at once
  kOutcomeUnknown,    // it may or may not have been done; never retried blindly
  kDeadlineExceeded,  // the caller's time ran out; nothing was done
  kCancelled,         // the caller or the shutdown cancelled; nothing was done
  kCorrupt,           // stored data contradicts itself; a human has to look
  kInternal,          // a failure of the platform that fits no other code
};

// `message` is one sentence for a human: what failed, where, and how to fix it where that is known.
// It never holds a secret.
struct Error {
  ErrorCode code;
  std::string message;
};

// Stops the process on a broken invariant. Always compiled in: after it nothing can be trusted, and
// the supervisor (or systemd) starts a clean process that recovers from the database.
[[noreturn]] inline void CheckFailed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "kubase: broken invariant at %s:%d: %s\n", file, line, what);
  std::abort();
}

#define KUBASE_CHECK(condition) \
  ((condition) ? void() : ::kubase::CheckFailed(__FILE__, __LINE__, #condition))

// Holds exactly one of a T and an Error. Reading the one that is not there is a broken invariant.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    KUBASE_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    KUBASE_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    KUBASE_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    KUBASE_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    KUBASE_CHECK(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

// Success without a value: `return Ok();`.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    KUBASE_CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    KUBASE_CHECK(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

inline Result<void> Ok() {
  return {};
}

// Puts `context` (what was being done) before the message and keeps the code.
inline Error WithContext(Error error, const std::string& context) {
  error.message = context + ": " + error.message;
  return error;
}

}  // namespace kubase

#define KUBASE_CONCAT_INNER(a, b) a##b
#define KUBASE_CONCAT(a, b) KUBASE_CONCAT_INNER(a, b)

// Returns the error of `expression` (a Result) from the enclosing function, if it has one.
#define KUBASE_TRY(expression)                                  \
  do {                                                          \
    if (auto kubase_result = (expression); !kubase_result.ok()) \
      return std::move(kubase_result).error();                  \
  } while (false)

// Declares or assigns `target` from the value of `expression`, or returns its error.
#define KUBASE_ASSIGN_OR_RETURN(target, expression) \
  KUBASE_ASSIGN_OR_RETURN_INNER(KUBASE_CONCAT(kubase_result_, __LINE__), target, expression)
#define KUBASE_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).error();             \
  target = std::move(result).value()
